"""Projects whose teams go on with another storage."""

import re
from itertools import pairwise, permutations
from pathlib import Path
from typing import Any

import pytest

from .test_static import TRACES
from .updating import (
    COMBINATIONS,
    Project,
    Reader,
    Workshop,
    append_to,
    committed_versions,
    insert_behind,
)

pytestmark = pytest.mark.slow

BACKENDS = ("json", "redis", "sql")
FIRST_RELEASE = committed_versions()[-1]
SWITCHES = [
    *permutations(BACKENDS, 2),
    *pairwise(f"{backend}-lambda" for backend in (*BACKENDS, "json")),
]


@pytest.fixture(scope="session")
def workshop(shared: Path) -> Workshop:
    """The template's clone, and projects made from it, for all processes of this test run."""
    return Workshop.set_up(shared / "workshop")


@pytest.fixture(params=SWITCHES, ids="-to-".join)
def switch(request: pytest.FixtureRequest) -> tuple[str, str]:
    """From each storage to each other, and some of them on Lambda."""
    before, after = request.param
    return before, after


@pytest.fixture
def project(workshop: Workshop, switch: tuple[str, str], tmp_path: Path) -> Project:
    """A project with the old storage."""
    return workshop.project("main", COMBINATIONS[switch[0]], tmp_path / "project")


@pytest.fixture
def rendered(workshop: Workshop, switch: tuple[str, str], tmp_path: Path) -> Project:
    """What is rendered with the new storage."""
    return workshop.project("main", COMBINATIONS[switch[1]], tmp_path / "rendered")


def storage(combination: str) -> str:
    """The answer of a combination."""
    return str(COMBINATIONS[combination].get("storage_backend", "json"))


def test_switch_keeps_exactly_what_the_team_changed(
    project: Project, rendered: Project, switch: tuple[str, str]
) -> None:
    project.changed_by_team()
    rendered.changed_by_team()
    project.update(storage_backend=storage(switch[1]))
    assert project.unmerged() == []
    assert project.files() == rendered.files()


def test_no_trace_of_the_old_storage_is_left(project: Project, switch: tuple[str, str]) -> None:
    """But for what each rendering is searched for: it is the same as these."""
    before, after = map(storage, switch)
    project.update(storage_backend=after)
    words = [
        word
        for word, (option, answers) in TRACES.items()
        if option == "storage_backend" and before in answers and after not in answers
    ]
    assert words
    names = "\n".join(
        path.relative_to(project.path).as_posix()
        for path in project.path.rglob("*")
        if ".git" not in path.parts
    )
    answers = (project.path / ".cruft.json").read_text()
    for word in words:
        assert not re.search(word, names, re.IGNORECASE)
        assert not re.search(word, answers, re.IGNORECASE)
    assert before not in project.answers.values()


def test_switch_and_back_gives_the_same_files(project: Project, switch: tuple[str, str]) -> None:
    before, after = map(storage, switch)
    project.changed_by_team()
    files = project.files()
    project.update(storage_backend=after)
    project.commit("To the new storage")
    project.update(storage_backend=before)
    assert project.unmerged() == []
    assert project.files() == files


def test_first_release_is_switched_and_updated_at_once(
    workshop: Workshop, rendered: Project, switch: tuple[str, str], tmp_path: Path
) -> None:
    project = workshop.project(f"v{FIRST_RELEASE}", COMBINATIONS[switch[0]], tmp_path / "first")
    project.changed_by_team()
    rendered.changed_by_team()
    project.update(storage_backend=storage(switch[1]))
    assert project.unmerged() == []
    assert project.files() == rendered.files()


def made(workshop: Workshop, folder: Path, **answers: Any) -> Project:
    """A project of the template of today."""
    return workshop.project("main", answers, folder)


def test_import_right_beside_the_storages_is_left_to_the_team(
    workshop: Workshop, tmp_path: Path
) -> None:
    project = made(workshop, tmp_path)
    insert_behind(
        project.path / project.package / "__init__.py",
        "from .retry import RetryPolicy\n",
        "from .settings import THEIRS\n",
    )
    project.commit("An import")
    project.update(storage_backend="sql")
    assert project.unmerged() == [f"{project.package}/__init__.py"]
    assert list(project.path.glob("**/*.rej")) == []


def test_what_the_team_made_for_the_old_storage_stays(workshop: Workshop, tmp_path: Path) -> None:
    project = made(workshop, tmp_path, storage_backend="sql")
    project.with_migration()
    changed = project.path / project.package / "models.py"
    append_to(changed, "\nBY_THE_TEAM = 1\n")
    project.commit("A constant")
    project.update(storage_backend="json")
    assert [path.name for path in (project.path / "migrations").rglob("*.py")] == [
        "0002_index_names.py"
    ]
    assert "BY_THE_TEAM" in changed.read_text()
    assert "JsonFileStorage" in (project.path / project.package / "__init__.py").read_text()


@pytest.fixture
def reader(workshop: Workshop, tmp_path: Path) -> Reader:
    """Follows the page, whose release is the template of today."""
    return Reader.of("switch.md", tmp_path / "reader", workshop, v0_2_0="main")


def test_page_followed_by_a_project_without_cruft(
    workshop: Workshop, reader: Reader, tmp_path: Path
) -> None:
    (block,) = reader.blocks("Without cruft")
    (create, *_) = block.splitlines()
    reader.follow(reader.folder, create.replace("../before", "."))
    project = Project(reader.folder / "customer-api", workshop)
    project.git("init", "--quiet", "--initial-branch=main")
    project.commit("As rendered")
    project.changed_by_team()
    rendered = made(workshop, tmp_path / "rendered", storage_backend="sql")
    rendered.changed_by_team()
    reader.follow(project.path, block)
    expected = rendered.files()
    del expected[".cruft.json"]
    assert project.files() == expected
