"""Customers in Redis: its keys, its listing, its acknowledgements, and its failovers."""

import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import pytest
import redis

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.storage import (
    BadCursorError,
    CustomerStorage,
    StorageUnavailableError,
    redis_listing,
)
from {{ cookiecutter.package_name }}.storage.redis_errors import TooFewReplicasError
from {{ cookiecutter.package_name }}.storage.redis_failover import fail_over
from {{ cookiecutter.package_name }}.storage.redis_sentinel import RedisSentinelStorage
from {{ cookiecutter.package_name }}.storage.redis_settings import RedisSettings

from dev.cluster import Cluster

ADA = Customer("1", "Ada", "Lovelace")
TEXT = '{"customerID":"1","firstName":"Ada","lastName":"Lovelace"}'

Open = Callable[..., RedisSentinelStorage]


@pytest.fixture
def open_with(environ: dict[str, str]) -> Iterator[Open]:
    """Opens the storage with further variables."""
    opened = []

    def open_another(**variables: str) -> RedisSentinelStorage:
        config = Config.from_environ({**environ, **variables})
        opened.append(RedisSentinelStorage.from_environment(config.environment, config.retry))
        return opened[-1]

    yield open_another
    for storage in opened:
        storage.close()


@pytest.fixture
def master(cluster: Cluster) -> redis.Redis:
    """Sends commands to the master."""
    return cluster.master().client()


@pytest.fixture
def settings(environ: dict[str, str]) -> RedisSettings:
    """What the storage is configured with."""
    return RedisSettings.from_environment(Config.from_environ(environ).environment)


def customers(count: int, name: str = "x") -> list[Customer]:
    return [Customer(f"{name}{number:06}", "Ada", "Lovelace") for number in range(count)]


def listed(storage: CustomerStorage) -> list[str]:
    return [customer.customer_id for customer in chain.from_iterable(storage.stream())]


def paged(storage: CustomerStorage, limit: int) -> list[str]:
    page = storage.page(limit, None)
    found = page.customers
    while page.next_cursor is not None:
        page = storage.page(limit, page.next_cursor)
        assert len(page.customers) <= limit
        found += page.customers
    return [customer.customer_id for customer in found]


# The keys


def test_customer_is_json_text_at_the_prefix_and_its_id(
    storage: CustomerStorage, master: redis.Redis
) -> None:
    storage.set(ADA)
    assert master.keys() == [b"customer:1"]
    assert master.get("customer:1") == TEXT.encode()


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        '{"lastName": "Lovelace", "customerID": "1", "firstName": "Ada"}',
        '{"customerID": "1", "firstName": "Ada", "lastName": "Lovelace", "age": 36}',
    ],
)
def test_record_that_others_wrote_is_read(
    storage: CustomerStorage, master: redis.Redis, text: str
) -> None:
    master.set("customer:1", text)
    assert storage.get("1") == ADA
    assert list(storage.stream()) == [[ADA]]


FOREIGN_VALUES = {
    "text": "hello",
    "nothing": "",
    "another record": '{"id": 1}',
    "a list of records": f"[{TEXT}]",
    "another customer's record": TEXT,
    "a name that is no text": '{"customerID":"7","firstName":7,"lastName":"x"}',
    "a name with a NUL": '{"customerID":"7","firstName":"\\u0000","lastName":"x"}',
    "bytes that are not UTF-8": b'{"customerID":"7","firstName":"\xff","lastName":"x"}',
}


