"""No function is longer than a screen, and no module longer than a reader keeps in mind."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from .bake import TEMPLATE, Bake

MOST_OF_A_FUNCTION = 40
MOST_OF_A_MODULE = 250
OWN = ("benchmarks", "docs", "hooks", "scripts", "tests")


def too_long(files: Iterator[Path]) -> list[str]:
    """What is longer than it may be, with its number of lines."""
    found = []
    for file in files:
        text = file.read_text(encoding="utf-8")
        if (lines := len(text.splitlines())) > MOST_OF_A_MODULE:
            found.append(f"{file}: {lines} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > MOST_OF_A_FUNCTION:
                    found.append(f"{file}:{node.lineno}: {node.name} has {lines} lines")
    return found


@pytest.mark.parametrize("folder", OWN)
def test_template_s_own_functions_and_modules_are_short(folder: str) -> None:
    assert too_long((TEMPLATE / folder).rglob("*.py")) == []


def test_functions_and_modules_of_a_project_are_short(bake: Bake) -> None:
    assert too_long(bake.path / file for file in bake.files() if file.endswith(".py")) == []
