"""Customers at one of two keys, while they are moved from one prefix to the other."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from inspect import signature
from itertools import chain, islice
from typing import Any

import pytest
import redis

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.storage import (
    CustomerStorage,
    StorageUnavailableError,
    redis_listing,
    redis_move,
    redis_two_prefixes,
)
from {{ cookiecutter.package_name }}.storage.redis_failover import fail_over
from {{ cookiecutter.package_name }}.storage.redis_listing import Position
from {{ cookiecutter.package_name }}.storage.redis_move import glimpses
from {{ cookiecutter.package_name }}.storage.redis_sentinel import RedisSentinelStorage
from {{ cookiecutter.package_name }}.storage.redis_settings import RedisSettings
from {{ cookiecutter.package_name }}.storage.redis_two_prefixes import RedisTwoPrefixStorage

from . import test_storage_contract
from .test_redis_sentinel import FOREIGN_VALUES, TEXT, listed, paged
from dev.cluster import Cluster

# What an instance is configured with: before the move, in its first step, in its second, and after.
BARE = {"REDIS_KEY_PREFIX": ""}
FIRST = {"REDIS_KEY_PREFIX": "", "REDIS_OTHER_KEY_PREFIX": "customer:"}
SECOND = {"REDIS_KEY_PREFIX": "customer:", "REDIS_OTHER_KEY_PREFIX": ""}
PREFIXED = {"REDIS_KEY_PREFIX": "customer:"}
BOTH = pytest.mark.parametrize("environ", [FIRST, SECOND], ids=["first", "second"], indirect=True)

ADA = Customer("1", "Ada", "Lovelace")
KING = Customer("1", "Augusta", "King")

Open = Callable[[dict[str, str]], Any]


@pytest.fixture
def environ(cluster: Cluster, request: pytest.FixtureRequest) -> dict[str, str]:
    """The configuration for an empty storage; that of the second step if no test says."""
    return {**cluster.environ, **getattr(request, "param", SECOND)}


@pytest.fixture
def open_with(cluster: Cluster) -> Iterator[Open]:
    """Opens the storage as an instance with some variables does."""
    opened = []

    def open_another(variables: dict[str, str]) -> RedisSentinelStorage:
        config = Config.from_environ({**cluster.environ, **variables})
        opened.append(RedisSentinelStorage.from_environment(config.environment, config.retry))
        return opened[-1]

    yield open_another
    for storage in opened:
        storage.close()


@pytest.fixture
def master(cluster: Cluster) -> redis.Redis:
    """Sends commands to the master."""
    return cluster.master().client()


def customers(count: int, name: str = "x") -> list[Customer]:
    return [Customer(f"{name}{number:06}", "Ada", "Lovelace") for number in range(count)]


def ids_of(some: list[Customer]) -> list[str]:
    return [customer.customer_id for customer in some]


def keys(master: redis.Redis) -> set[bytes]:
    """All keys but the short-lived one of a write that is tried again."""
    found: Any = master.keys()
    return {key for key in found if not key.endswith(b"/")}


# What every storage promises holds in both steps.

globals().update(
    {
        f"{name}_with_two_prefixes": BOTH(found)
        for name, found in vars(test_storage_contract).items()
        if name.startswith("test_") and "storage" in signature(found).parameters
    }
)


# One customer


@BOTH
@pytest.mark.parametrize("key", ["1", "customer:1"])
def test_customer_is_found_under_each_prefix(
    storage: CustomerStorage, master: redis.Redis, key: str
) -> None:
    master.set(key, TEXT)
    assert storage.get("1") == ADA
    assert storage.get_many(["1", "2"]) == [ADA]
    assert listed(storage) == paged(storage, 1) == ["1"]
    assert storage.add_many([KING]) == [ADA]
    assert keys(master) == {key.encode()}
    assert storage.delete("1")
    assert keys(master) == set()


@BOTH
@pytest.mark.parametrize("key", ["1", "customer:1"])
def test_customer_who_is_changed_stays_at_the_key(
    storage: CustomerStorage, master: redis.Redis, key: str
) -> None:
    master.set(key, TEXT)
    storage.set(KING)
    assert keys(master) == {key.encode()}
    assert storage.get("1") == KING


@pytest.mark.parametrize(("variables", "key"), [(FIRST, b"1"), (SECOND, b"customer:1")])
def test_new_customer_gets_the_key_of_the_instance(
    open_with: Open, master: redis.Redis, variables: dict[str, str], key: bytes
) -> None:
    open_with(variables).set(ADA)
    assert keys(master) == {key}


def test_if_both_keys_hold_the_customer_that_of_the_instance_counts(
    open_with: Open, master: redis.Redis
) -> None:
    first, second = open_with(FIRST), open_with(SECOND)
    first.set(ADA)
    open_with(PREFIXED).set(KING)
    assert (first.get("1"), second.get("1")) == (ADA, KING)
    assert list(first.stream()) == [[ADA]]
    assert list(second.stream()) == [[KING]]
    second.set(ADA)
    assert keys(master) == {b"customer:1"}
    assert first.get("1") == ADA


@BOTH
def test_deletion_deletes_both_keys(
    storage: CustomerStorage, open_with: Open, master: redis.Redis
) -> None:
    open_with(BARE).set(ADA)
    open_with(PREFIXED).set(KING)
    assert storage.delete_many(["1", "1"]) == 1
    assert keys(master) == set()


# Keys that hold something else


@BOTH
@pytest.mark.parametrize("value", FOREIGN_VALUES.values(), ids=FOREIGN_VALUES)
@pytest.mark.parametrize("key", ["7", "customer:7"])
def test_value_that_is_no_customer_is_left_alone(
    storage: CustomerStorage,
    master: redis.Redis,
    key: str,
    value: str | bytes,
) -> None:
    master.set(key, value)
    assert storage.get("7") is None
    assert not storage.delete("7")
    assert listed(storage) == paged(storage, 1) == []
    assert master.get(key) == (value if isinstance(value, bytes) else value.encode())


@pytest.mark.parametrize(("variables", "key"), [(FIRST, "customer:7"), (SECOND, "7")])
def test_value_under_the_other_prefix_survives_a_customer_of_that_id(
    open_with: Open, master: redis.Redis, variables: dict[str, str], key: str
) -> None:
    storage = open_with(variables)
    for fill in (lambda: master.set(key, "hello"), lambda: master.sadd(key, "hello")):
        fill()
        before = master.dump(key)
        storage.set(Customer("7", "Ada", "Lovelace"))
        storage.add_many([Customer("7", "Ada", "Lovelace")])
        assert storage.delete("7")
        assert master.dump(key) == before
        master.delete(key)


@pytest.mark.parametrize(("variables", "key"), [(FIRST, "7"), (SECOND, "customer:7")])
def test_key_of_another_type_is_not_written_to(
    open_with: Open, master: redis.Redis, variables: dict[str, str], key: str
) -> None:
    storage = open_with(variables)
    master.rpush(key, "x")
    with pytest.raises(StorageUnavailableError, match="WRONGTYPE"):
        storage.set(Customer("7", "Ada", "Lovelace"))
    with pytest.raises(StorageUnavailableError, match="WRONGTYPE"):
        storage.add_many([Customer("7", "Ada", "Lovelace")])
    assert keys(master) == {key.encode()}
    assert master.lrange(key, 0, -1) == [b"x"]


def test_key_that_two_ids_could_have_keeps_its_customer(open_with: Open) -> None:
    short, long = ADA, Customer("customer:1", "Grace", "Hopper")
    for first, second in ((FIRST, SECOND), (SECOND, FIRST)):
        for one, other in ((short, long), (long, short)):
            storage, beside = open_with(first), open_with(second)
            storage.set(one)
            beside.set(other)
            for reader in (storage, beside):
                assert sorted(listed(reader)) == ["1", "customer:1"]
                assert set(paged(reader, 1)) == {"1", "customer:1"}
                assert (reader.get("1"), reader.get("customer:1")) == (short, long)
            assert storage.delete_many(["1", "customer:1"]) == 2


def test_customer_whose_keys_both_hold_others_is_refused(open_with: Open) -> None:
    first, second = open_with(FIRST), open_with(SECOND)
    second.set(ADA)  # at customer:1
    first.set(Customer("customer:customer:1", "x", "y"))
    with pytest.raises(StorageUnavailableError, match="other customers are at both keys"):
        second.set(Customer("customer:1", "Grace", "Hopper"))
    assert sorted(listed(first)) == ["1", "customer:customer:1"]


def test_two_new_customers_never_get_one_key(open_with: Open) -> None:
    first = open_with(FIRST)
    open_with(SECOND).set(ADA)  # at customer:1
    both = [Customer("customer:1", "x", "y"), Customer("customer:customer:1", "x", "y")]
    first.set_many(both)
    assert sorted(first.get_many(ids_of(both)), key=lambda one: one.customer_id) == both


@BOTH
def test_keys_that_hold_something_else_are_not_logged(
    storage: CustomerStorage, master: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    master.set(b"customer:\xff", "x")
    master.set("7", "x")
    with caplog.at_level(logging.WARNING):
        assert listed(storage) == paged(storage, 1) == []
    assert caplog.messages == []


# Instances beside each other


@pytest.mark.parametrize(
    ("one", "other"),
    [(BARE, FIRST), (FIRST, FIRST), (FIRST, SECOND), (SECOND, SECOND), (SECOND, PREFIXED)],
    ids=["step 1", "after step 1", "step 2", "after step 2", "step 4"],
)
def test_neighbours_during_each_restart_see_what_the_others_write(
    open_with: Open, one: dict[str, str], other: dict[str, str]
) -> None:
    for writer, reader in ((open_with(one), open_with(other)), (open_with(other), open_with(one))):

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
        storage = open_with((FIRST, SECOND)[writer % 2])
        for number in range(50):
            storage.set_many([Customer(str(n), f"{writer}", f"{number}") for n in range(5)])
            storage.add_many([Customer(str(n), f"{writer}", f"{number}") for n in range(10)])
            storage.delete_many([str(n) for n in range(3, 8)])
        storage.set_many([Customer(str(n), "last", "") for n in range(10)])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    left = [key.decode().removeprefix("customer:") for key in keys(master)]
    assert sorted(left) == [str(number) for number in range(10)]
    assert [c.first_name for c in open_with(FIRST).get_many(left)] == ["last"] * 10


def test_each_deletion_counts_for_one_of_those_who_delete_at_the_same_time(
    open_with: Open,
) -> None:
    storages = [open_with((FIRST, SECOND)[number % 2]) for number in range(4)]
    for _ in range(5):
        storages[0].set_many(customers(200))
        with ThreadPoolExecutor(4) as pool:
            counts = pool.map(lambda one: one.delete_many(ids_of(customers(200))), storages)
            assert sum(counts) == 200


# Acknowledgement


@pytest.mark.parametrize("write", ["set", "add", "delete", "move"])
def test_write_is_answered_when_a_replica_holds_it(
    storage: RedisTwoPrefixStorage,
    master: redis.Redis,
    frozen_replicas: Callable[[], None],
    write: str,
) -> None:
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
    storage = open_with({**SECOND, "RETRY_DEADLINE_SECONDS": "0.3"})
    with pytest.raises(StorageUnavailableError, match="may or may not have been kept"):
        storage.set(ADA)
    with pytest.raises(StorageUnavailableError, match="may or may not have been kept"):
        storage.add_many([Customer("2", "Grace", "Hopper")])


@pytest.mark.usefixtures("frozen_replicas")
def test_what_writes_nothing_waits_for_no_replica(open_with: Open) -> None:
    storage = open_with({**SECOND, "RETRY_DEADLINE_SECONDS": "0.3"})
    assert not storage.delete("1")
    assert storage.move(["1"]) == 0


def test_customers_whom_others_change_all_the_time_are_given_up(
    open_with: Open, master: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = open_with({**SECOND, "RETRY_DEADLINE_SECONDS": "0.2"})
    places = storage._places

    def places_while_another_writes(*args: Any) -> Any:
        master.set("1", TEXT)
        return places(*args)

    monkeypatch.setattr(storage, "_places", places_while_another_writes)
    with pytest.raises(StorageUnavailableError, match="other clients change the same customers"):
        storage.set(ADA)


# Listings while keys are moved


@pytest.fixture
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have few customers come in as many batches as thousands do."""
    for module in (redis_listing, redis_move, redis_two_prefixes):
        monkeypatch.setattr(module, "BATCH", 100)
    monkeypatch.setattr(redis_two_prefixes, "MOVE_BATCH", 25)


