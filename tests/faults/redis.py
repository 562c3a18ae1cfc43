"""Redis behind three sentinels, and how its servers are lost."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from tests.bake import Bake
from tests.failovers import (
    SERVERS,
    Cluster,
    Loss,
    cluster_of,
    cut_off_and_killed,
    frozen,
    killed,
    patient_client,
)
from tests.servers import wait_until

from .fault import REFUSED, Fault, Scene, Storage, for_seconds
from .network import Network
from .networks import network_faults

CUT_OFF = "`kill -9` of the master, replicas cut off 0.3 s before"


@contextmanager
def redis(bake: Bake) -> Iterator[Storage]:
    """A cluster whose servers the service reaches through relays."""
    with cluster_of(bake, SERVERS["Valkey 9"]) as cluster, Network() as network:
        ports = {node.port: network.route(node.port) for node in cluster.nodes}
        sentinels = [network.route(node.port, ports) for node in cluster.sentinels]
        environ = {
            **cluster.environ,
            "REDIS_SENTINELS": ",".join(f"127.0.0.1:{port}" for port in sentinels),
        }
        faults = [*master_faults(bake, cluster), *other_faults(cluster), *network_faults(network)]
        yield Storage("Redis", environ, faults, cluster.wait_until_healthy)


@contextmanager
def redis_unwaited(bake: Bake) -> Iterator[Storage]:
    """A cluster whose master takes writes that no replica has, as Redis does by default."""
    with cluster_of(bake, SERVERS["Valkey 9"]) as cluster:
        environ = {**cluster.environ, "REDIS_WAIT_REPLICAS": "0"}
        fault = Fault(CUT_OFF, partial(lose_unwatched_master, cluster))
        yield Storage(
            "Redis, `REDIS_WAIT_REPLICAS=0`", environ, [fault], cluster.wait_until_healthy
        )


def master_faults(bake: Bake, cluster: Cluster) -> Sequence[Fault]:
    """How the master is lost, and replaced by a replica."""
    return [
        Fault("`kill -9` of the master", partial(lose_master, cluster, killed)),
        Fault(
            "the master stopped, going on after the failover", partial(lose_master, cluster, frozen)
        ),
        Fault(CUT_OFF, partial(lose_master, cluster, cut_off_and_killed)),
        Fault("a planned failover", partial(fail_over, bake, cluster)),
        Fault(
            "`kill -9` of the master and of two sentinels, for over 10 s",
            partial(lose_majority, cluster),
            REFUSED,
        ),
    ]


def other_faults(cluster: Cluster) -> Sequence[Fault]:
    """How other servers are lost, while the master stays."""
    return [
        Fault("`kill -9` of a replica", partial(lose, cluster, "replicas", 1)),
        Fault("`kill -9` of both replicas", partial(lose, cluster, "replicas", 2)),
        Fault("`kill -9` of both replicas, for over 10 s", partial(miss, cluster), REFUSED),
        Fault("`kill -9` of a sentinel", partial(lose, cluster, "sentinels", 1)),
        Fault("`kill -9` of two sentinels", partial(lose, cluster, "sentinels", 2)),
        Fault("a replica stopped for 2 s", partial(stop, cluster, "replicas")),
        Fault("a sentinel stopped for 2 s", partial(stop, cluster, "sentinels")),
    ]


def lose_master(cluster: Cluster, loss: Loss, scene: Scene) -> None:
    """Lose the master, and have it back when another has taken over."""
    old = cluster.master()
    with loss(cluster, scene.clients):
        cluster.wait_for_new_master(old)
        scene.clients.wait_for_writes()


def lose_unwatched_master(cluster: Cluster, scene: Scene) -> None:
    """Lose a master that does not heed how many replicas it has."""
    with patient_client(cluster.master()) as client:
        client.config_set("min-replicas-to-write", "0")
    scene.clients.wait_for_writes()
    lose_master(cluster, cut_off_and_killed, scene)


def fail_over(bake: Bake, cluster: Cluster, scene: Scene) -> None:
    """Hand over to a replica by the project's own command."""
    done = bake.run(".venv/bin/flask", "storage", "failover", environ=cluster.environ)
    if done.returncode:
        scene.wrong.append(done.stderr)


def lose_majority(cluster: Cluster, scene: Scene) -> None:
    """Lose the master and those who could replace it, until clients are refused."""
    master, sentinels = cluster.master(), scene.random.sample(cluster.sentinels, 2)
    for node in (*sentinels, master):
        cluster.kill(node)
    wait_until(lambda: scene.refusals() >= 5, "clients are refused")
    for sentinel in sentinels:
        cluster.restart(sentinel)
    cluster.wait_for_new_master(master)
    cluster.restart(master)


def some(cluster: Cluster, kind: str, count: int, scene: Scene) -> Sequence[object]:
    """Some of its replicas or sentinels."""
    nodes = cluster.replicas() if kind == "replicas" else cluster.sentinels
    return scene.random.sample(nodes, count)


def lose(cluster: Cluster, kind: str, count: int, scene: Scene) -> None:
    """Kill servers, and start them again."""
    nodes = some(cluster, kind, count, scene)
    for node in nodes:
        cluster.kill(node)
    if kind == "sentinels" or count == 1:
        with for_seconds(1):
            scene.clients.wait_for_writes()
    for node in nodes:
        cluster.restart(node)


def miss(cluster: Cluster, scene: Scene) -> None:
    """Kill both replicas, and start them again when clients are refused."""
    nodes = cluster.replicas()
    for node in nodes:
        cluster.kill(node)
    wait_until(lambda: scene.refusals() >= 5, "clients are refused")
    for node in nodes:
        cluster.restart(node)


def stop(cluster: Cluster, kind: str, scene: Scene) -> None:
    """Let a server hang for a while."""
    (node,) = some(cluster, kind, 1, scene)
    cluster.freeze(node)
    with for_seconds(2):
        pass
    cluster.thaw(node)
