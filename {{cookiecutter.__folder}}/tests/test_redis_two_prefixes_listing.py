"""Customers at one of two keys: listing them while they are moved, and while the master changes."""

from collections import Counter
from collections.abc import Callable
from itertools import chain, islice
from typing import Any

import pytest
import redis

from {{ cookiecutter.package_name }}.storage import redis_listing, redis_two_prefixes
from {{ cookiecutter.package_name }}.storage.redis_listing import Position
from {{ cookiecutter.package_name }}.storage.redis_two_prefixes import (
    RedisTwoPrefixStorage,
)

from .redis_samples import (
    ADA,
    BARE,
    FIRST,
    PREFIXED,
    SECOND,
    customers,
    ids_of,
    listed,
    paged,
)
from dev.cluster import Cluster

Open = Callable[..., Any]


@pytest.fixture
def storage(open_with: Open) -> RedisTwoPrefixStorage:
    """An empty storage of the second step."""
    opened: RedisTwoPrefixStorage = open_with(**SECOND)
    return opened


# While keys are moved


@pytest.fixture
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have few customers come in as many batches as thousands do."""
    monkeypatch.setattr(redis_listing, "BATCH", 100)
    monkeypatch.setattr(redis_two_prefixes, "BATCH", 100)
    monkeypatch.setattr(redis_two_prefixes, "MOVE_BATCH", 25)


@pytest.mark.usefixtures("_small_batches")
@pytest.mark.parametrize("mover", [FIRST, SECOND], ids=["to bare", "to prefix"])
@pytest.mark.parametrize("variables", [FIRST, SECOND], ids=["first", "second"])
def test_stream_shows_those_who_are_moved_meanwhile_once(
    open_with: Open, variables: dict[str, str], mover: dict[str, str]
) -> None:
    stored = customers(300)
    moving, reading = open_with(**mover), open_with(**variables)
    open_with(**(SECOND if mover == FIRST else FIRST)).set_many(stored)
    for batches_before in range(8):
        streaming = reading.stream()
        before = list(islice(streaming, batches_before))
        moving.move(ids_of(stored))
        assert sorted(ids_of(chain(*before, *streaming))) == ids_of(stored)
        moving.records.prefixes = moving.records.prefixes[::-1]  # and back
        moving.move(ids_of(stored))
        moving.records.prefixes = moving.records.prefixes[::-1]


@pytest.mark.usefixtures("_small_batches")
@pytest.mark.parametrize("variables", [FIRST, SECOND], ids=["first", "second"])
def test_pages_show_those_who_are_moved_to_the_longer_prefix_meanwhile(
    open_with: Open, variables: dict[str, str]
) -> None:
    stored = customers(200)
    reading, moving = open_with(**variables), open_with(**SECOND)
    for pages_before in range(0, 22, 3):
        open_with(**FIRST).set_many(stored)
        seen = set()
        page = reading.page(10, None)
        for number in range(1000):
            seen |= set(ids_of(page.customers))
            if number == pages_before:
                moving.move(ids_of(stored))
            if page.next_cursor is None:
                break
            page = reading.page(10, page.next_cursor)
        assert sorted(seen) == ids_of(stored)
        reading.delete_many(ids_of(stored))


@pytest.mark.parametrize("at_end_of_scan", [False, True])
@pytest.mark.parametrize(
    ("one", "other", "writer"),
    [
        (BARE, FIRST, BARE),
        (FIRST, BARE, BARE),
        (FIRST, SECOND, FIRST),
        (SECOND, FIRST, SECOND),
        (SECOND, PREFIXED, PREFIXED),
        (PREFIXED, SECOND, PREFIXED),
    ],
)
def test_pages_can_be_continued_at_a_neighbour(
    open_with: Open,
    one: dict[str, str],
    other: dict[str, str],
    writer: dict[str, str],
    at_end_of_scan: bool,
) -> None:
    stored = customers(20 if at_end_of_scan else 3000)
    open_with(**writer).set_many(stored)
    page = open_with(**one).page(15 if at_end_of_scan else 1000, None)
    assert sorted(set(paged(open_with(**other), 1000, page))) == ids_of(stored)


def test_prefixes_may_both_be_longer(open_with: Open, master: redis.Redis) -> None:
    variables = {"REDIS_KEY_PREFIX": "new:", "REDIS_OTHER_KEY_PREFIX": "[old]:"}
    open_with(REDIS_KEY_PREFIX="[old]:").set_many(customers(1500))
    master.set("o:x", "no customer")
    storage = open_with(**variables)
    storage.set(ADA)
    assert Counter(listed(storage)) == Counter(["1", *ids_of(customers(1500))])
    assert set(paged(storage, 100)) == {"1", *ids_of(customers(1500))}
    assert storage.move(ids_of(customers(1500))) == 1500
    assert Counter(listed(storage)) == Counter(["1", *ids_of(customers(1500))])
    assert len(open_with(REDIS_KEY_PREFIX="new:").get_many(ids_of(customers(1500)))) == 1500


# While the master changes


def test_listing_goes_on_when_the_master_changes_between_two_prefixes(
    cluster: Cluster, storage: RedisTwoPrefixStorage, open_with: Open
) -> None:
    bare, prefixed = customers(1500, "bare"), customers(1500, "prefixed")
    open_with(**FIRST).set_many(bare)
    storage.set_many(prefixed)
    streaming = storage.stream()
    first = [next(streaming), next(streaming)]
    page = storage.page(1000, None)
    cluster.planned_failover()
    assert sorted(ids_of(chain(*first, *streaming))) == ids_of(bare) + ids_of(prefixed)
    assert sorted(set(paged(storage, 1000, page))) == ids_of(bare) + ids_of(prefixed)


def test_listing_that_another_server_began_is_begun_anew(storage: RedisTwoPrefixStorage) -> None:
    storage.set(ADA)
    for scan_cursor in (0, 1):  # between two turns, and within one
        first = storage._listing.scan(Position("another run", scan_cursor, turn=1), 10)
        assert first.turn == 1
        assert storage._listing.scan(first, 10).pending == ("1",)
