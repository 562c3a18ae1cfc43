"""No file with a secret is put into git, into an image or into a package."""

import fnmatch
from pathlib import Path, PurePosixPath

import pytest

from .bake import Bake

SECRET = "pl4nted"  # noqa: S105, a part of every secret here

IN_THE_FOLDER = (
    ".env",
    ".env.production",
    "customers.db",
    "customers.db-wal",
    "customers.json",
    "customers.json.tmp",
    "customers.jsonl",
    "server.key",
)


@pytest.fixture
def planted(bake: Bake, tmp_path: Path) -> Bake:
    """A copy of each combination with secrets in files, also inside of its package."""
    copy = bake.copy_to(tmp_path)
    for file in IN_THE_FOLDER:
        (copy.path / file).write_text(SECRET)
    for file in (".env", "server.key"):
        (copy.path / copy.package / file).write_text(SECRET)
    return copy


def test_git_takes_no_file_with_a_secret(planted: Bake, bake: Bake) -> None:
    for command in ("init --quiet", "add --all"):
        assert planted.run("git", *command.split()).returncode == 0
    assert sorted(planted.run("git", "ls-files").stdout.split()) == bake.files()


def test_image_is_built_without_a_file_with_a_secret(planted: Bake) -> None:
    rules = [
        line for line in planted.read(".dockerignore").splitlines() if not line.startswith("#")
    ]
    sent = [file for file in planted.files() if is_sent(file, rules)]
    assert {"pyproject.toml", "run.py", f"{planted.package}/api.py"} <= set(sent)
    assert [file for file in sent if planted.read(file) == SECRET] == []


def is_sent(file: str, rules: list[str]) -> bool:
    """Whether a file is part of what an image is built of: the last rule that matches decides.

    See https://docs.docker.com/build/concepts/context/#dockerignore-files.
    """
    sent = True
    path = PurePosixPath(file)
    for rule in rules:
        pattern = rule.removeprefix("!")
        tops = [str(one) for one in (path, *path.parents)]
        matches = any(
            fnmatch.fnmatch(part, pattern.removeprefix("**/"))
            for part in (path.parts if pattern.startswith("**/") else tops)
        )
        if matches:
            sent = rule.startswith("!")
    return sent
