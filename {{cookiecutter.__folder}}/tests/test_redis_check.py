"""`flask storage check`: how the cluster is, or in one line what is wrong."""

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from flask import Flask

from .storage_check import assert_refused, check
from dev.cluster import Cluster

PASSWORD = "secret-1"
SENTINEL_PASSWORD = "secret-2"


@pytest.fixture(scope="module")
def closed() -> Iterator[Cluster]:
    """A cluster whose servers and sentinels want passwords."""
    with Cluster(password=PASSWORD, sentinel_password=SENTINEL_PASSWORD) as cluster:
        yield cluster


def test_healthy_cluster_is_reported_server_by_server(cluster: Cluster) -> None:
    status, lines = check(cluster.environ)
    assert status == 0
    assert lines[0] == "storage: Redis Sentinel, master mymaster"
    for sentinel in cluster.sentinels:
        assert any(re.match(rf"sentinel {sentinel}: reached in \d+\.\d ms$", x) for x in lines)
    assert any(re.match(rf"master {cluster.master()}: reached in \d+\.\d ms$", x) for x in lines)
    for replica in cluster.replicas():
        assert any(re.match(rf"replica {replica}: online, \d+ bytes behind", x) for x in lines)
    assert lines[-2:] == ["min-replicas-to-write: set", "ok"]


def test_command_that_the_user_may_not_run_is_named(cluster: Cluster) -> None:
    master = cluster.master().client()
    master.acl_setuser("poor", True, passwords="+secret", keys="customer:*", commands=["+get"])
    credentials = {"REDIS_USERNAME": "poor", "REDIS_PASSWORD": "secret"}
    assert_refused(
        {**cluster.environ, **credentials},
        rf"the master {cluster.master()} does not permit a command to this user: .*'info'.*",
    )
    master.acl_deluser("poor")


# What is wrong


def test_closed_ports_are_named(cluster: Cluster) -> None:
    with socket.socket() as first, socket.socket() as second:
        for taken in (first, second):
            taken.bind(("127.0.0.1", 0))  # and nothing listens there
        ports = [taken.getsockname()[1] for taken in (first, second)]
        assert_refused(
            {"REDIS_SENTINELS": ",".join(f"127.0.0.1:{port}" for port in ports)},
            "; ".join(
                f"sentinel 127.0.0.1:{port} cannot be reached: Connection refused" for port in ports
            ),
        )


def test_unknown_host_is_named() -> None:
    assert_refused(
        {"REDIS_SENTINELS": "nowhere.invalid:26379"},
        "sentinel nowhere.invalid:26379 cannot be reached: .+",
    )


def test_sentinels_that_hang_are_named() -> None:
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        ports = [listener.getsockname()[1] for listener in listeners]
        assert_refused(
            {"REDIS_SENTINELS": ",".join(f"127.0.0.1:{port}" for port in ports)},
            "; ".join(f"sentinel 127.0.0.1:{port} does not answer" for port in ports),
        )


def test_wrong_master_name_is_told(cluster: Cluster) -> None:
    assert_refused(
        {**cluster.environ, "REDIS_MASTER_NAME": "yourmaster"},
        "REDIS_MASTER_NAME: no sentinel knows a master called 'yourmaster'",
    )


@pytest.mark.parametrize("password", ["", "secret-3"])
def test_wrong_password_is_told(closed: Cluster, password: str) -> None:
    assert_refused(
        {**closed.environ, "REDIS_PASSWORD": password},
        rf"the master {closed.master()} refuses the credentials: "
        "REDIS_PASSWORD is wrong or missing",
    )


@pytest.mark.parametrize("password", ["", "secret-3"])
def test_wrong_password_of_the_sentinels_is_told(closed: Cluster, password: str) -> None:
    refused = "refuses the credentials: REDIS_SENTINEL_PASSWORD is wrong or missing"
    assert_refused(
        {**closed.environ, "REDIS_SENTINEL_PASSWORD": password},
        "; ".join(f"sentinel {sentinel} {refused}" for sentinel in closed.sentinels),
    )


@pytest.mark.parametrize("variable", ["REDIS_PASSWORD", "REDIS_SENTINEL_PASSWORD"])
def test_no_secret_is_logged_or_answered(
    closed: Cluster,
    make_app: Callable[..., Flask],
    variable: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    wrong = {variable: "secret-3", "RETRY_DEADLINE_SECONDS": "0.3"}
    app = make_app(**closed.environ | wrong)
    answer = app.test_client().get("/get/1")
    assert answer.status_code == 503
    shown = answer.text + caplog.text + repr(vars(app.extensions["customer_storage"]))
    assert "secret" not in shown


def test_keyspace_that_does_not_exist_is_told(cluster: Cluster) -> None:
    assert_refused(
        {**cluster.environ, "REDIS_DB": "99"},
        rf"the master {cluster.master()} has no keyspace of that number: REDIS_DB is too high",
    )


def test_too_few_replicas_are_told(cluster: Cluster) -> None:
    assert_refused(
        {**cluster.environ, "REDIS_WAIT_REPLICAS": "3"},
        rf"2 replicas follow the master {cluster.master()}, and REDIS_WAIT_REPLICAS asks for 3",
    )


# What should be mended


def test_sentinel_that_cannot_be_reached_is_a_warning(cluster: Cluster) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        sentinels = f"127.0.0.1:{port},{cluster.environ['REDIS_SENTINELS']}"
        status, lines = check({**cluster.environ, "REDIS_SENTINELS": sentinels})
    assert status == 0
    assert lines[-2:] == [
        f"warning: sentinel 127.0.0.1:{port} cannot be reached: Connection refused",
        "ok, but for the warnings",
    ]


def test_writes_that_may_be_lost_are_a_warning(cluster: Cluster) -> None:
    master = cluster.master().client()
    master.config_set("min-replicas-to-write", 0)
    status, lines = check({**cluster.environ, "REDIS_WAIT_REPLICAS": "0"})
    master.config_set("min-replicas-to-write", 1)
    assert status == 0
    assert "min-replicas-to-write: not set" in lines
    assert lines[-3:] == [
        "warning: a master that is cut off takes writes: set min-replicas-to-write to 1",
        "warning: acknowledged writes may be lost: REDIS_WAIT_REPLICAS is 0",
        "ok, but for the warnings",
    ]


# IPv6


def test_cluster_on_ipv6_is_reached() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("there is no IPv6 here")
    with Cluster(host="::1") as cluster:
        assert cluster.environ["REDIS_SENTINELS"].startswith("[::1]:")
        assert check(cluster.environ)[0] == 0
