"""The cluster for development: real servers that come, fail, recover, and leave nothing behind."""

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from .endings import (
    SECONDS,
    assert_nothing_is_left,
    commands_with,
    each_owner,
    first_line,
    is_clean,
    python,
    wait_until,
)
from dev.cluster import Cluster

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no server for Windows")


@pytest.fixture(scope="module")
def shared() -> Iterator[Cluster]:
    with Cluster() as cluster:
        yield cluster


@pytest.fixture
def cluster(shared: Cluster) -> Cluster:
    """A healthy cluster, whatever an earlier test did to it."""
    for node in shared.nodes + shared.sentinels:
        if node.is_running:
            shared.thaw(node)
        else:
            shared.restart(node)
    shared.wait_until_healthy()
    return shared


def test_application_finds_the_cluster_by_its_environment(cluster: Cluster) -> None:
    name = cluster.environ["REDIS_MASTER_NAME"]
    for address in cluster.environ["REDIS_SENTINELS"].split(","):
        host, port = address.split(":")
        with redis.Redis(host, int(port)) as sentinel:
            master = sentinel.sentinel_get_master_addr_by_name(name, return_responses=True)
        assert master == (cluster.master().host.encode(), cluster.master().port)


def test_killed_master_is_replaced_and_comes_back_as_a_replica(cluster: Cluster) -> None:
    old, (first, second) = cluster.master(), cluster.replicas()
    old.client().config_set("min-replicas-to-write", 0)
    old.client().set("kept", "yes")
    assert wait_until(lambda: all(node.client().get("kept") for node in (first, second)))
    with cluster.cut_replicas():
        old.client().set("missed", "yes")
        cluster.kill(old)
        assert not old.is_running
        new = cluster.wait_for_new_master(old)
    assert new in (first, second)
    assert old not in cluster.replicas()

    cluster.restart(old)
    cluster.wait_until_healthy()
    assert old in cluster.replicas()
    for node in (old, first, second):
        assert node.info("replication")["role"] == ("master" if node is new else "slave")
        assert node.client().mget("kept", "missed") == [b"yes", None]


def test_killed_sentinel_comes_back(cluster: Cluster) -> None:
    sentinel = cluster.sentinels[0]
    cluster.kill(sentinel)
    assert cluster.master() in cluster.nodes
    cluster.restart(sentinel)
    cluster.wait_until_healthy()


def test_frozen_server_does_not_answer_until_it_is_thawed(cluster: Cluster) -> None:
    node = cluster.replicas()[0]
    cluster.freeze(node)
    with pytest.raises(redis.TimeoutError):
        node.client().ping()
    assert node.is_running
    cluster.thaw(node)
    assert node.client().ping()


def test_cut_replicas_get_the_writes_when_the_links_are_mended(cluster: Cluster) -> None:
    master, replicas = cluster.master(), cluster.replicas()
    master.client().config_set("min-replicas-to-write", 0)
    with cluster.cut_replicas():
        master.client().set("late", "yes")
        assert master.client().wait(1, 100) == 0
        assert not any(node.client().get("late") for node in replicas)
    assert wait_until(lambda: all(node.client().get("late") for node in replicas))
    master.client().config_set("min-replicas-to-write", 1)


def test_planned_failover_loses_no_write(cluster: Cluster) -> None:
    old = cluster.master()
    written: list[int] = []
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            with suppress(redis.RedisError):  # it holds writes up, or is no master any more
                old.client().sadd("numbers", len(written))
                written.append(len(written))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert wait_until(lambda: len(written) > 100)
        cluster.planned_failover()
    finally:
        done.set()
        writer.join()
    new = cluster.master()
    assert new is not old
    assert old.info("replication")["role"] == "slave"
    assert set(map(int, new.client().smembers("numbers"))) >= set(written)
    cluster.wait_until_healthy()


def has_ipv6() -> bool:
    with suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return True
    return False


