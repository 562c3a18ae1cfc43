"""The storage's part of the fixtures: a real cluster, started once for all tests."""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
import trustme
from redis import Redis

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.storage import CustomerStorage
from {{ cookiecutter.package_name }}.storage.redis_sentinel import RedisSentinelStorage

from .stalling_relay import StallingRelay
from .tls_relay import TlsRelay
from dev.cluster import Cluster
from dev.node import Node


@pytest.fixture(scope="session")
def running_cluster() -> Iterator[Cluster]:
    """A master, two replicas and three sentinels."""
    with Cluster() as cluster:
        yield cluster


@pytest.fixture
def cluster(running_cluster: Cluster) -> Cluster:
    """The cluster, healthy and empty."""
    running_cluster.wait_until_healthy()
    running_cluster.master().client().flushall()
    return running_cluster


@pytest.fixture
def master(cluster: Cluster) -> Redis:
    """Sends commands to the master."""
    return cluster.master().client()


@pytest.fixture
def environ(cluster: Cluster) -> dict[str, str]:
    """The configuration for an empty storage."""
    return cluster.environ


@pytest.fixture
def environ_of_lost_storage() -> Iterator[dict[str, str]]:
    """The configuration for a storage that cannot be reached."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nothing listens there
        yield {"REDIS_SENTINELS": f"127.0.0.1:{taken.getsockname()[1]}"}


@pytest.fixture
def environ_of_failing_storage(environ: dict[str, str]) -> dict[str, str]:
    """The configuration for an empty storage that `fail` ends for a while."""
    return environ


@pytest.fixture
def impatient() -> dict[str, str]:
    """Variables with which requests are given up before what `fail` ends is back."""
    return {"RETRY_DEADLINE_SECONDS": "0.5"}  # a replica takes over in a second


@pytest.fixture
def fail(cluster: Cluster) -> Iterator[Callable[[], Callable[[], None]]]:
    """Kills the master, so that a replica takes over; what that gives has nothing to do."""
    killed: list[Node] = []

    def kill() -> Callable[[], None]:
        killed.append(cluster.master())
        cluster.kill(killed[-1])
        return lambda: None

    yield kill
    for node in killed:
        cluster.wait_for_new_master(node)
        cluster.restart(node)


@pytest.fixture
def frozen_replicas(cluster: Cluster) -> Iterator[Callable[[], None]]:
    """Freezes the replicas; what it gives thaws them."""
    replicas = cluster.replicas()

    def thaw() -> None:
        for replica in replicas:
            cluster.thaw(replica)

    for replica in replicas:
        cluster.freeze(replica)
    yield thaw
    thaw()


@pytest.fixture
def open_with(cluster: Cluster) -> Iterator[Callable[..., RedisSentinelStorage]]:
    """Opens the storage with further variables; each call as another process would."""
    with ExitStack() as stack:

        def open_another(**variables: str) -> RedisSentinelStorage:
            config = Config.from_environ({**cluster.environ, **variables})
            storage = RedisSentinelStorage.from_environment(config.environment, config.retry)
            stack.callback(storage.close)
            return storage

        yield open_another


@pytest.fixture
def open_storage(
    environ: dict[str, str], open_with: Callable[..., RedisSentinelStorage]
) -> Callable[[], CustomerStorage]:
    """Opens the storage; each call as another process would."""
    return partial(open_with, **environ)


@pytest.fixture(params=["unencrypted", "by TLS"])
def relayed(
    request: pytest.FixtureRequest,
    cluster: Cluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[CustomerStorage, StallingRelay]]:
    """The storage, and the relay by which it reaches the master."""
    master = cluster.master()
    target = (master.host, master.port)
    environ = cluster.environ
    with ExitStack() as stack:
        if request.param == "by TLS":
            authority = trustme.CA()
            authority.cert_pem.write_to_path(tmp_path / "ca.pem")
            environ = {**environ, "REDIS_TLS": "1", "REDIS_TLS_CA": str(tmp_path / "ca.pem")}
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert("127.0.0.1").configure_cert(context)
            tls = stack.enter_context(TlsRelay(context, target, plain=False))
            target = ("127.0.0.1", tls.port)
        relay = stack.enter_context(StallingRelay(target))
        config = Config.from_environ(environ)
        storage = RedisSentinelStorage.from_environment(config.environment, config.retry)
        stack.callback(storage.close)
        address = ("127.0.0.1", relay.port)
        monkeypatch.setattr(storage._pool.sentinels, "discover_master", lambda _: address)
        yield storage, relay
