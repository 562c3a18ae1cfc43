"""docs/extend.md of each project, followed literally by a developer who copies from it."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from .bake import Bake
from .databases import databases_of
from .developer import Developer

pytestmark = pytest.mark.slow

TESTS = ("orders", "http_contract", "openapi", "commands", "migrations")
# Those of the second database, as the others do not depend on which it is.
DATABASE_TESTS = ("orders", "migrations")


class ProjectDeveloper(Developer):
    """Someone who follows the page in a copy of the project.

    Attributes:
        project: The copy.
        revisions: What the revisions that Alembic writes should hold, by the page.
    """

    def __init__(
        self,
        project: Bake,
        environ: dict[str, str],
        names: Sequence[str] = TESTS,
        others: str = "",
    ) -> None:
        """Take a copy of the project.

        Args:
            project: The copy.
            environ: The variables for its storage.
            names: Which of its tests stand for all.
            others: What leaves out the other databases.
        """
        tests = " ".join(f"tests/test_{name}.py" for name in names)
        make = {
            "format": ["ruff format --check"],
            "lint": ["ruff check", "mypy"],
            "test": [f"pytest -q $(ls {tests} 2> /dev/null) {others}"],  # those that are there
        }
        super().__init__(project.path, "docs/extend.md", environ, make)
        self.project = project
        self.revisions: list[str] = []

    def do(self, kind: str, file: str, text: str) -> int:
        if text.startswith("def upgrade"):
            self.revisions.append(text)
            return 0
        return super().do(kind, file, text)


RENDERINGS = {
    "json": "default",
    "redis": "redis",
    "sqlite": "sql",
    "postgresql": "sql",
}


@pytest.fixture(params=RENDERINGS)
def developer(
    request: pytest.FixtureRequest, installed: Callable[[str], Bake], tmp_path: Path
) -> Iterator[ProjectDeveloper]:
    """A developer, for each storage."""
    kind = request.param
    shared = installed(RENDERINGS[kind])
    project = shared.copy_to(tmp_path, share_environment=True)
    if RENDERINGS[kind] != "sql":
        yield ProjectDeveloper(project, {})
    else:
        others = " and ".join(f"not {name}" for name in ("sqlite", "postgresql") if name != kind)
        with databases_of(shared, kind, tmp_path) as databases:
            environ = {"DATABASE_URL": databases.create("extended")}
            names = TESTS if kind == "sqlite" else DATABASE_TESTS
            yield ProjectDeveloper(project, environ, names, f"-k '{others} and not mariadb'")


@pytest.mark.long
def test_field_and_resource_are_added_as_the_page_says(developer: ProjectDeveloper) -> None:
    developer.follow("Add a field")
    revisions = (developer.project.path / "migrations" / "versions").glob("*_add_the_email*.py")
    assert [r.read_text().partition("\n\n\n")[2] for r in revisions] == developer.revisions
    developer.follow("Add a resource")
