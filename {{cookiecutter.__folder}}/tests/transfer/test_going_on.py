"""Imports that are stopped, and go on where they were."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from {{ cookiecutter.package_name }} import create_app
from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.storage import CustomerStorage
from {{ cookiecutter.package_name }}.transfer.importing import Import

from .samples import ADA, ALAN, GRACE, Run, contents, lines

PROJECT = Path(__file__).parents[2]
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
