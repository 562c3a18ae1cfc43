"""Each rendering passes its own checks, in its own environment, as its team runs them."""

import re
import shutil
import sys
from itertools import chain
from pathlib import Path

import pytest

from .bake import Bake

pytestmark = pytest.mark.slow


def test_own_tests_pass(backend: Bake) -> None:
    summary = backend.make("test").splitlines()[-1]
    # What only root can do is skipped elsewhere, and the other way round.
    assert re.fullmatch(r"=* ?[0-9]{3,} passed(, [0-9] skipped)? in .*", summary)


def test_own_lint_finds_nothing(backend: Bake) -> None:
    assert "Success: no issues found" in backend.make("lint")


def test_lock_is_written_and_holds_what_is_declared(backend: Bake) -> None:
    lock = backend.read("uv.lock")
    project = backend.data()["pyproject.toml"]
    groups = project["dependency-groups"].values()
    declared = [*project["project"]["dependencies"], *chain.from_iterable(groups)]
    assert len(declared) > 5
    for requirement in declared:
        name = re.split(r"[\[<>=;]", requirement)[0]
        assert f'name = "{name}"' in lock


def test_project_installs_without_uv_on_the_path(backend: Bake, tmp_path: Path) -> None:
    project = backend.copy_to(tmp_path)
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
