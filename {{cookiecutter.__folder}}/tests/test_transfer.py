"""`flask customers export`, `import` and `verify`, whichever the storage is."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path

import pytest
from click.testing import Result
from flask.testing import FlaskCliRunner

from {{ cookiecutter.package_name }} import create_app
from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.storage import CustomerStorage
from {{ cookiecutter.package_name }}.transfer.importing import Import

ADA = Customer("1", "Ada", "Lovelace")
ALAN = Customer("2", "Alan", "Türing")
GRACE = Customer("3", "Grace", "Hopper")
AUGUSTA = Customer("1", "Augusta", "King")

PROJECT = Path(__file__).parents[1]


def contents(storage: CustomerStorage) -> set[Customer]:
    return set(chain.from_iterable(storage.stream()))


def lines(customers: Iterable[Customer]) -> str:
    return "".join(
        json.dumps(
            {
                "customerID": customer.customer_id,
                "firstName": customer.first_name,
                "lastName": customer.last_name,
            }
        )
        + "\n"
        for customer in customers
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of Ada and Alan."""
    file = tmp_path / "moved.jsonl"
    file.write_text(lines([ADA, ALAN]))
    return file


@pytest.fixture
def run(cli: FlaskCliRunner) -> Callable[..., Result]:
    """Runs `flask customers …`."""
    return lambda *args: cli.invoke(args=["customers", *map(str, args)])


Run = Callable[..., Result]


# Export and import


@pytest.mark.parametrize("name", ["moved.json", "moved.jsonl"])
def test_exported_customers_are_imported_again(
    run: Run, storage: CustomerStorage, tmp_path: Path, name: str
) -> None:
    storage.set_many([ADA, ALAN, GRACE])
    file = tmp_path / name
    exported = run("export", file)
    assert exported.exit_code == 0, exported.output
    storage.delete_many(["1", "2", "3"])

    imported = run("import", file)
    assert imported.exit_code == 0, imported.output
    assert contents(storage) == {ADA, ALAN, GRACE}
    assert "done: 3 added" in imported.output
    # Both tell the same checksum.
    assert exported.output.split()[-1] == imported.output.split()[-1]
    assert run("verify", file).exit_code == 0


def test_nothing_is_exported_imported_and_verified_too(run: Run, tmp_path: Path) -> None:
    for name in ("none.json", "none.jsonl"):
        for command in ("export", "import", "verify"):
            result = run(command, tmp_path / name)
            assert result.exit_code == 0, result.output


def test_standard_streams_take_the_place_of_a_file(
    cli: FlaskCliRunner, storage: CustomerStorage
) -> None:
    storage.set_many([ADA, ALAN])
    exported = cli.invoke(args=["customers", "export", "-"])
    storage.delete_many(["1", "2"])
    imported = cli.invoke(args=["customers", "import", "-"], input=exported.stdout)
    assert imported.exit_code == 0, imported.output
    assert contents(storage) == {ADA, ALAN}
    assert cli.invoke(args=["customers", "verify", "-"], input=exported.stdout).exit_code == 0


def test_hand_kept_object_is_imported(run: Run, storage: CustomerStorage, tmp_path: Path) -> None:
    file = tmp_path / "kept.txt"
    file.write_text('{"1":\n\n  ' + lines([ADA]) + "}\n")
    assert run("import", "--format", "json", file).exit_code == 0
    assert contents(storage) == {ADA}


def test_exported_file_is_its_owner_s_alone(run: Run, file: Path) -> None:
    run("export", "--overwrite", file)
    assert sys.platform == "win32" or file.stat().st_mode & 0o777 == 0o600