@pytest.mark.usefixtures("_small_batches")
@pytest.mark.parametrize("mover", [FIRST, SECOND], ids=["to bare", "to prefix"])
@pytest.mark.parametrize("variables", [FIRST, SECOND], ids=["first", "second"])
def test_stream_shows_those_who_are_moved_meanwhile_once(
    open_with: Open, variables: dict[str, str], mover: dict[str, str]
) -> None:
    stored = customers(300)
    moving, reading = open_with(mover), open_with(variables)
    open_with(SECOND if mover == FIRST else FIRST).set_many(stored)
    for batches_before in range(8):
        streaming = reading.stream()
        before = list(islice(streaming, batches_before))
        moving.move(ids_of(stored))
        shown = chain(chain.from_iterable(before), chain.from_iterable(streaming))
        assert sorted(c.customer_id for c in shown) == ids_of(stored)
        moving.records.prefixes = moving.records.prefixes[::-1]  # and back
        moving.move(ids_of(stored))
        moving.records.prefixes = moving.records.prefixes[::-1]


@pytest.mark.usefixtures("_small_batches")
@pytest.mark.parametrize("variables", [FIRST, SECOND], ids=["first", "second"])
def test_pages_show_those_who_are_moved_to_the_longer_prefix_meanwhile(
    open_with: Open, variables: dict[str, str]
) -> None:
    stored = customers(200)
    reading, moving = open_with(variables), open_with(SECOND)
    for pages_before in range(0, 22, 3):
        open_with(FIRST).set_many(stored)
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
    open_with(writer).set_many(stored)
    page = open_with(one).page(15 if at_end_of_scan else 1000, None)
    seen = set(ids_of(page.customers))
    reader = open_with(other)
    while page.next_cursor is not None:
        page = reader.page(1000, page.next_cursor)
        seen |= set(ids_of(page.customers))
    assert sorted(seen) == ids_of(stored)


