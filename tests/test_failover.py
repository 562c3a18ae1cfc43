"""Clients that write and read all the time notice no failover, and lose nothing by one."""

import json
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from .bake import Bake
from .clients import Clients
from .failovers import (
    DOWN_AFTER_SECONDS,
    SERVERS,
    Cluster,
    Loss,
    cluster_of,
    cut_off_and_killed,
    fill,
    frozen,
    killed,
)
from .servers import Server

pytestmark = pytest.mark.slow

FAILOVERS = {"Valkey 9": 10, "Redis 6": 5, "system": 5}
PLANNED_FAILOVERS = 5
FAILOVER_SECONDS = DOWN_AFTER_SECONDS + 2
# How much longer until sentinels notice that a server hangs: they ask it once a second.
PING_SECONDS = 1
# How long after the sentinels have agreed on a new master a write may still be held up.
RESUME_SECONDS = 0.5
# How long the service waits for a sentinel that hangs, which it should do once.
SENTINEL_SECONDS = 0.5
# What is slower than this was held up by something.
UNAFFECTED_SECONDS = 0.4


@pytest.fixture(scope="session")
def redis(installed: Callable[[str], Bake]) -> Bake:
    """A project that keeps its customers in Redis."""
    return installed("redis")


@pytest.fixture(params=SERVERS)
def cluster(request: pytest.FixtureRequest, redis: Bake) -> Iterator[Cluster]:
    """A cluster of each kind of server that is there."""
    server = SERVERS[request.param]
    if server is None:
        pytest.skip("there is no such server here")
    with cluster_of(redis, server) as cluster:
        yield cluster


@contextmanager
def serve(redis: Bake, cluster: Cluster) -> Iterator[Server]:
    """Serve the project as in production."""
    with redis.serve("serve", WORKERS="2", THREADS="8", **cluster.environ) as server:
        yield server
        server.stop(signal.SIGKILL)  # its own way may take some seconds


@pytest.mark.long
@pytest.mark.parametrize(
    ("lose_master", "seconds"),
    [
        (killed, FAILOVER_SECONDS),
        (frozen, FAILOVER_SECONDS + PING_SECONDS),
        (cut_off_and_killed, FAILOVER_SECONDS),
    ],
)
def test_failovers_go_unnoticed(
    request: pytest.FixtureRequest, redis: Bake, cluster: Cluster, lose_master: Loss, seconds: float
) -> None:
    stalls, delays = [], []
    with serve(redis, cluster) as server:
        with Clients(server.url) as clients:
            for _ in range(FAILOVERS[request.node.callspec.params["cluster"]]):
                clients.wait_for_writes()
                old = cluster.master()
                with lose_master(cluster, clients):
                    lost_at = time.monotonic()
                    cluster.wait_for_new_master(old)
                    found_at = time.monotonic()
                    clients.wait_for_writes()
                    stalls.append(clients.longest_stall(lost_at, time.monotonic()))
                    delays.append(max(0, lost_at + stalls[-1] - found_at))
                cluster.wait_until_healthy()
        lost = clients.lost()

    print("stalls:", [round(seconds, 2) for seconds in stalls])
    print("of these the service's own part:", [round(seconds, 2) for seconds in delays])
    assert clients.problems == []
    assert lost == []
    # Not each: on a busy machine the sentinels now and then elect their leader in vain at first.
    assert statistics.median(stalls) <= seconds
    *others, _ = sorted(delays)  # for one of them the machine itself may have stood still
    assert max(others) <= RESUME_SECONDS


def test_planned_failovers_go_unnoticed(redis: Bake, cluster: Cluster) -> None:
    stalls = []
    with serve(redis, cluster) as server:
        with Clients(server.url) as clients:
            for _ in range(PLANNED_FAILOVERS):
                clients.wait_for_writes()
                old = cluster.master()
                began = time.monotonic()
                told = redis.flask("storage", "failover", environ=cluster.environ)
                clients.wait_for_writes()
                stalls.append(clients.longest_stall(began, time.monotonic()))
                assert told == f"the master was {old}, and is {cluster.master()}\n"
                cluster.wait_until_healthy()
        lost = clients.lost()

    print("stalls:", [round(seconds, 2) for seconds in stalls])
    assert clients.problems == []
    assert lost == []


@pytest.mark.parametrize("lose", ["kill", "freeze"])
def test_lost_sentinel_delays_requests_once(redis: Bake, cluster: Cluster, lose: str) -> None:
    with serve(redis, cluster) as server, Clients(server.url, listers=0) as clients:
        clients.wait_for_writes(200)
        getattr(cluster, lose)(cluster.sentinels[0])
        assert_delayed_once(clients)


@pytest.mark.parametrize("lose", ["kill", "freeze"])
def test_sentinel_lost_before_the_start_delays_requests_once(
    redis: Bake, cluster: Cluster, lose: str
) -> None:
    getattr(cluster, lose)(cluster.sentinels[0])
    with serve(redis, cluster) as server, Clients(server.url, listers=0) as clients:
        assert_delayed_once(clients)


def assert_delayed_once(clients: Clients) -> None:
    """Let the clients go on while a sentinel is lost: who asked it again would wait each time."""
    at_first = longest_wait(clients, seconds=2)
    afterwards = [longest_wait(clients, seconds=0.7) for _ in range(5)]
    print(f"waits: {at_first:.3f}, then", [round(seconds, 3) for seconds in afterwards])
    assert clients.problems == []
    assert at_first < 2 * SENTINEL_SECONDS
    assert statistics.median(afterwards) <= UNAFFECTED_SECONDS


def longest_wait(clients: Clients, seconds: float) -> float:
    """Let the clients go on for some seconds; the longest that one of them waited, in seconds."""
    since = time.monotonic()
    time.sleep(seconds)
    return clients.longest_wait(since, time.monotonic())


@pytest.mark.parametrize("path", ["/", "/?limit=1000"])
def test_list_is_complete_among_foreign_keys(redis: Bake, cluster: Cluster, path: str) -> None:
    fill(cluster, customers=10_000, foreign=200_000)
    found: list[tuple[str, object]] = []
    next_page: str | None = path
    with serve(redis, cluster) as server, server.client() as client:
        while next_page:
            answer = client.get(next_page)
            found += json.loads(answer.text, object_pairs_hook=list)
            next_page = answer.links.get("next", {}).get("url")
    assert sorted(customer_id for customer_id, _ in found) == sorted(map(str, range(10_000)))
