"""Customers move from any storage to any other one, and the service answers the same."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import product
from pathlib import Path

import pytest

from .bake import Bake
from .moves import Place, storage_for, write_lines

pytestmark = pytest.mark.slow

CUSTOMERS = 1500  # more than most storages take at once
RENDERINGS = {"json": "default", "redis": "redis", "sqlite": "sql"}

Start = Callable[[str], Place]


@pytest.fixture
def start(installed: Callable[[str], Bake], tmp_path: Path) -> Iterator[Start]:
    """Gives a project with an empty storage of a kind; each call another one."""
    with ExitStack() as stack:

        def start_another(kind: str) -> Place:
            folder = tmp_path / f"{kind}-{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            bake = installed(RENDERINGS[kind])
            return Place(bake, stack.enter_context(storage_for(bake, folder, kind)))

        yield start_another


@pytest.mark.parametrize(("source", "target"), list(product(RENDERINGS, RENDERINGS)))
def test_moved_customers_are_the_same_and_so_are_the_answers(
    start: Start, tmp_path: Path, source: str, target: str
) -> None:
    begun, moved = tmp_path / "begun.jsonl", tmp_path / "moved.json"
    write_lines(begun, CUSTOMERS)
    old, new = start(source), start(target)
    old.run("import", str(begun))
    before = old.answers(CUSTOMERS)

    exported = old.run("export", str(moved))
    imported = new.run("import", str(moved))
    verified = new.run("verify", str(moved))

    assert f"{CUSTOMERS:,} added" in imported
    assert verified.endswith("they are the same\n")
    checksums = {text.split()[-1] for text in (exported, imported)}
    assert len(checksums) == 1
    assert verified.count(checksums.pop()) == 2
    assert new.answers(CUSTOMERS) == before
    assert old.run("verify", str(moved)).endswith("they are the same\n")