def test_listing_goes_on_when_the_master_changes_between_two_prefixes(
    storage: CustomerStorage, open_with: Open, environ: dict[str, str]
) -> None:
    bare, prefixed = customers(1500, "bare"), customers(1500, "prefixed")
    open_with(FIRST).set_many(bare)
    storage.set_many(prefixed)
    streaming = storage.stream()
    first = [next(streaming), next(streaming)]
    page = storage.page(1000, None)
    fail_over(RedisSettings.from_environment(Config.from_environ(environ).environment))
    shown = chain(chain.from_iterable(first), chain.from_iterable(streaming))
    assert sorted(c.customer_id for c in shown) == ids_of(bare) + ids_of(prefixed)
    seen = set(ids_of(page.customers))
    while page.next_cursor is not None:
        page = storage.page(1000, page.next_cursor)
        seen |= set(ids_of(page.customers))
    assert sorted(seen) == ids_of(bare) + ids_of(prefixed)


def test_listing_that_another_server_began_is_begun_anew(storage: RedisTwoPrefixStorage) -> None:
    storage.set(ADA)
    for scan_cursor in (0, 1):  # between two turns, and within one
        position = Position("another run", scan_cursor, turn=1)
        first = storage._listing.scan(position, 10)
        assert first.turn == 1
        assert storage._listing.scan(first, 10).pending == ("1",)


