"""Each rendering passes its own checks, in its own environment, as its team runs them."""

import re
import sys

import pytest

from .bake import Bake

pytestmark = pytest.mark.slow


def test_own_tests_pass(backend: Bake) -> None:
    summary = backend.make("test").splitlines()[-1]
    assert re.fullmatch(r"=* ?[0-9]{3,} passed in .*", summary)


def test_own_lint_finds_nothing(backend: Bake) -> None:
    assert "Success: no issues found" in backend.make("lint")


def test_lock_is_written_and_holds_what_is_declared(backend: Bake) -> None:
    lock = backend.read("uv.lock")
    for package in ("flask", "msgspec", "filelock", "granian", "pytest"):
        assert f'name = "{package}"' in lock


def test_project_installs_without_uv_on_the_path(
    backend: Bake, tmp_path_factory: pytest.TempPathFactory
) -> None:
    project = backend.copy_to(tmp_path_factory.mktemp("without-uv"))
    folders = "/usr/local/bin:/usr/bin:/bin"
    python = str((project.path / "../python3").resolve())
    # The Python that runs this test, found by a path of its own: nothing else of its folder is.
    (project.path.parent / "python3").symlink_to(sys.base_prefix + "/bin/python3")
    output = project.make("setup", PATH=folders, PYTHON=python)
    assert "installing uv into .uv/" in output
    assert (project.path / ".uv/bin/uv").exists()
    assert (project.path / ".venv/bin/flask").exists()