def test_passwords_are_asked_for_and_on_no_command_line() -> None:
    host = "::1" if has_ipv6() else "127.0.0.1"
    words = ["node pass\\word\"'", "sentinel pass #1"]
    with Cluster(host=host, password=words[0], sentinel_password=words[1]) as cluster:
        for node in cluster.nodes + cluster.sentinels:
            retry = Retry(NoBackoff(), 0)
            with (
                redis.Redis(node.host, node.port, retry=retry) as anyone,
                pytest.raises(redis.AuthenticationError),
            ):
                anyone.ping()
        environ = cluster.environ
        assert [environ["REDIS_PASSWORD"], environ["REDIS_SENTINEL_PASSWORD"]] == words
        running = commands_with(str(cluster.processes.folder))
        assert len(running) == 7  # the watchdog is one
        assert not any("pass" in command for command in running)


PRINT_FOLDER = """
import os, socket
port = os.environ["REDIS_SENTINELS"].rpartition(":")[2]
with socket.create_connection(("127.0.0.1", port)) as sentinel, sentinel.makefile() as answer:
    sentinel.sendall(b"INFO server\\r\\n")
    conf = next(line for line in answer if line.startswith("config_file:")).rstrip()[12:]
print(os.path.dirname(conf), flush=True)
"""


@each_owner("cluster", "Cluster", PRINT_FOLDER)
def test_nothing_is_left(tmp_path: Path, args: list[str], statuses: list[int]) -> None:
    assert_nothing_is_left(
        tmp_path, args, statuses, lambda folder: len(commands_with(str(folder))) == 7, is_clean
    )


def test_command_that_ignores_ctrl_c_is_terminated(tmp_path: Path) -> None:
    code = "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); print(); input()"
    with python(tmp_path, "-m", "dev", sys.executable, "-u", "-c", code) as owner:
        first_line(owner)
        os.killpg(owner.pid, signal.SIGINT)
        owner.wait(SECONDS)
        assert owner.returncode == 128 + signal.SIGTERM


def test_without_a_command_the_cluster_is_there_until_ctrl_c(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("REDIS_SENTINELS=\nREDIS_PASSWORD='two words'\n")
    with python(tmp_path, "-m", "dev") as owner:
        exports = [first_line(owner) for _ in range(3)]
        owner.send_signal(signal.SIGINT)
        assert len(owner.communicate(timeout=SECONDS)[1].splitlines()) == 1
        assert owner.returncode == 0
        assert [line.partition("=")[0] for line in exports] == [
            "export REDIS_SENTINELS",
            "export REDIS_MASTER_NAME",
            "export REDIS_PASSWORD",
        ]
        assert exports[2] == "export REDIS_PASSWORD='two words'"


@pytest.mark.parametrize("place", ["environment", ".env"])
def test_no_cluster_is_started_when_there_is_one(tmp_path: Path, place: str) -> None:
    environ = {"REDIS_SENTINELS": "there:1"}
    if place == ".env":
        (tmp_path / ".env").write_text("REDIS_SENTINELS=there:1\nREDIS_PASSWORD=theirs\n")
        environ = {}
    code = "import os; print(os.getpid(), os.environ['REDIS_SENTINELS'])"
    with python(tmp_path, "-m", "dev", sys.executable, "-c", code, **environ) as owner:
        assert owner.communicate(timeout=SECONDS) == (f"{owner.pid} there:1\n", "")
        assert owner.returncode == 0


@pytest.mark.parametrize(
    ("server", "message"),
    [
        ("/missing", "/missing is no program: set REDIS_SERVER to the path of a redis-server"),
        ("false", "the server ended: no output"),
    ],
)
def test_server_that_does_not_start_is_one_line(tmp_path: Path, server: str, message: str) -> None:
    with python(tmp_path, "-m", "dev", "true", REDIS_SERVER=server) as owner:
        assert owner.communicate(timeout=SECONDS) == ("", f"development: {message}\n")
        assert owner.returncode == 1
