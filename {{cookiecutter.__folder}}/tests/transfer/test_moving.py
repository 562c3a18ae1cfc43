"""`flask customers export`, `import` and `verify`, whichever the storage is."""

import sys
from pathlib import Path

import pytest
from flask.testing import FlaskCliRunner

from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.storage import CustomerStorage

from .samples import ADA, ALAN, AUGUSTA, GRACE, Run, contents, lines


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
