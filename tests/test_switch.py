"""Projects whose teams go on with another storage."""

import re
from itertools import pairwise, permutations
from pathlib import Path

import pytest

from .edits import append_to, insert_behind, replace_in
from .releases import committed_versions
from .test_static import TRACES
from .updating import ANSWERS, Project, Workshop

pytestmark = pytest.mark.slow

BACKENDS = ("json", "redis", "sql")
FIRST_RELEASE = committed_versions()[-1]
SWITCHES = [
    *permutations(BACKENDS, 2),
    *pairwise(f"{backend}-lambda" for backend in (*BACKENDS, "json")),
]


@pytest.fixture(params=SWITCHES, ids="-to-".join)
def switch(request: pytest.FixtureRequest) -> tuple[str, str]:
    """From each storage to each other, and some of them on Lambda."""
    before, after = request.param
    return before, after


@pytest.fixture
def project(workshop: Workshop, switch: tuple[str, str], tmp_path: Path) -> Project:
    """A project with the old storage."""
    return workshop.project("main", ANSWERS[switch[0]], tmp_path / "project")


@pytest.fixture
def rendered(workshop: Workshop, switch: tuple[str, str], tmp_path: Path) -> Project:
    """What is rendered with the new storage."""
    return workshop.project("main", ANSWERS[switch[1]], tmp_path / "rendered")


def storage(combination: str) -> str:
    """The answer of a combination."""
    return str(ANSWERS[combination].get("storage_backend", "json"))


def test_switch_and_the_way_back_keep_exactly_what_the_team_changed(
    project: Project, rendered: Project, switch: tuple[str, str]
) -> None:
    project.changed_by_team()
    rendered.changed_by_team()
    files = project.files()
    before, after = map(storage, switch)
    project.update(storage_backend=after)
    assert project.unmerged() == []
    assert project.files() == rendered.files()
    assert_no_trace(project, before, after)

    project.commit("To the new storage")
    project.update(storage_backend=before)
    assert project.unmerged() == []
    assert project.files() == files


def assert_no_trace(project: Project, before: str, after: str) -> None:
    """Search what is not the rendering's, which is searched for itself: names, and the answers."""
    words = [
        word
        for word, (option, answers) in TRACES.items()
        if option == "storage_backend" and before in answers and after not in answers
    ]
    assert words
    names = [
        path.relative_to(project.path).as_posix()
        for path in project.path.rglob("*")
        if ".git" not in path.parts
    ]
    text = "\n".join([*names, (project.path / ".cruft.json").read_text()])
    assert [word for word in words if re.search(word, text, re.IGNORECASE)] == []
    assert before not in project.answers.values()


@pytest.mark.parametrize("switch", [*pairwise((*BACKENDS, "json"))], indirect=True, ids="-to-".join)
def test_first_release_is_switched_and_updated_at_once(
    workshop: Workshop, rendered: Project, switch: tuple[str, str], tmp_path: Path
) -> None:
    project = workshop.project(f"v{FIRST_RELEASE}", ANSWERS[switch[0]], tmp_path / "first")
    project.changed_by_team()
    rendered.changed_by_team()
    project.update(storage_backend=storage(switch[1]))
    assert project.unmerged() == []
    assert project.files() == rendered.files()


def test_import_right_beside_the_storages_is_left_to_the_team(
    workshop: Workshop, tmp_path: Path
) -> None:
    project = workshop.project("main", {}, tmp_path)
    insert_behind(
        project.path / project.package / "__init__.py",
        "from .retry import RetryPolicy\n",
        "from .settings import THEIRS\n",
    )
    project.commit("An import")
    project.update(storage_backend="sql")
    assert project.unmerged() == [f"{project.package}/__init__.py"]
    assert list(project.path.glob("**/*.rej")) == []


def test_filled_in_settings_of_the_old_storage_are_left_to_the_team(
    workshop: Workshop, tmp_path: Path
) -> None:
    project = workshop.project("main", {"use_zappa": True}, tmp_path)
    settings = project.path / "zappa_settings.json"
    for place, filled in (
        ("FILL-IN, such as eu-central-1", "eu-central-1"),
        ("FILL-IN: a bucket of your own, for uploads", "uploads"),
        ('"SecurityGroupIds": ["FILL-IN"]', '"SecurityGroupIds": ["sg-1"]'),
    ):
        replace_in(settings, place, filled)
    project.commit("Fill in what each storage needs")
    project.update(storage_backend="sql")
    assert project.unmerged() == []
    assert "sg-1" in settings.read_text()

    project.git("reset", "--quiet", "--hard")
    replace_in(settings, "FILL-IN: the access point, ", "")
    project.commit("Fill in where the file is")
    project.update(storage_backend="sql")
    assert project.unmerged() == ["zappa_settings.json"]


def test_what_the_team_made_for_the_old_storage_stays(workshop: Workshop, tmp_path: Path) -> None:
    project = workshop.project("main", {"storage_backend": "sql"}, tmp_path)
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
