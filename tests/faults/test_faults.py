"""Faults made on purpose cost nothing that was acknowledged: a short form of `make faults`."""

import os
from collections.abc import Callable

import pytest

from tests.bake import Bake
from tests.databases import has_mariadb

from .run import run
from .storages import KINDS, WEAK, all_faults

pytestmark = pytest.mark.slow

SEED = int(os.environ.get("FAULTS_SEED", "1"))
COUNT = 8
WRITES = 4_000
PROJECTS = {"json": "default", "redis": "redis", "sql": "sql"}


@pytest.mark.parametrize("name", KINDS)
def test_faults_lose_nothing_and_are_hidden_where_a_retry_can(
    name: str, installed: Callable[[str], Bake]
) -> None:
    bake = installed(PROJECTS[KINDS[name].backend])
    if name == "mariadb" and not has_mariadb(bake):
        pytest.skip("there is no MariaDB here")
    with KINDS[name].prepare(bake) as storage:
        done = run(
            bake, storage, all_faults(storage), seed=SEED, count=COUNT, writes=WRITES, tell=print
        )
    assert done.problems() == []
    assert len(done.figures) >= COUNT
    assert sum(figures.writes for figures in done.figures) >= WRITES


@pytest.mark.parametrize("name", WEAK)
def test_what_a_setting_cannot_keep_is_seen_to_fail(
    name: str, installed: Callable[[str], Bake]
) -> None:
    bake = installed(PROJECTS[WEAK[name].backend])
    with WEAK[name].prepare(bake) as storage:
        for seed in range(SEED, SEED + 5):  # what may be lost is not lost each time
            done = run(bake, storage, storage.faults, seed=seed, count=1, writes=1_000)
            if any(figures.lost + figures.wrong for figures in done.figures):
                return
    pytest.fail("nothing was lost or wrong")
