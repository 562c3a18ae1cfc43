"""Customers in Redis: acknowledged writes, and what errors and failovers do to commands."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.storage import (
    CustomerStorage,
    StorageUnavailableError,
)
from {{ cookiecutter.package_name }}.storage.redis_errors import TooFewReplicasError
from {{ cookiecutter.package_name }}.storage.redis_sentinel import RedisSentinelStorage

from .redis_samples import ADA, KING, TEXT, customers, ids_of, listed
from dev.cluster import Cluster

Open = Callable[..., RedisSentinelStorage]


# Acknowledgement


def test_answered_write_is_on_a_replica(cluster: Cluster, storage: CustomerStorage) -> None:
    for number in range(100):
        storage.set(Customer("1", "Ada", str(number)))
        written = json.dumps(str(number)).encode()
        assert any(written in replica.client().get("customer:1") for replica in cluster.replicas())  # type: ignore[operator]


@pytest.mark.usefixtures("frozen_replicas")
def test_write_that_no_replica_holds_is_not_acknowledged(open_with: Open) -> None:
    storage = open_with(RETRY_DEADLINE_SECONDS="1")
    with pytest.raises(StorageUnavailableError) as failed:
        storage.set(ADA)
    assert str(failed.value) == (
        "too few replicas have confirmed the write in time; the write may or may not have been kept"
    )


@pytest.mark.usefixtures("frozen_replicas")
def test_write_is_acknowledged_at_once_if_no_replica_must_hold_it(open_with: Open) -> None:
    storage = open_with(RETRY_DEADLINE_SECONDS="1", REDIS_WAIT_REPLICAS="0")
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
    storage: CustomerStorage, master: redis.Redis, frozen_replicas: Callable[[], None]
) -> None:
    master.set("customer:1", TEXT)
    with ThreadPoolExecutor(1) as pool:
        deleting = pool.submit(storage.delete, "1")
        with pytest.raises(TimeoutError):
            deleting.result(timeout=0.3)
        frozen_replicas()
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
    assert sorted(listed(storage)) == ["1", *ids_of(customers(100))]
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
    storage.set(KING)
    cluster.thaw(old)
    assert idle.get("1") == KING
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
        assert time.monotonic() - started < 2  # all of them waiting for it would take three
    finally:
        cluster.thaw(cluster.sentinels[0])
    assert len(found) == 1
    assert {id(sentinel) for sentinel in sentinels.sentinels} == known