def test_export_replaces_no_file_unless_told_to(
    run: Run, storage: CustomerStorage, file: Path
) -> None:
    before = file.read_text()
    result = run("export", file)
    assert result.exit_code == 1
    assert result.output.splitlines()[-1] == (
        f"Error: {file} is there already; choose another name, or add --overwrite"
    )
    assert file.read_text() == before
    storage.set(GRACE)
    assert run("export", "--overwrite", file).exit_code == 0
    assert "Hopper" in file.read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_full_disk_leaves_no_part_of_an_export(
    run: Run, storage: CustomerStorage, file: Path
) -> None:
    import resource

    storage.set_many(Customer(f"{number}", "x" * 200, "y" * 200) for number in range(500))
    before = file.read_text()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        result = run("export", "--overwrite", file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert result.exit_code == 1
    assert result.output == f"Error: {file}: File too large; nothing was exported\n"
    assert file.read_text() == before
    assert [path.name for path in file.parent.glob("moved*")] == ["moved.jsonl"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["export", "{}/missing/x.json"], "No such file or directory; nothing was exported"),
        (["import", "{}/missing.json"], "No such file or directory; nothing was changed"),
        (["verify", "{}/missing.json"], "No such file or directory; nothing was compared"),
        (["import", "{}/x.csv"], "say how it is written: --format json or jsonl"),
    ],
)
def test_file_that_cannot_be_used_is_one_line(
    run: Run, tmp_path: Path, args: list[str], message: str
) -> None:
    result = run(*(argument.format(tmp_path) for argument in args))
    assert result.exit_code == 1
    (line,) = result.output.splitlines()
    assert line.endswith(f": {message}")


# What is there already


def test_customer_who_is_there_already_just_so_is_left_alone(
    run: Run, storage: CustomerStorage, file: Path
) -> None:
    storage.set(ADA)
    result = run("import", file)
    assert result.exit_code == 0
    assert "done: 1 added, 1 unchanged\n" in result.output
    assert run("import", file).output.startswith("done: 2 unchanged\n")


def test_conflict_changes_nothing_by_default(
    run: Run, storage: CustomerStorage, file: Path
) -> None:
    storage.set(AUGUSTA)
    result = run("import", file)
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        'line 1, "1": is there already, with other names',
        f"Error: {file}: 1 wrong; nothing was changed",
    ]
    assert contents(storage) == {AUGUSTA}


