"""docs/add-an-option.md and docs/add-a-backend.md, followed literally by a maintainer."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest
from cookiecutter.main import cookiecutter  # type: ignore[import-untyped]

from .bake import Bake, as_passed, tool
from .conftest import COMBINATIONS, Render
from .developer import Developer
from .git import git
from .updating import Project, Workshop

pytestmark = [pytest.mark.slow, pytest.mark.long]

# The template's quick tests that judge what was added.
JUDGES = (
    "container",
    "docs_pages",
    "hooks",
    "release",
    "reserved_names",
    "static",
    "swap_surface",
    "template",
)
# Those that are about the new storage, and need no other one's environment but that of JSON.
BACKEND_JUDGES = ("moves", "own_tests", "recipes", "serving")
OF_THE_BACKEND = "-k 'sqlite3 and not redis and not sqlite-sqlite3 and not sqlite3-sqlite]'"
# The parts of `CHANGELOG.md` in which something is written.
HEADS = ("### By hand\n\nNothing.\n\n", "### Added\n\n")


def pytest_of(names: Iterable[str], *options: str) -> str:
    """The command that runs some of the template's tests."""
    return " ".join(["pytest -q", *options, *(f"tests/test_{name}.py" for name in names)])


class Maintainer(Developer):
    """Someone who follows a page in a clone of the template, with this checkout's tools."""

    def __init__(self, page: str, folder: Path, workshop: Workshop, *tests: str) -> None:
        """Take a page, a folder for the clone, and commands that stand for `make test`."""
        self.workshop = workshop
        make = {
            "format": ["ruff format --check"],
            "lint": ["ruff check", "mypy"],
            "test-fast": [pytest_of(JUDGES, "-m 'not slow'")],
            "test": tests,
        }
        git(folder, "clone", "--quiet", str(workshop.template), "template")
        tools = str(Path(tool("python")).parent)
        super().__init__(folder / "template", f"docs/{page}", workshop.environ, make, tools)
        # A release leaves no headings, and the page says to write those that are not there.
        changelog = self.folder / "CHANGELOG.md"
        text = changelog.read_text(encoding="utf-8")
        unreleased = text.partition("## Unreleased\n")[2].partition("\n## ")[0]
        heads = [head for head in HEADS if head.partition("\n")[0] not in unreleased]
        head = "".join(["## Unreleased\n\n", *heads])
        changelog.write_text(text.replace("## Unreleased\n\n", head), encoding="utf-8")

    def commit(self) -> None:
        """Commit everything."""
        git(self.folder, "add", "--all", environ=self.workshop.environ)
        git(self.folder, "commit", "--quiet", "-m", "By the page", environ=self.workshop.environ)

    def rendered(self, answers: Mapping[str, str], folder: Path) -> Bake:
        """A project of the template as it is now, in a folder that is made."""
        folder.mkdir()
        path = cookiecutter(
            str(self.folder),
            no_input=True,
            extra_context=as_passed(answers),
            output_dir=str(folder),
            config_file=self.workshop.environ["COOKIECUTTER_CONFIG"],
        )
        return Bake(folder.name, Path(path), {"package_name": "customer_api", **answers})

    def project(self, folder: Path) -> Project:
        """A project that was made with cruft of the template as it is now."""
        self.workshop.cruft(
            "create", str(self.folder), "--no-input", "--output-dir", str(folder), folder=folder
        )
        project = Project(folder / "customer-api", self.workshop)
        project.git("init", "--quiet", "--initial-branch=main")
        project.commit("As rendered")
        return project


@pytest.fixture
def assert_others_are_as_before(
    render: Render, tmp_path: Path
) -> Callable[[Maintainer, Project], None]:
    """Asserts that nothing has changed for those who do not want what was added."""

    def compare(maintainer: Maintainer, project: Project) -> None:
        folder = tmp_path / "others"
        folder.mkdir()
        for name, answers in COMBINATIONS.items():
            after = maintainer.rendered(answers, folder / name)
            assert contents(after) == contents(render(name, answers))
        project.update()
        assert project.git("status", "--porcelain").splitlines() == ["M .cruft.json"]
        project.commit("Updated")

    return compare


def contents(bake: Bake) -> dict[str, tuple[bool, bytes]]:
    """What a project's files hold, and whether they may be executed."""
    return {
        file: (bool((bake.path / file).stat().st_mode & 0o100), (bake.path / file).read_bytes())
        for file in bake.files()
    }


def assert_becomes(project: Project, bake: Bake, **answers: str) -> None:
    """Update a project to other answers, with which it is what they render."""
    project.update(**answers)
    assert project.unmerged() == []
    found = project.files()
    del found[".cruft.json"]
    assert found == contents(bake)


NEW = {"editor": "vscode", "security_email": "security@example.org"}


def test_option_is_added_as_the_page_says(
    workshop: Workshop,
    render: Render,
    assert_others_are_as_before: Callable[[Maintainer, Project], None],
    tmp_path: Path,
) -> None:
    refused = pytest_of(["hostile_answers"], "-k address")
    maintainer = Maintainer("add-an-option.md", tmp_path, workshop, refused)
    project = maintainer.project(tmp_path)
    for section in ("Add a choice", "Add a text", "Test it", "Projects that are there"):
        maintainer.follow(section)
    maintainer.commit()
    assert_others_are_as_before(maintainer, project)

    bake = maintainer.rendered(NEW, tmp_path / "new")
    default = render("default", COMBINATIONS["default"])
    assert set(bake.files()) - set(default.files()) == {".vscode/settings.json"}
    changed = {file for file in default.files() if bake.read(file) != default.read(file)}
    assert changed == {"README.md", "SECURITY.md"}
    assert_becomes(project, bake, **NEW)


def test_backend_is_added_as_the_page_says(
    workshop: Workshop,
    assert_others_are_as_before: Callable[[Maintainer, Project], None],
    tmp_path: Path,
) -> None:
    # The new storage's own tests and lint, without and with Lambda, are among these.
    own = pytest_of(BACKEND_JUDGES, OF_THE_BACKEND)
    maintainer = Maintainer("add-a-backend.md", tmp_path, workshop, own)
    project = maintainer.project(tmp_path)
    sections = (
        "Write the storage",
        "Make it a choice",
        "Say what it promises",
        "Show a resource",
        "Test it",
        "Tell the users",
    )
    lines = [maintainer.follow(section) for section in sections]
    page = (maintainer.folder / "docs" / "add-a-backend.md").read_text(encoding="utf-8")
    assert f" {sum(lines)} lines, of which the storage is {lines[0]}." in page
    maintainer.commit()
    assert_others_are_as_before(maintainer, project)

    default = maintainer.rendered({}, tmp_path / "default")
    assert_becomes(
        project,
        maintainer.rendered({"storage_backend": "sqlite3"}, tmp_path / "new"),
        storage_backend="sqlite3",
    )
    project.commit("To the new storage")
    assert_becomes(project, default, storage_backend="json")