def test_look_at_all_keys_begins_anew_at_another_server(
    storage: RedisTwoPrefixStorage, open_with: Open, environ: dict[str, str]
) -> None:
    stored = customers(3000)
    open_with(FIRST).set_many(stored)
    looking = glimpses(storage)
    assert next(looking).is_first
    fail_over(RedisSettings.from_environment(Config.from_environ(environ).environment))
    rest = list(looking)
    assert [glimpse.is_first for glimpse in rest] == [True, *(False for _ in rest[1:])]
    assert {one for glimpse in rest for one in glimpse.movable} == set(ids_of(stored))


def test_prefixes_may_both_be_longer(open_with: Open, master: redis.Redis) -> None:
    variables = {"REDIS_KEY_PREFIX": "new:", "REDIS_OTHER_KEY_PREFIX": "[old]:"}
    open_with({"REDIS_KEY_PREFIX": "[old]:"}).set_many(customers(1500))
    master.set("o:x", "no customer")
    storage = open_with(variables)
    storage.set(ADA)
    assert Counter(listed(storage)) == Counter(["1", *ids_of(customers(1500))])
    assert set(paged(storage, 100)) == {"1", *ids_of(customers(1500))}
    assert storage.move(ids_of(customers(1500))) == 1500
    assert Counter(listed(storage)) == Counter(["1", *ids_of(customers(1500))])
    assert len(open_with({"REDIS_KEY_PREFIX": "new:"}).get_many(ids_of(customers(1500)))) == 1500


