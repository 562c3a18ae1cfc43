"""Customers in Redis: listing them at once and in pages, while they and the master change."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import pytest
import redis

from {{ cookiecutter.package_name }}.storage import (
    BadCursorError,
    CustomerStorage,
    redis_listing,
)

from .redis_samples import ADA, customers, ids_of, listed, paged
from dev.cluster import Cluster


@pytest.mark.parametrize("limit", [1, 3, 10, 1000])
def test_pages_show_all_customers_among_many_other_keys(
    storage: CustomerStorage, master: redis.Redis, limit: int
) -> None:
    master.mset({f"other:{number}": "x" for number in range(3000)})
    storage.set_many(customers(100))
    assert sorted(paged(storage, limit)) == ids_of(customers(100))
    assert sorted(listed(storage)) == ids_of(customers(100))


def test_customer_that_is_there_all_the_time_is_listed_once_while_others_come_and_go(
    storage: CustomerStorage,
    open_storage: Callable[[], CustomerStorage],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(redis_listing, "BATCH", 100)  # as many batches as of thousands
    stay = customers(500, "stay")
    storage.set_many(stay)
    stop = threading.Event()

    def come_and_go() -> None:
        other = open_storage()
        passing = customers(2_000, "pass")
        while not stop.is_set():  # so that the server's table grows and shrinks
            other.set_many(passing)
            other.set_many(stay[:10])
            for customer in passing[: 2 * len(stay)]:
                if stop.is_set():
                    break
                other.delete(customer.customer_id)
        other.close()

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(come_and_go)
        try:
            for _ in range(5):
                counts = Counter(listed(storage))
                assert max(counts.values()) == 1
                assert set(ids_of(stay)) <= counts.keys()
                assert set(ids_of(stay)) <= set(paged(storage, 50))
        finally:
            stop.set()
        writing.result()


def test_listing_goes_on_when_the_master_changes(
    cluster: Cluster, storage: CustomerStorage
) -> None:
    stored = customers(5000)
    storage.set_many(stored)
    streaming = storage.stream()
    first = next(streaming)
    page = storage.page(1000, None)
    cluster.planned_failover()
    assert sorted(ids_of(chain(first, *streaming))) == ids_of(stored)
    assert sorted(set(paged(storage, 1000, page))) == ids_of(stored)


@pytest.mark.parametrize(
    "cursor",
    [
        "after:7",
        "{}",
        "[]",
        '{"run_id":"a","scan_cursor":-1}',
        '{"run_id":"a","scan_cursor":18446744073709551616}',
        '{"run_id":"a","pending":["a/b"]}',
        '{"run_id":"a","more":1}',
    ],
)
def test_cursor_of_another_service_is_refused(storage: CustomerStorage, cursor: str) -> None:
    with pytest.raises(BadCursorError):
        storage.page(1, cursor)


@pytest.mark.parametrize("cursor", ['{"run_id":"a","turn":99}', '{"run_id":"a","turn":-1}'])
def test_cursor_of_another_server_starts_anew(storage: CustomerStorage, cursor: str) -> None:
    storage.set(ADA)
    assert storage.page(1, cursor).customers == [ADA]
