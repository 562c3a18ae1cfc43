"""What the pages in docs/ quote of the measurements, and of the projects, is really there."""

import re

import pytest

from .bake import TEMPLATE

DOCS = TEMPLATE / "docs"
FIGURE = re.compile(r"\d[\d,.]*(?:/s| s| ms| MB)(?!\w)")
MEASURED = ("docs/performance.md", "docs/reliability.md", "README.md")


@pytest.mark.parametrize("page", ["choose.md", "sentinel.md"])
def test_each_figure_of_a_page_was_measured(page: str) -> None:
    measured = " ".join((TEMPLATE / name).read_text(encoding="utf-8") for name in MEASURED)
    figures = FIGURE.findall((DOCS / page).read_text(encoding="utf-8"))
    assert figures
    assert [figure for figure in figures if figure not in FIGURE.findall(measured)] == []
