"""Names that a project cannot have, as what it installs or what lies beside it has them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from .bake import Bake


@pytest.mark.slow
def test_no_package_can_be_called_like_what_a_project_installs(
    rules: dict[str, Any], backend: Bake
) -> None:
    modules, _ = what_is_installed(backend)
    assert "flask" in modules
    assert [name for name in modules if rules["problem_with_package"](name) is None] == []


@pytest.mark.slow
def test_no_project_can_be_called_like_what_it_installs(
    rules: dict[str, Any], backend: Bake
) -> None:
    _, distributions = what_is_installed(backend)
    assert "flask" in distributions
    assert [name for name in distributions if rules["problem_with_slug"](name) is None] == []


def test_no_package_can_be_called_like_a_file_or_folder_beside_it(
    rules: dict[str, Any], bake: Bake
) -> None:
    parts = [Path(file).parts for file in bake.files()]
    beside = {first.removesuffix(".py") for first, *rest in parts if rest or first.endswith(".py")}
    assert {"run", "tests"} < beside
    accepted = {name for name in beside if rules["problem_with_package"](name) is None}
    assert accepted == {bake.package}


def what_is_installed(bake: Bake) -> tuple[list[str], list[str]]:
    """The names that a project's own Python imports, and PyPI's names of where they are from."""
    code = """
import importlib.metadata, json
print(json.dumps(importlib.metadata.packages_distributions()))
"""
    done = bake.run(bake.python, "-c", code)
    modules: dict[str, list[str]] = json.loads(done.stdout)
    distributions = {name for names in modules.values() for name in names}
    return sorted(modules), sorted(re.sub(r"[-_.]+", "-", name).lower() for name in distributions)
