"""Projects of earlier releases, updated to the template of today as their teams do it."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from .bake import TEMPLATE, Bake, run_in, tool
from .updating import (
    COMBINATIONS,
    Project,
    Reader,
    ShallowCloneError,
    Workshop,
    append_to,
    committed_versions,
    git,
    release_commits,
    replace_in,
)

pytestmark = pytest.mark.slow

VERSIONS = committed_versions()
# The first release and the last one, which may be the same.
RELEASES = sorted({VERSIONS[0], VERSIONS[-1]})


@pytest.fixture(scope="session")
def workshop(shared: Path) -> Workshop:
    """The template's clone, and projects made from it, for all processes of this test run."""
    return Workshop.set_up(shared / "workshop")


@pytest.fixture(params=COMBINATIONS)
def combination(request: pytest.FixtureRequest) -> str:
    """Each storage, without and with Lambda."""
    return str(request.param)


@pytest.fixture(params=RELEASES)
def released(
    request: pytest.FixtureRequest, workshop: Workshop, combination: str, tmp_path: Path
) -> Project:
    """A project of each release, as it was rendered."""
    return workshop.project(f"v{request.param}", COMBINATIONS[combination], tmp_path / "released")


@pytest.fixture
def rendered(workshop: Workshop, combination: str, tmp_path: Path) -> Project:
    """What the template of today renders."""
    return workshop.project("main", COMBINATIONS[combination], tmp_path / "rendered")


def same_template(workshop: Workshop, commit: str, other: str) -> bool:
    return workshop.git("diff", "--name-only", commit, other) == ""


def test_untouched_project_becomes_what_is_rendered_today(
    workshop: Workshop, released: Project, rendered: Project
) -> None:
    released.update()
    assert released.files() == rendered.files()
    assert same_template(workshop, released.state["commit"], "main")


def test_update_keeps_exactly_what_the_team_changed(
    released: Project,
    rendered: Project,
    combination: str,
    installed: Callable[[str], Bake],
) -> None:
    for project in (released, rendered):
        project.changed_by_team()
        if project.answers["storage_backend"] == "sql":
            project.with_migration()
    released.update()
    assert released.unmerged() == []
    assert released.files() == rendered.files()

    for check in (["check"], ["format", "--check"]):
        done = run_in(released.path, tool("ruff"), *check, "--no-cache")
        assert done.returncode == 0, done.stdout
    if released.answers["use_zappa"]:
        return  # what a team changed is no other there
    # All tests pass in the rendering, which differs only by what the team changed.
    python = installed("default" if combination == "json" else combination).python
    tests = ["tests/test_greetings.py", "tests/test_config.py", "tests/test_http_contract.py"]
    one_database = ["-k", "not postgresql and not mariadb"]
    done = run_in(released.path, python, "-m", "pytest", "-q", *one_database, *tests)
    assert done.returncode == 0, done.stdout


def test_second_update_changes_nothing(released: Project) -> None:
    released.changed_by_team()
    released.update()
    released.git("add", "--all")
    # Right after a release there is nothing to update.
    released.git("commit", "--quiet", "--allow-empty", "-m", "Updated")
    assert "already up to date" in released.update()
    assert released.git("status", "--porcelain") == ""


def test_next_release_is_carried_over(
    workshop: Workshop, rendered: Project, combination: str, tmp_path: Path
) -> None:
    """A file is renamed, another deleted, one changed, and one added by a row of the table."""
    following = workshop.project("next", COMBINATIONS[combination], tmp_path / "next")
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


def test_rendering_again_gives_the_same(
    workshop: Workshop, rendered: Project, combination: str, tmp_path: Path
) -> None:
    again = workshop.project("main^{commit}", COMBINATIONS[combination], tmp_path / "again")
    assert again.files() == rendered.files()


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


@pytest.fixture
def reader(workshop: Workshop, tmp_path: Path) -> Reader:
    """Follows the page, whose releases are the template of today and the next one."""
    return Reader.of("docs/update.md", tmp_path / "reader", workshop, v0_1_0="main", v1_0_0="next")