@pytest.mark.parametrize("value", FOREIGN_VALUES.values(), ids=FOREIGN_VALUES)
def test_value_that_is_no_customer_is_left_alone(
    storage: CustomerStorage,
    master: redis.Redis,
    value: str | bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    master.set("customer:7", value)
    assert_left_alone(storage, caplog, b"customer:7")
    assert master.get("customer:7") == (value if isinstance(value, bytes) else value.encode())


def test_add_many_replaces_text_that_is_no_customer_and_refuses_another_type(
    storage: CustomerStorage, master: redis.Redis
) -> None:
    master.set("customer:1", "hello")
    assert storage.add_many([ADA]) == []
    assert storage.get("1") == ADA
    master.rpush("customer:2", "x")
    with pytest.raises(StorageUnavailableError, match="WRONGTYPE"):
        storage.add_many([Customer("2", "Alan", "Turing")])
    assert master.lrange("customer:2", 0, -1) == [b"x"]


def test_key_of_another_type_is_left_alone(
    storage: CustomerStorage, master: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    master.rpush("customer:7", "x")
    assert_left_alone(storage, caplog, b"customer:7")
    with pytest.raises(StorageUnavailableError, match="WRONGTYPE"):
        storage.set(Customer("7", "Ada", "Lovelace"))
    assert master.lrange("customer:7", 0, -1) == [b"x"]


def assert_left_alone(
    storage: CustomerStorage, caplog: pytest.LogCaptureFixture, key: bytes
) -> None:
    storage.set(ADA)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert storage.get("7") is None
            assert not storage.delete("7")
            assert listed(storage) == ["1"]
            assert paged(storage, 1) == ["1"]
    assert [message for message in caplog.messages if "left alone" in message] == [
        f"left alone, as it holds no customer: the key {key!r}"
    ]


@pytest.mark.parametrize("key", [b"customer:", b"customer:a/b", b"customer:a\nb", b"customer:\xff"])
def test_key_with_no_valid_id_is_left_alone(
    storage: CustomerStorage,
    master: redis.Redis,
    key: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    master.set(key, TEXT)
    assert listed(storage) == paged(storage, 10) == []
    assert [line for line in caplog.messages if repr(key) in line] == caplog.messages
    assert len(caplog.messages) == 1
    assert "\n" not in caplog.messages[0]


def test_empty_prefix_reads_keys_that_are_bare_ids(open_with: Open, master: redis.Redis) -> None:
    master.set("1", TEXT)
    master.set("session:9", "x")
    master.sadd("tags", "x")
    storage = open_with(REDIS_KEY_PREFIX="")
    assert storage.get("1") == ADA
    assert listed(storage) == paged(storage, 1) == ["1"]


@pytest.mark.parametrize(
    "prefix", ["[a]*?:", "*", "a?c:", "[^b]*", "\\", "{abc}:", "a b ", "a\r\nFLUSHALL\r\n", "'\"$"]
)
def test_prefix_is_no_pattern_and_no_command(
    open_with: Open, master: redis.Redis, prefix: str
) -> None:
    others = open_with(REDIS_KEY_PREFIX="abc:")
    others.set(ADA)
    storage = open_with(REDIS_KEY_PREFIX=prefix)
    assert listed(storage) == paged(storage, 1) == []
    assert not storage.delete("1")
    storage.set(ADA)
    assert listed(storage) == paged(storage, 1) == ["1"]
    assert {*master.keys()} == {b"abc:1", f"{prefix}1".encode()}
    assert storage.delete("1")
    assert others.get("1") == ADA


def test_other_keyspace_is_used(open_with: Open, master: redis.Redis) -> None:
    storage = open_with(REDIS_DB="3")
    storage.set(ADA)
    assert storage.get("1") == ADA
    assert master.keys() == []


# The listing


@pytest.mark.parametrize("limit", [1, 3, 10, 1000])
def test_pages_show_all_customers_among_many_other_keys(
    storage: CustomerStorage, master: redis.Redis, limit: int
) -> None:
    master.mset({f"other:{number}": "x" for number in range(3000)})
    storage.set_many(customers(100))
    ids = [customer.customer_id for customer in customers(100)]
    assert sorted(paged(storage, limit)) == ids
    assert sorted(listed(storage)) == ids


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
                assert {customer.customer_id for customer in stay} <= counts.keys()
                pages = set(paged(storage, 50))
                assert {customer.customer_id for customer in stay} <= pages
        finally:
            stop.set()
        writing.result()


def test_listing_goes_on_when_the_master_changes(
    cluster: Cluster, storage: CustomerStorage, settings: RedisSettings
) -> None:
    stored = customers(5000)
    storage.set_many(stored)
    ids = [customer.customer_id for customer in stored]
    streaming = storage.stream()
    first = next(streaming)
    page = storage.page(1000, None)
    fail_over(settings)
    rest = chain.from_iterable(streaming)
    assert sorted(customer.customer_id for customer in chain(first, rest)) == ids
    seen = {customer.customer_id for customer in page.customers}
    while page.next_cursor is not None:
        page = storage.page(1000, page.next_cursor)
        seen |= {customer.customer_id for customer in page.customers}
    assert sorted(seen) == ids


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
    storage.set(Customer("7", "Ada", "Lovelace"))
    assert storage.page(1, cursor).customers == [Customer("7", "Ada", "Lovelace")]


# Acknowledgement


def test_answered_write_is_on_a_replica(cluster: Cluster, storage: CustomerStorage) -> None:
    for number in range(100):
        storage.set(Customer("1", "Ada", str(number)))
        written = json.dumps(str(number)).encode()
        assert any(written in replica.client().get("customer:1") for replica in cluster.replicas())  # type: ignore[operator]


@pytest.mark.usefixtures("frozen_replicas")
def test_write_that_no_replica_holds_is_not_acknowledged(open_with: Open) -> None:
    storage = open_with(RETRY_DEADLINE_SECONDS="0.3")
    with pytest.raises(StorageUnavailableError) as failed:
        storage.set(ADA)
    assert str(failed.value) == (
        "too few replicas have confirmed the write in time; the write may or may not have been kept"
    )


@pytest.mark.usefixtures("frozen_replicas")
def test_write_is_acknowledged_at_once_if_no_replica_must_hold_it(open_with: Open) -> None:
    storage = open_with(RETRY_DEADLINE_SECONDS="0.3", REDIS_WAIT_REPLICAS="0")
    storage.set(ADA)
    assert storage.get("1") == ADA


def test_write_is_tried_again_until_a_replica_holds_it(
    storage: CustomerStorage, frozen_replicas: Callable[[], None]
) -> None:
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(storage.set, ADA)
        with pytest.raises(TimeoutError):
            writing.result(timeout=0.3)
        frozen_replicas()
        writing.result(timeout=5)


def test_deletion_that_must_be_tried_again_was_a_deletion(
    cluster: Cluster, storage: CustomerStorage
) -> None:
    storage.set(ADA)
    replicas = cluster.replicas()
    for replica in replicas:
        cluster.freeze(replica)
    with ThreadPoolExecutor(1) as pool:
        deleting = pool.submit(storage.delete, "1")
        with pytest.raises(TimeoutError):
            deleting.result(timeout=0.3)
        for replica in replicas:
            cluster.thaw(replica)
        assert deleting.result(timeout=5)
    assert storage.get("1") is None


# Retries


class Flaky:
    """Fails with some errors, then succeeds."""

    def __init__(self, *errors: redis.RedisError) -> None:
        self.errors = list(errors)

    def __call__(self, value: str) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return value


def test_redis_command_is_called_again_after_errors_of_a_failover(open_with: Open) -> None:
    flaky = Flaky(
        redis.ConnectionError(),
        redis.TimeoutError(),
        redis.ReadOnlyError(),
        redis.BusyLoadingError(),
        redis.ResponseError("NOREPLICAS Not enough good replicas to write."),
        redis.ResponseError("UNBLOCKED force unblock from blocking operation"),
    )
    storage = open_with(RETRY_BACKOFF_SECONDS="0.01")
    assert storage.redis_command(flaky, "value") == "value"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            redis.AuthenticationError("secret"),
            "the master refuses the credentials: REDIS_PASSWORD is wrong or missing",
        ),
        (redis.ResponseError("MISCONF secret"), "the master refused a command: MISCONF"),
        (
            redis.exceptions.OutOfMemoryError("secret"),
            "the master refused a command: OutOfMemoryError",
        ),
        (redis.ResponseError("unknown secret"), "the master refused a command: ResponseError"),
    ],
)
def test_redis_command_is_not_called_again_after_an_error_that_will_stay(
    open_with: Open, error: redis.RedisError, told: str
) -> None:
    flaky = Flaky(error)
    with pytest.raises(StorageUnavailableError) as failed:
        open_with().redis_command(flaky, "value")
    assert str(failed.value) == told
    assert flaky("not tried again") == "not tried again"


