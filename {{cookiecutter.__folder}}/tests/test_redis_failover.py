"""`flask storage failover`: the master hands over, and no acknowledged write is lost."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner

from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.storage import CustomerStorage, redis_failover

from dev.cluster import Cluster


@pytest.fixture(params=["handed over by the servers", "paused while a replica takes over"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to hand over; servers know the first one since Valkey 9.1.1."""
    if request.param.startswith("paused"):
        monkeypatch.setattr(redis_failover, "_COORDINATED_SINCE", (99, 0, 0))
    way: str = request.param
    return way


@pytest.mark.usefixtures("way")
def test_master_hands_over_and_no_acknowledged_write_is_lost(
    cluster: Cluster, storage: CustomerStorage, cli: FlaskCliRunner
) -> None:
    old = cluster.master()
    written: list[str] = []
    stop = threading.Event()

    def write(writer: int) -> None:
        for number in count():
            if stop.is_set():
                return
            storage.set(Customer(f"{writer}-{number}", "Ada", "Lovelace"))
            written.append(f"{writer}-{number}")

    def wait_for_writes(more: int) -> None:
        enough = len(written) + more
        while len(written) < enough:
            time.sleep(0.01)

    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write, writer) for writer in range(4)]
        wait_for_writes(200)
        result = cli.invoke(args=["storage", "failover"])
        wait_for_writes(200)
        stop.set()
        for writer in writers:
            writer.result()
    new = cluster.master()
    assert (result.exit_code, result.output) == (0, f"the master was {old}, and is {new}\n")
    assert new != old
    assert {c.customer_id for batch in storage.stream() for c in batch} == set(written)


@pytest.mark.usefixtures("way")
def test_old_master_follows_the_new_one(cluster: Cluster, cli: FlaskCliRunner) -> None:
    old = cluster.master()
    result = cli.invoke(args=["storage", "failover"])
    assert result.exit_code == 0, result.output
    cluster.wait_until_healthy()
    assert old.client().info("replication")["role"] == "slave"
    assert cluster.master().client().set("not paused", "x")


@pytest.fixture
def without_fit_replicas(cluster: Cluster) -> Iterator[None]:
    """The sentinels hold the replicas for down."""
    replicas = cluster.replicas()
    for replica in replicas:
        cluster.freeze(replica)
    for sentinel in cluster.sentinels:
        while not all(
            replica["is_sdown"] for replica in sentinel.client().sentinel_slaves("mymaster")
        ):
            time.sleep(0.05)
    yield
    for replica in replicas:
        cluster.thaw(replica)


@pytest.mark.usefixtures("way", "without_fit_replicas")
def test_failover_without_a_fit_replica_is_refused_and_changes_nothing(
    cluster: Cluster, cli: FlaskCliRunner
) -> None:
    old = cluster.master()
    result = cli.invoke(args=["storage", "failover"])
    assert (result.exit_code, result.output) == (1, "Error: no replica is fit to take over\n")
    assert cluster.master() == old
    old.client().config_set("min-replicas-to-write", 0)
    assert old.client().set("not paused", "x")
    old.client().config_set("min-replicas-to-write", 1)


def test_failover_of_an_unknown_master_is_refused(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app(REDIS_MASTER_NAME="yourmaster")
    result = app.test_cli_runner().invoke(args=["storage", "failover"])
    assert result.exit_code == 1
    assert result.output == (
        "Error: REDIS_MASTER_NAME: no sentinel knows a master called 'yourmaster'\n"
    )
