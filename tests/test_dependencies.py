"""The page on dependencies names what the renderings need at run time."""

import re
import tomllib

from .bake import TEMPLATE
from .conftest import COMBINATIONS, Render

PAGE = TEMPLATE / "docs" / "dependencies.md"
BACKENDS = {"JSON file": "default", "Redis": "redis", "SQL": "sql"}


def test_page_names_exactly_the_dependencies_of_each_backend(render: Render) -> None:
    rows = re.findall(r"^\| `([\w-]+)` [\w.]+ \| ([^|]+) \|", PAGE.read_text(), re.MULTILINE)
    assert len(rows) == len({name for name, _ in rows})
    for backend, combination in BACKENDS.items():
        bake = render(combination, COMBINATIONS[combination])
        parsed = tomllib.loads(bake.read("pyproject.toml"))
        needed = parsed["project"]["dependencies"] + parsed["dependency-groups"]["server"]
        names = [re.split(r"[^\w-]", requirement)[0] for requirement in needed]
        listed = [name for name, backends in rows if backend in backends.split(", ")]
        assert sorted(listed) == sorted(names), backend


def test_page_gives_each_a_reason_and_each_figure() -> None:
    rows = [row for row in PAGE.read_text().splitlines() if row.startswith("| `")]
    assert rows
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == 6, row
        assert all(cells), row
