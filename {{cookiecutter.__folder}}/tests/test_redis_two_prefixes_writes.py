"""Customers at one of two keys: who writes beside whom, and when a write is answered."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, permutations
from typing import Any

import pytest
import redis

from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.storage import (
    CustomerStorage,
    StorageUnavailableError,
)
from {{ cookiecutter.package_name }}.storage.redis_two_prefixes import (
    RedisTwoPrefixStorage,
)

from .redis_samples import (
    ADA,
    BARE,
    FIRST,
    KING,
    PREFIXED,
    SECOND,
    TEXT,
    customers,
    ids_of,
    keys,
)

Open = Callable[..., Any]


# Instances beside each other


@pytest.mark.parametrize(
    ("one", "other"),
    [(BARE, FIRST), (FIRST, FIRST), (FIRST, SECOND), (SECOND, SECOND), (SECOND, PREFIXED)],
    ids=["step 1", "after step 1", "step 2", "after step 2", "step 4"],
)
def test_neighbours_during_each_restart_see_what_the_others_write(
    open_with: Open, one: dict[str, str], other: dict[str, str]
) -> None:
    for writer, reader in permutations((open_with(**one), open_with(**other))):

        def assert_seen(*expected: Customer, reader: CustomerStorage = reader) -> None:
            assert list(chain.from_iterable(reader.stream())) == list(expected)
            assert reader.page(10, None).customers == list(expected)
            assert reader.get("1") == (expected[0] if expected else None)
            assert reader.get_many(["1"]) == list(expected)

        writer.set(ADA)
        assert_seen(ADA)
        assert reader.add_many([KING]) == [ADA]
        writer.set(KING)
        assert_seen(KING)
        reader.set(ADA)
        writer.set(KING)
        assert_seen(KING)
        assert writer.delete("1")
        assert_seen()
        assert not reader.delete("1")
        assert writer.add_many([ADA]) == []
        assert_seen(ADA)
        assert reader.delete("1")
        assert writer.get("1") is None


def test_instances_that_write_the_same_customers_leave_one_key_each(
    open_with: Open, master: redis.Redis
) -> None:
    def write(writer: int) -> None:
        storage = open_with(**(FIRST, SECOND)[writer % 2])
        for number in range(50):
            storage.set_many([Customer(str(n), f"{writer}", f"{number}") for n in range(5)])
            storage.add_many([Customer(str(n), f"{writer}", f"{number}") for n in range(10)])
            storage.delete_many([str(n) for n in range(3, 8)])
        storage.set_many([Customer(str(n), "last", "") for n in range(10)])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    left = [key.decode().removeprefix("customer:") for key in keys(master)]
    assert sorted(left) == [str(number) for number in range(10)]
    assert [c.first_name for c in open_with(**FIRST).get_many(left)] == ["last"] * 10


def test_each_deletion_counts_for_one_of_those_who_delete_at_the_same_time(
    open_with: Open,
) -> None:
    storages = [open_with(**(FIRST, SECOND)[number % 2]) for number in range(4)]
    for _ in range(5):
        storages[0].set_many(customers(200))
        with ThreadPoolExecutor(4) as pool:
            counts = pool.map(lambda one: one.delete_many(ids_of(customers(200))), storages)
            assert sum(counts) == 200


# Acknowledgement


@pytest.mark.parametrize("write", ["set", "add", "delete", "move"])
def test_write_is_answered_when_a_replica_holds_it(
    open_with: Open,
    master: redis.Redis,
    frozen_replicas: Callable[[], None],
    write: str,
) -> None:
    storage: RedisTwoPrefixStorage = open_with(**SECOND)
    master.set("1", TEXT)
    writes: dict[str, Callable[[], object]] = {
        "set": lambda: storage.set(KING),
        "add": lambda: storage.add_many([Customer("2", "Grace", "Hopper")]),
        "delete": lambda: storage.delete("1"),
        "move": lambda: storage.move(["1"]),
    }
    answers: dict[str, object] = {"set": None, "add": [], "delete": True, "move": 1}
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(writes[write])
        with pytest.raises(TimeoutError):
            writing.result(timeout=0.4)  # several attempts
        frozen_replicas()
        assert writing.result(timeout=5) == answers[write]


@pytest.mark.usefixtures("frozen_replicas")
def test_write_that_no_replica_holds_is_not_acknowledged(open_with: Open) -> None:
    storage = open_with(**SECOND, RETRY_DEADLINE_SECONDS="1")
    with pytest.raises(StorageUnavailableError, match="may or may not have been kept"):
        storage.set(ADA)
    with pytest.raises(StorageUnavailableError, match="may or may not have been kept"):
        storage.add_many([Customer("2", "Grace", "Hopper")])


@pytest.mark.usefixtures("frozen_replicas")
def test_what_writes_nothing_waits_for_no_replica(open_with: Open) -> None:
    storage = open_with(**SECOND, RETRY_DEADLINE_SECONDS="1")
    assert not storage.delete("1")
    assert storage.move(["1"]) == 0


def test_customers_whom_others_change_all_the_time_are_given_up(
    open_with: Open, master: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = open_with(**SECOND, RETRY_DEADLINE_SECONDS="1")
    places = storage._places

    def places_while_another_writes(*args: Any) -> Any:
        master.set("1", TEXT)
        return places(*args)

    monkeypatch.setattr(storage, "_places", places_while_another_writes)
    with pytest.raises(StorageUnavailableError, match="other clients change the same customers"):
        storage.set(ADA)
