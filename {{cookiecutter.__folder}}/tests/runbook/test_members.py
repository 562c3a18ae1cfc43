"""Sentinels that come and go, and a new server."""

import socket
from pathlib import Path

from .operators import Operator, blocks, loss_of, service, wait_until
from dev.cluster import Cluster
from dev.ports import free_ports

# Sentinels look for replicas each 10 s; Redis before 7.0 cannot be told another time.
LOOK_OFTEN = """
for address in $SENTINELS; do
  sentinel "$address" SENTINEL DEBUG info-period 300 publish-period 300
done 2>/dev/null || true
"""


def known_sentinels(cluster: Cluster) -> set[int]:
    """How many sentinels each one knows, itself included."""
    return {node.sentinel("MASTER")["num-other-sentinels"] + 1 for node in cluster.sentinels}


def test_sentinel_is_added_and_removed(own_cluster: Cluster, tmp_path: Path) -> None:
    operator = Operator(own_cluster, tmp_path)
    (port,) = free_ports("127.0.0.1", 1)
    address = f"127.0.0.1:{port}"
    file, start = blocks("A sentinel")
    (wait_until_known,) = blocks("Add a sentinel")
    (remove,) = blocks("Remove a sentinel")
    operator.runs(LOOK_OFTEN)
    with service(own_cluster.environ):
        operator.runs(file, NEW_SENTINEL=address)
        operator.starts(start)
        printed = operator.runs(wait_until_known, NEW_SENTINEL=address)
        assert printed.count("OK 4 usable Sentinels") == 4
        assert known_sentinels(own_cluster) == {4}

        all_four = f"{own_cluster.environ['REDIS_SENTINELS']},{address}"
        operator.runs(remove, GONE=address, REDIS_SENTINELS=all_four)
        assert known_sentinels(own_cluster) == {3}
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_new_server_follows_the_master(cluster: Cluster, operator: Operator) -> None:
    lost = cluster.replicas()[0]
    file, start = blocks("A server")
    with service(cluster.environ), loss_of(cluster, lost):
        operator.runs(file, SERVER=str(lost))
        new = operator.starts(start)
        wait_until(lambda: cluster.master().info("replication")["connected_slaves"] == 2)
        cluster.processes.kill(new)