@pytest.fixture
def following(workshop: Workshop, tmp_path: Path) -> Project:
    """What the next release renders, changed by a team."""
    project = workshop.project("next", {}, tmp_path / "following")
    project.changed_by_team()
    return project


def test_page_followed_from_making_a_project_to_its_update(
    reader: Reader, workshop: Workshop, following: Project
) -> None:
    reader.git("checkout", "--quiet", "-B", "main", "v0.1.0")
    reader.follow(reader.folder, *reader.blocks("Make a project that can be updated"))
    project = Project(reader.folder / "customer-api", workshop)
    project.changed_by_team()
    reader.git("reset", "--quiet", "--hard", "v1.0.0")
    update, commit = reader.blocks("Update")
    status = reader.follow(project.path, update).partition("Good work!")[2]
    assert re.findall("^(.). ", status, re.MULTILINE) != []
    assert not re.search(r"^(U|.U|\?\?) ", status, re.MULTILINE)
    reader.follow(project.path, commit)
    assert project.git("status", "--porcelain") == ""
    assert project.files() == following.files()


def test_page_followed_by_a_project_without_cruft(
    reader: Reader, workshop: Workshop, following: Project
) -> None:
    with_git, _, link = reader.blocks("With git alone")
    (create, *_) = with_git.splitlines()
    _, _, *commit = reader.blocks("Make a project that can be updated")[0].splitlines()
    reader.follow(reader.folder, create.replace("../before", "."))
    project = Project(reader.folder / "customer-api", workshop)
    reader.follow(project.path, "\n".join(commit))
    project.changed_by_team()
    for each in (project, following):
        each.git("mv", "Makefile", "GNUmakefile")
        each.commit("Only for GNU")

    reader.follow(project.path, with_git)
    expected = following.files()
    del expected[".cruft.json"]
    assert project.files() == expected
    assert not (reader.folder / "before").exists()
    project.commit("Updated")

    reader.follow(project.path, link)
    assert project.files() == following.files()
    assert "already up to date" in project.update("--checkout", "v1.0.0")


def test_page_followed_when_there_is_a_rej_file(reader: Reader, workshop: Workshop) -> None:
    reader.git("checkout", "--quiet", "-B", "main", "v0.1.0")
    make, *commit = reader.blocks("Make a project that can be updated")[0].splitlines()
    reader.follow(reader.folder, make)
    project = Project(reader.folder / "customer-api", workshop)
    replace_in(project.path / "Makefile", ".DEFAULT_GOAL := help", ".DEFAULT_GOAL := test")
    reader.follow(project.path, "\n".join(commit[1:]))  # no commit as rendered
    deleted = project.path / "tests" / "test_retry.py"
    append_to(deleted, "\nBY_THE_TEAM = 1\n")
    project.commit("A constant")
    reader.git("reset", "--quiet", "--hard", "v1.0.0")

    assert "?? Makefile.rej\n" in reader.follow(project.path, reader.blocks("Update")[0])
    reader.follow(project.path, *reader.blocks("If there is a `.rej` file"))
    assert project.git("status", "--porcelain") == ""

    with_git, skip, _ = reader.blocks("With git alone")
    done = reader.run(project.path, with_git)
    assert done.returncode == 1
    assert "CONFLICT (modify/delete): tests/test_retry.py" in done.stdout
    assert project.unmerged() == ["tests/test_retry.py"]
    assert "UD tests/test_retry.py" in project.git("status", "--short")
    makefile = (project.path / "Makefile").read_text()
    assert ".DEFAULT_GOAL := test" in makefile
    assert "PYTHON ?= python3.11" in makefile
    project.git("rm", "--quiet", "tests/test_retry.py")
    project.commit("Updated")

    reader.follow(project.path, skip)
    assert project.state["commit"] == reader.git("rev-parse", "v1.0.0")
    assert "already up to date" in project.update()


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
