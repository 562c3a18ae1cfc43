"""Projects of earlier releases, updated to the template of today as their teams do it."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from .bake import TEMPLATE, Bake, run_in, tool
from .edits import append_to, replace_in
from .git import git
from .releases import ShallowCloneError, committed_versions, release_commits
from .updating import ANSWERS, Project, Workshop

pytestmark = pytest.mark.slow

VERSIONS = committed_versions()
# The first release and the last one, which may be the same.
RELEASES = sorted({VERSIONS[0], VERSIONS[-1]})


@pytest.fixture(params=ANSWERS)
def combination(request: pytest.FixtureRequest) -> str:
    """Each storage, without and with Lambda."""
    return str(request.param)


@pytest.fixture(params=RELEASES)
def released(
    request: pytest.FixtureRequest, workshop: Workshop, combination: str, tmp_path: Path
) -> Project:
    """A project of each release, as it was rendered."""
    return workshop.project(f"v{request.param}", ANSWERS[combination], tmp_path / "released")


@pytest.fixture
def first_released(workshop: Workshop, combination: str, tmp_path: Path) -> Project:
    """A project of the first release, as it was rendered."""
    return workshop.project(f"v{VERSIONS[-1]}", ANSWERS[combination], tmp_path / "first")


@pytest.fixture
def rendered(workshop: Workshop, combination: str, tmp_path: Path) -> Project:
    """What the template of today renders."""
    return workshop.project("main", ANSWERS[combination], tmp_path / "rendered")


def same_template(workshop: Workshop, commit: str, other: str) -> bool:
    return workshop.git("diff", "--name-only", commit, other) == ""


def test_untouched_project_becomes_what_is_rendered_today(
    workshop: Workshop, first_released: Project, rendered: Project
) -> None:
    first_released.update()
    assert first_released.files() == rendered.files()
    assert same_template(workshop, first_released.state["commit"], "main")


def change_as_a_team(project: Project) -> None:
    project.changed_by_team()
    if project.answers["storage_backend"] == "sql":
        project.with_migration()


def test_update_keeps_exactly_what_the_team_changed(released: Project, rendered: Project) -> None:
    for project in (released, rendered):
        change_as_a_team(project)
    released.update()
    assert released.unmerged() == []
    assert released.files() == rendered.files()


def test_what_an_update_keeps_works(
    rendered: Project, combination: str, installed: Callable[[str], Bake]
) -> None:
    change_as_a_team(rendered)
    for check in (["check"], ["format", "--check"]):
        done = run_in(rendered.path, tool("ruff"), *check, "--no-cache")
        assert done.returncode == 0, done.stdout
    if rendered.answers["use_zappa"]:
        return  # what a team changed is no other there
    # All tests pass in the rendering, which differs only by what the team changed.
    python = installed("default" if combination == "json" else combination).python
    tests = ["tests/test_greetings.py", "tests/test_config.py", "tests/test_http_contract.py"]
    one_database = ["-k", "not postgresql and not mariadb"]
    done = run_in(rendered.path, python, "-m", "pytest", "-q", *one_database, *tests)
    assert done.returncode == 0, done.stdout + done.stderr


def test_second_update_changes_nothing(first_released: Project) -> None:
    first_released.changed_by_team()
    first_released.update()
    first_released.commit("Updated")
    assert "already up to date" in first_released.update()
    assert first_released.git("status", "--porcelain") == ""


def test_next_release_is_carried_over(
    workshop: Workshop, rendered: Project, combination: str, tmp_path: Path
) -> None:
    """A file is renamed, another deleted, one changed, and one added by a row of the table."""
    following = workshop.project("next", ANSWERS[combination], tmp_path / "next")
    for project, generated in ((rendered, "strategies.py"), (following, "generated.py")):
        project.changed_by_team()
        append_to(project.path / "tests" / generated, "\nBY_THE_TEAM = 1\n")
        project.commit("What the team changed in a file that the next release renames")
    rendered.update("--checkout", "next")
    assert rendered.files() == following.files()
    assert not (rendered.path / "tests" / "strategies.py").exists()
    assert "BY_THE_TEAM" in (rendered.path / "tests" / "generated.py").read_text()
    assert not (rendered.path / "tests" / "test_retry.py").exists()
    assert "PYTHON ?= python3.11" in (rendered.path / "Makefile").read_text()
    assert (rendered.path / "NOTES.md").exists() == (not combination.startswith("sql"))


@pytest.fixture
def json_project(workshop: Workshop, tmp_path: Path) -> Project:
    """A project with a JSON file, rendered today."""
    return workshop.project("main", {}, tmp_path)


def test_update_refuses_a_tree_with_uncommitted_changes(json_project: Project) -> None:
    append_to(json_project.path / "README.md", "Unfinished.\n")
    done = run_in(
        json_project.path, tool("cruft"), "update", "-y", environ=json_project.workshop.environ
    )
    assert done.returncode == 1
    assert "Please make sure your git working tree is clean before proceeding." in " ".join(
        done.stdout.split()
    )


def test_both_versions_of_a_line_that_both_changed_are_left_to_the_team(
    json_project: Project,
) -> None:
    replace_in(json_project.path / "Makefile", "PYTHON ?= python3", "PYTHON ?= python3.12")
    json_project.commit("More workers")
    json_project.update("--checkout", "next")
    assert json_project.unmerged() == ["Makefile"]
    assert re.search(
        r"<{7} ours\nPYTHON \?= python3.12\n={7}\nPYTHON \?= python3.11\n>{7} theirs\n",
        (json_project.path / "Makefile").read_text(),
    )
    assert list(json_project.path.glob("**/*.rej")) == []


def test_changed_file_that_the_next_release_deletes_stays(json_project: Project) -> None:
    changed = json_project.path / "tests" / "test_retry.py"
    append_to(changed, "\nBY_THE_TEAM = 1\n")
    append_to(json_project.path / "Makefile", "\n# The team's last line.\n")
    json_project.commit("A constant, and a line")
    before = changed.read_text()
    assert "different update strategy" in json_project.update("--checkout", "next")
    assert changed.read_text() == before
    assert "PYTHON ?= python3.11" in (json_project.path / "Makefile").read_text()
    assert (json_project.path / "NOTES.md").exists()


def test_fresh_clone_may_lack_what_the_last_update_rendered(
    json_project: Project, tmp_path: Path
) -> None:
    replace_in(json_project.path / "Makefile", ".DEFAULT_GOAL := help", ".DEFAULT_GOAL := test")
    json_project.commit("Test by default")
    json_project.update("--checkout", "next")
    json_project.commit("Updated")
    git(tmp_path, "clone", "--quiet", f"file://{json_project.path}", "fresh")
    fresh = Project(tmp_path / "fresh", json_project.workshop)
    fresh.update("--checkout", "main")
    assert [path.name for path in fresh.path.glob("**/*.rej")] == ["Makefile.rej"]
    # The clone in which the update was made still has it.
    json_project.update("--checkout", "main")
    assert json_project.unmerged() == []
    assert list(json_project.path.glob("**/*.rej")) == []


def test_file_that_the_team_deleted_stays_away(json_project: Project) -> None:
    (json_project.path / "Makefile").unlink()
    json_project.commit("No make")
    json_project.update("--checkout", "next")
    assert json_project.unmerged() == []
    assert not (json_project.path / "Makefile").exists()
    assert (json_project.path / "NOTES.md").exists()


def test_answer_with_braces_is_refused_before_anything_is_changed(json_project: Project) -> None:
    replace_in(json_project.path / ".cruft.json", '"Customer API"', '"{{ braces }}"')
    json_project.commit("Braces")
    done = run_in(
        json_project.path,
        *(tool("cruft"), "update", "-y", "--checkout", "next"),
        environ=json_project.workshop.environ,
    )
    assert done.returncode != 0
    assert json_project.git("status", "--porcelain") == ""


def test_shallow_clone_says_how_to_get_the_history(tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{TEMPLATE}", "shallow")
    with pytest.raises(ShallowCloneError, match="git fetch --unshallow"):
        release_commits(tmp_path / "shallow")
