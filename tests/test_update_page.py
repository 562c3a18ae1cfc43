"""docs/update.md, typed into a terminal."""

import re
from pathlib import Path

import pytest

from .edits import append_to, replace_in
from .page_in_terminal import Reader
from .updating import Project, Workshop

pytestmark = pytest.mark.slow


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
