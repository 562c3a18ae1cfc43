"""docs/extend.md of each project, followed literally by a developer who copies from it."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .bake import Bake
from .databases import databases_of

pytestmark = pytest.mark.slow

# In the order of the page: a file to write or to change, or commands to run.
STEP = re.compile(r"`(?P<file>[\w./]+\.py)`|^```(?P<kind>\w+)\n(?P<text>.*?)^```", re.M | re.S)
TESTS = ("orders", "http_contract", "openapi", "commands", "migrations")


class Developer:
    """Someone who follows the page in a copy of the project.

    Attributes:
        project: The copy.
        revisions: What the revisions that Alembic writes should hold, by the page.
    """

    def __init__(self, project: Bake, environ: dict[str, str], others: str = "") -> None:
        self.project = project
        self._environ = {**environ, "FLASK_APP": "run"}
        self._others = others  # an option of pytest that leaves out the other databases
        self.revisions: list[str] = []

    def follow(self, section: str) -> None:
        """Do what a section says."""
        page = self.project.read("docs/extend.md")
        (text,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
        file = ""
        lines = 0  # that are added
        for step in STEP.finditer(text):
            match step["kind"]:
                case None:
                    file = step["file"]
                case "diff":
                    lines += self._change(file, step["text"].splitlines())
                case "python" if step["text"].startswith("def upgrade"):
                    self.revisions.append(step["text"])
                case "python":
                    lines += self._write(file, step["text"])
                case "console":
                    for command in step["text"].splitlines():
                        self._run(command)
        (stated,) = re.findall(r"(\d+) lines", text)
        assert int(stated) == lines

    def _write(self, file: str, text: str) -> int:
        assert not (self.project.path / file).exists()
        (self.project.path / file).write_text(text)
        return len(text.splitlines())

    def _change(self, file: str, lines: list[str]) -> int:
        """Put the lines with a plus into the file, where the page shows them; how many they are."""
        before = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("+"))
        after = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("-"))
        text = self.project.read(file)
        assert text.count(before) == 1, f"{file}: {before}"
        (self.project.path / file).write_text(text.replace(before, after))
        return sum(line.startswith("+") for line in lines)

    def _run(self, command: str) -> None:
        """Run a command, or, for `make`, those parts of it that concern what was added."""
        commands = [command]
        if command.startswith("make"):
            tests = [f"tests/test_{name}.py" for name in TESTS]
            there = [test for test in tests if (self.project.path / test).exists()]
            parts = {
                "format": ["ruff format --check"],
                "lint": ["ruff check", "mypy"],
                "test": [f"pytest -q -n 2 {' '.join(there)} {self._others}"],
            }
            commands = [
                f".venv/bin/{part}" for target in command.split()[1:] for part in parts[target]
            ]
        for one in commands:
            done = self.project.run("sh", "-ec", one, environ=self._environ)
            assert done.returncode == 0, f"{one}\n{done.stdout}{done.stderr}"


@pytest.fixture(params=["json", "redis", "sqlite", "postgresql"])
def developer(
    request: pytest.FixtureRequest, installed: Callable[[str], Bake], tmp_path: Path
) -> Iterator[Developer]:
    """A developer, for each storage."""
    kind = request.param
    shared = installed({"json": "default", "redis": "redis"}.get(kind, "sql"))
    project = shared.copy_to(tmp_path)
    (project.path / ".venv").symlink_to(shared.path / ".venv")
    if kind in ("json", "redis"):
        yield Developer(project, {})
    else:
        others = " and ".join(f"not {name}" for name in ("sqlite", "postgresql") if name != kind)
        with databases_of(shared, kind, tmp_path) as databases:
            environ = {"DATABASE_URL": databases.create("extended")}
            yield Developer(project, environ, f"-k '{others} and not mariadb'")


@pytest.mark.long
def test_field_and_resource_are_added_as_the_page_says(developer: Developer) -> None:
    developer.follow("Add a field")
    revisions = (developer.project.path / "migrations" / "versions").glob("*_add_the_email*.py")
    assert [r.read_text().partition("\n\n\n")[2] for r in revisions] == developer.revisions
    developer.follow("Add a resource")