def test_attempt_after_an_error_uses_a_new_connection(open_with: Open) -> None:
    storage = open_with()
    connections: list[int] = []

    def fail_once() -> None:
        connections.append(storage.master.client_id())
        if len(connections) == 1:
            raise TooFewReplicasError

    storage.redis_command(fail_once)
    assert connections[0] != connections[1]


# Failovers


def test_killed_master_is_replaced_and_nothing_is_lost(
    cluster: Cluster, storage: CustomerStorage
) -> None:
    storage.set_many(customers(100))
    old = cluster.master()
    cluster.kill(old)
    storage.set(ADA)
    assert sorted(listed(storage)) == sorted(["1", *(c.customer_id for c in customers(100))])
    cluster.restart(old)


def test_old_master_that_comes_back_is_not_read_from(
    cluster: Cluster, storage: CustomerStorage, open_with: Open
) -> None:
    idle = open_with()
    storage.set(ADA)
    assert idle.get("1") == ADA  # keeps its connection
    old = cluster.master()
    cluster.freeze(old)
    storage.set(ADA)  # also sent to the old master, who reads it when it is thawed
    storage.set(Customer("1", "Augusta", "King"))
    cluster.thaw(old)
    assert idle.get("1") == Customer("1", "Augusta", "King")
    new = cluster.master()
    old.client().replicaof(new.host, new.port)  # as a sentinel does after ten seconds


def test_threads_that_look_for_the_master_keep_all_sentinels(
    cluster: Cluster, open_with: Open
) -> None:
    storage = open_with()
    sentinels = storage._pool.sentinels
    known = {id(sentinel) for sentinel in sentinels.sentinels}
    cluster.freeze(cluster.sentinels[0])
    try:
        started = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            found = set(pool.map(sentinels.discover_master, ["mymaster"] * 50))
        assert time.monotonic() - started < 1
    finally:
        cluster.thaw(cluster.sentinels[0])
    assert len(found) == 1
    assert {id(sentinel) for sentinel in sentinels.sentinels} == known
