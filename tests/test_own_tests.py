"""Each rendering passes its own checks, in its own environment, as its team runs them."""

import os
import re
import shutil
import sys
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import pytest
from filelock import FileLock

from .bake import Bake, tool
from .conftest import COMBINATIONS, LAMBDA, OPTIONS, Render

pytestmark = pytest.mark.slow


# What only root can do is skipped elsewhere, and the other way round.
PASSED = re.compile(r"=* ?[0-9]{2,} passed(, [0-9] skipped)? in .*")

# What is of its own in a project for Lambda. Its other files are those of the project without.
ON_LAMBDA = ("tests/on_lambda", "tests/test_config.py")
LAMBDA_CHANGES = {
    ".gitignore",
    ".gitlab-ci.yml",
    "Makefile",
    "README.md",
    "SECURITY.md",  # says who decides on Lambda
    "docs/sql.md",  # says how `zappa invoke` migrates
    "pyproject.toml",
    "run.py",
}


# Those of a JSON file run where a user follows the next steps that are printed.
@pytest.mark.long
@pytest.mark.parametrize("name", OPTIONS["storage_backend"][1:])
def test_own_tests_pass(installed: Callable[[str], Bake], name: str) -> None:
    assert PASSED.fullmatch(installed(name).make("test").splitlines()[-1])


@pytest.mark.parametrize("name", LAMBDA)
def test_own_tests_for_lambda_pass(installed: Callable[[str], Bake], name: str) -> None:
    done = installed(name).run(tool("uv"), "run", "--no-sync", "pytest", *ON_LAMBDA)
    assert PASSED.fullmatch(done.stdout.splitlines()[-1]), done.stdout


@pytest.mark.parametrize("backend", OPTIONS["storage_backend"])
def test_project_for_lambda_shares_its_other_files_with_the_one_without(
    render: Render, backend: str
) -> None:
    answers = COMBINATIONS[f"{backend}-lambda"]
    lambda_project = render(f"{backend}-lambda", answers)
    plain = render(f"{backend}-plain", {**answers, "use_zappa": "no"})
    assert set(plain.files()) < set(lambda_project.files())
    changed = {file for file in plain.files() if plain.read(file) != lambda_project.read(file)}
    assert changed <= LAMBDA_CHANGES


def test_part_of_the_own_tests_may_run_alone(installed: Callable[[str], Bake]) -> None:
    done = installed("default").run(tool("uv"), "run", "pytest", "tests/test_retry.py")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["default", "sql-lambda"])
def test_commit_is_checked_by_the_hooks(
    installed: Callable[[str], Bake], tmp_path: Path, name: str
) -> None:
    backend = installed(name)
    project = backend.copy_to(tmp_path)
    shutil.copy(backend.path / "uv.lock", project.path)
    environ = {
        "PATH": os.pathsep.join((str(Path(tool("uv")).parent), os.environ["PATH"])),
        "PRE_COMMIT_HOME": str(tmp_path / "hooks"),
        "UV_PROJECT_ENVIRONMENT": str(backend.path / ".venv"),
    }
    project.run("git", "init", "--quiet")
    project.run("git", "add", ".")
    command = (tool("pre-commit"), "run", "--all-files", "--color=never")
    done = project.run(*command, environ=environ)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Passed") == 4
    with (project.path / "run.py").open("a") as file:
        file.write("x=1\n")
    done = project.run(*command, environ=environ)
    assert done.returncode != 0
    assert "ruff format" in done.stdout


def test_own_lint_finds_nothing(backend: Bake, shared: Path) -> None:
    with FileLock(shared / "mypy.lock"):  # one cache, so that the libraries are read once
        assert "Success: no issues found" in backend.make("lint", MYPY_CACHE_DIR=f"{shared}/mypy")


def test_lock_is_written_and_holds_what_is_declared(backend: Bake) -> None:
    lock = backend.read("uv.lock")
    project = backend.data()["pyproject.toml"]
    groups = project["dependency-groups"].values()
    declared = [*project["project"]["dependencies"], *chain.from_iterable(groups)]
    assert len(declared) > 5
    for requirement in declared:
        name = re.split(r"[\[<>=;]", requirement)[0]
        assert f'name = "{name}"' in lock


# Each project is installed in the same way; these have the fewest and the most dependencies.
@pytest.mark.parametrize("name", ["default", "sql-lambda"])
def test_project_installs_without_uv_on_the_path(
    installed: Callable[[str], Bake], tmp_path: Path, name: str
) -> None:
    project = installed(name).copy_to(tmp_path)
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "python3").symlink_to(Path(sys.base_prefix) / "bin" / "python3")
    for command in ("make", "sh"):
        found = shutil.which(command)
        assert found
        (commands / command).symlink_to(found)
    output = project.make("setup", PATH=str(commands))
    assert "installing uv into .uv/" in output
    assert (project.path / ".uv/bin/uv").exists()
    assert (project.path / ".venv/bin/flask").exists()