# The move of some customers


def test_customer_is_moved_with_the_time_to_live(
    storage: RedisTwoPrefixStorage, master: redis.Redis
) -> None:
    master.set("1", TEXT, px=60_000)
    assert storage.move(["1", "1", "2"]) == 1
    assert keys(master) == {b"customer:1"}
    assert 50_000 < master.pttl("customer:1") <= 60_000
    assert storage.get("1") == ADA
    assert storage.move(["1"]) == 0


@pytest.mark.parametrize(
    ("fill", "value"), [("sadd", "x"), ("set", "x"), ("set", TEXT.replace("Ada", "Augusta"))]
)
def test_what_is_at_the_new_key_is_not_replaced(
    storage: RedisTwoPrefixStorage, master: redis.Redis, fill: str, value: str
) -> None:
    master.set("1", TEXT)
    getattr(master, fill)("customer:1", value)
    before = master.dump("customer:1")
    assert storage.move(["1"]) == 0
    assert master.dump("customer:1") == before
    assert master.get("1") == TEXT.encode()


def test_move_stays_right_while_others_write_the_same_customers(
    storage: RedisTwoPrefixStorage, open_with: Open, master: redis.Redis
) -> None:
    stored = customers(500)
    storages = [open_with(FIRST), open_with(SECOND)]
    storages[0].set_many(stored)
    stop = threading.Event()
    written: dict[str, Customer] = {}

    def write(part: int) -> None:
        for number, customer in enumerate(stored[part::2] * 1000):
            if stop.is_set():
                return
            changed = Customer(customer.customer_id, "changed", str(number))
            storages[number % 2].set(changed)
            written[customer.customer_id] = changed

    with ThreadPoolExecutor(2) as pool:
        writing = [pool.submit(write, part) for part in (0, 1)]
        while len(written) < 50:
            assert not any(one.done() for one in writing)
        moved = storage.move(ids_of(stored))
        stop.set()
        for one in writing:
            one.result()
    assert moved == 500
    assert keys(master) == {f"customer:{one.customer_id}".encode() for one in stored}
    assert written
    assert all(storage.get(customer_id) == written[customer_id] for customer_id in written)