@pytest.mark.parametrize(
    ("options", "after", "counts", "status"),
    [
        (["--on-conflict", "skip"], {AUGUSTA, ALAN}, "1 added, 1 skipped", 0),
        (["--on-conflict", "overwrite"], {ADA, ALAN}, "1 added, 1 replaced", 0),
        (["--keep-going"], {AUGUSTA, ALAN}, "1 added, 1 refused", 1),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_conflict_is_settled_as_told(
    run: Run,
    storage: CustomerStorage,
    file: Path,
    options: list[str],
    after: set[Customer],
    counts: str,
    status: int,
) -> None:
    storage.set(AUGUSTA)
    rehearsed = run("import", "--dry-run", *options, file)
    assert contents(storage) == {AUGUSTA}
    assert f"this would be done: {counts}\n" in rehearsed.output
    done = run("import", *options, file)
    assert contents(storage) == after
    assert f"done: {counts}\n" in done.output
    assert (rehearsed.exit_code, done.exit_code) == (status, status)


def test_others_are_deleted_if_told_so(run: Run, storage: CustomerStorage, file: Path) -> None:
    storage.set_many([AUGUSTA, GRACE])
    options = ["--on-conflict", "overwrite", "--delete-others"]
    rehearsed = run("import", "--dry-run", *options, file)
    assert "this would be done: 1 added, 1 replaced, 1 deleted\n" in rehearsed.output
    assert contents(storage) == {AUGUSTA, GRACE}
    assert "done: 1 added, 1 replaced, 1 deleted\n" in run("import", *options, file).output
    assert contents(storage) == {ADA, ALAN}


# What is wrong

BAD = {
    "a missing field": '{"customerID":"7","firstName":"x"}\n',
    "a wrong field": '{"customerID":"7","firstName":1,"lastName":"x"}\n',
    "a customer twice": lines([ADA]),
    "no JSON": "customers\n",
    "a long line": '{"customerID":"' + "x" * 10_000_000 + '"}\n',
    "another encoding": "\udcff\n",
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_file_with_a_bad_record_changes_nothing(
    run: Run, storage: CustomerStorage, file: Path, bad: str
) -> None:
    text = lines([ADA]) + bad + lines([ALAN])
    file.write_bytes(text.encode(errors="surrogateescape"))
    for options in ([], ["--dry-run"]):
        result = run("import", *options, file)
        assert result.exit_code == 1
        complaint, error = result.output.splitlines()
        assert complaint.startswith("line 2")
        assert error == f"Error: {file}: 1 wrong; nothing was changed"
    assert contents(storage) == set()


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_keep_going_imports_the_others_and_fails(
    run: Run, storage: CustomerStorage, file: Path, bad: str
) -> None:
    text = lines([ADA]) + bad + lines([ALAN])
    file.write_bytes(text.encode(errors="surrogateescape"))
    assert "this would be done: 2 added, 1 refused\n" in (
        run("import", "--keep-going", "--dry-run", file).output
    )
    result = run("import", "--keep-going", file)
    assert result.exit_code == 1
    assert result.output.startswith("line 2")
    assert "done: 2 added, 1 refused\n" in result.output
    assert contents(storage) == {ADA, ALAN}


@pytest.mark.parametrize("name", ["moved.json", "moved.jsonl"])
def test_export_that_was_cut_off_changes_nothing(
    run: Run, storage: CustomerStorage, tmp_path: Path, name: str
) -> None:
    storage.set_many([ADA, ALAN])
    file = tmp_path / name
    run("export", file)
    storage.delete_many(["1", "2"])
    whole = file.read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 2):
        file.write_bytes(whole[:length])
        result = run("import", file)
        assert result.exit_code == 1
        assert result.output.endswith("nothing was changed\n")
    assert contents(storage) == set()


def test_other_fields_are_told(run: Run, storage: CustomerStorage, file: Path) -> None:
    file.write_text(lines([ADA]).replace("}", ', "age": 36}'))
    result = run("import", file)
    assert result.exit_code == 0
    assert f"{file}: 1 customer with other fields, which are not kept\n" in result.output
    assert contents(storage) == {ADA}


# Verify


def test_differences_are_told(run: Run, storage: CustomerStorage, file: Path) -> None:
    storage.set_many([AUGUSTA, GRACE])
    result = run("verify", file)
    assert result.exit_code == 1
    assert [line for line in result.output.splitlines() if "checksum" not in line] == [
        'line 1, "1": has other names in the storage',
        'line 2, "2": is not in the storage',
        '"3": is in the storage, and not in the file',
        "Error: they are not the same",
    ]


def test_differences_are_counted_when_they_are_many(
    run: Run, storage: CustomerStorage, file: Path
) -> None:
    storage.set_many(Customer(f"other {number}", "", "") for number in range(150))
    output = run("verify", file).output.splitlines()
    told = [line for line in output if "checksum" not in line]
    assert told[100:] == ["and 52 more differences", "Error: they are not the same"]


def test_file_with_something_wrong_is_not_the_same(
    run: Run, storage: CustomerStorage, file: Path
) -> None:
    storage.set(ADA)
    file.write_text(lines([ADA, ADA]))
    result = run("verify", file)
    assert result.exit_code == 1
    assert 'line 2, "1": this customer ID stands in the file twice' in result.output


# An import that is stopped

BATCH = 500
IMPORT = """
import os, signal, sys
from flask.cli import main
import run

Storage = type(run.app.extensions["customer_storage"])
Storage.bulk_size = int(os.environ["BATCH"])
signal.signal(signal.SIGINT, signal.default_int_handler)  # else ignored in a shell's background
ending = os.environ.get("STOPPED_BY")

def stopped_in_the_middle(write):
    # When the second batch is written, and the journal does not say so yet.
    calls = []

    def written(self, customers):
        found = write(self, customers)
        calls.append(None)
        if len(calls) == 2:
            os.kill(os.getpid(), int(ending))
        return found

    return written

if ending:
    for name in ("add_many", "set_many"):
        setattr(Storage, name, stopped_in_the_middle(getattr(Storage, name)))
main()
"""


class Importing:
    """`flask customers import` of many customers, as a process of its own."""

    def __init__(self, environ: dict[str, str], folder: Path) -> None:
        self.customers = [Customer(f"{n:06}", f"First {n}", "x" * 50) for n in range(4 * BATCH)]
        self.file = folder / "many.jsonl"
        self.file.write_text(lines(self.customers))
        self.journal = Path(f"{self.file}.importing")
        self.environ = {**os.environ, **environ, "FLASK_APP": "run", "BATCH": str(BATCH)}

    def stop_in_the_middle(self, how: signal.Signals, *options: str) -> str:
        """Start it; a signal ends it before all is imported. What it printed."""
        done = self._run(*options, STOPPED_BY=str(how.value))
        assert done.returncode == {signal.SIGKILL: -9, signal.SIGINT: 130}[how], done.stdout
        assert self.journal.exists()
        return done.stdout

    def finish(self, *options: str) -> str:
        """Run it to its end; what it printed."""
        done = self._run(*options)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def _run(self, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", IMPORT, "customers", "import", *options, str(self.file)],
            cwd=PROJECT,
            env={**self.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture
def importing(environ: dict[str, str], tmp_path: Path) -> Importing:
    """Imports more customers than it gives to the storage at once."""
    return Importing(environ, tmp_path)


unix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")


@unix
@pytest.mark.parametrize(
    "options", [[], ["--on-conflict", "overwrite", "--delete-others"]], ids=len
)
def test_killed_import_goes_on_where_it_was(
    importing: Importing, storage: CustomerStorage, options: list[str]
) -> None:
    importing.stop_in_the_middle(signal.SIGKILL, *options)
    assert contents(storage) == set(importing.customers[: 2 * BATCH])

    output = importing.finish(*options)
    assert output.startswith(f"going on behind the {BATCH} ")
    assert f"many.jsonl: {len(importing.customers):,} customers, checksum" in output
    assert contents(storage) == set(importing.customers)
    assert [path.name for path in importing.file.parent.glob("many*")] == ["many.jsonl"]


@unix
@pytest.mark.any_storage
def test_ctrl_c_says_how_to_go_on(importing: Importing, storage: CustomerStorage) -> None:
    output = importing.stop_in_the_middle(signal.SIGINT)
    assert output.splitlines()[-1] == "stopped; run the same command again to go on"
    importing.finish()
    assert contents(storage) == set(importing.customers)


@unix
@pytest.mark.any_storage
def test_import_begins_anew_where_the_customers_are_gone(
    importing: Importing, storage: CustomerStorage
) -> None:
    importing.stop_in_the_middle(signal.SIGKILL)
    storage.delete_many([customer.customer_id for customer in contents(storage)])
    assert not importing.finish().startswith("going on")
    assert contents(storage) == set(importing.customers)


@unix
@pytest.mark.any_storage
def test_import_begins_anew_when_the_file_was_changed(
    importing: Importing, storage: CustomerStorage
) -> None:
    importing.stop_in_the_middle(signal.SIGKILL)
    more = Customer("more", "One", "More")
    importing.file.write_text(lines([more, *importing.customers]))
    assert not importing.finish().startswith("going on")
    assert contents(storage) == {more, *importing.customers}


def test_file_that_is_changed_while_it_is_read_stops_the_import(
    run: Run, storage: CustomerStorage, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rehearse = Import.rehearse

    def rehearse_and_change(self: Import, *, ask: bool) -> None:
        rehearse(self, ask=ask)
        file.write_text(lines([ADA, GRACE, ALAN]))

    monkeypatch.setattr(Import, "rehearse", rehearse_and_change)
    result = run("import", file)
    assert result.exit_code == 1
    assert result.output == (
        "Error: the file was changed while it was read; run the same command again to go on\n"
    )
    assert contents(storage) == set()


def test_storage_that_is_lost_is_told_and_nothing_is_changed(
    environ_of_lost_storage: dict[str, str], file: Path
) -> None:
    app = create_app({**environ_of_lost_storage, "RETRY_DEADLINE_SECONDS": "0.2"})
    for command in ("import", "verify"):
        result = app.test_cli_runner().invoke(args=["customers", command, str(file)])
        assert result.exit_code == 1
        assert result.output.startswith("Error: ")
        assert len(result.output.splitlines()) == 1
    target = file.parent / "new.jsonl"
    assert app.test_cli_runner().invoke(args=["customers", "export", str(target)]).exit_code == 1
    assert [path.name for path in file.parent.glob("new*")] == []
