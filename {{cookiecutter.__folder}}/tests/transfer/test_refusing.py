"""What stands in the way of an import, or is wrong with the file: told, and nothing is changed."""

from pathlib import Path

import pytest

from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.storage import CustomerStorage

from .samples import ADA, ALAN, AUGUSTA, GRACE, Run, contents, lines


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
