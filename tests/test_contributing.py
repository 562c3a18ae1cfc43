"""CONTRIBUTING.md, followed literally by somebody who makes a first change."""

import sys
from pathlib import Path

import pytest

from .developer import Developer
from .page_in_terminal import Reader
from .updating import Workshop

pytestmark = pytest.mark.slow

# In the place of `make test-fast`, which this run has done already: what judges the change.
JUDGES = "pytest -q tests/test_sizes.py tests/test_static.py tests/test_template.py"


class Newcomer(Developer):
    """Someone who follows the page in a fresh clone.

    Attributes:
        tried: Of each time that the project's tests were run: whether they passed, and the output.
    """

    def __init__(self, reader: Reader, checkout: Path) -> None:
        super().__init__(checkout, "CONTRIBUTING.md", make={"test-fast": [JUDGES]})
        self._reader = reader
        self.tried: list[tuple[bool, str]] = []

    def run(self, command: str) -> None:
        if command.startswith("make "):
            super().run(command)
        elif "pytest" in command:
            done = self._reader.run(self.folder, command)
            self.tried.append((done.returncode == 0, done.stdout + done.stderr))
        else:
            self._reader.follow(self.folder, command)


@pytest.fixture
def newcomer(workshop: Workshop, tmp_path: Path) -> Newcomer:
    """Someone who has cloned the template, and installed what it needs."""
    reader = Reader.of("CONTRIBUTING.md", tmp_path / "reader", workshop)
    clone, fast, *_ = reader.blocks("Contributing")
    reader.follow(reader.folder, clone)
    checkout = reader.folder / "cookiecutter-flask-store"
    # What `make` would install is what runs this test.
    (checkout / ".venv").mkdir()
    for part in Path(sys.prefix).iterdir():
        (checkout / ".venv" / part.name).symlink_to(part)
    assert fast == "make test-fast\n"  # of what is not changed, as in the run of this test
    return Newcomer(reader, checkout)


@pytest.mark.long
def test_first_change_is_made_from_clone_to_commit_as_the_page_says(newcomer: Newcomer) -> None:
    newcomer.follow("A first change")
    (before, why), (after, output) = newcomer.tried
    assert (before, after) == (False, True), why + output
    assert "No such command 'count'" in why
    newcomer.run("git diff --quiet HEAD")
    newcomer.run('test "$(git log -1 --format=%s)" = "Count customers from the command line"')
