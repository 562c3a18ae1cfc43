"""A planned failover that loses no write."""

from contextlib import suppress
from typing import TYPE_CHECKING

import redis

from .node import ClusterError, Node, wait_until_no

if TYPE_CHECKING:
    from .cluster import Cluster

# How long it may take, in seconds.
LIMIT = 15


def hand_over(cluster: "Cluster") -> Node:
    """Make a replica of a healthy cluster the master, and the master a replica.

    Returns:
        The new master.

    Raises:
        ClusterError: The sentinels refuse, or do not get it done in time.
    """
    old, sentinel = cluster.master(), cluster.sentinels[0]
    version = sentinel.info("server").get("valkey_version", "0")
    try:
        # Redis has nothing like it, and Valkey 9.1.0 crashes in it (valkey #4066).
        if tuple(int(part) for part in version.split(".")) >= (9, 1, 1):
            sentinel.sentinel("FAILOVER", "COORDINATED")
            return cluster.wait_for_new_master(old, LIMIT)
        return _with_writes_paused(cluster, old, sentinel)
    except redis.RedisError as error:
        raise ClusterError(f"no failover: {error}") from error


def _with_writes_paused(cluster: "Cluster", old: Node, sentinel: Node) -> Node:
    old.client().client_pause(LIMIT * 1000, all=False)
    try:
        written = old.info("replication")["master_repl_offset"]

        def problem() -> str:
            has = [node.info("replication")["slave_repl_offset"] for node in cluster.replicas()]
            return "" if min(has) >= written else "a replica is behind"

        wait_until_no(problem, LIMIT / 3)
        sentinel.sentinel("FAILOVER")
        new = cluster.wait_for_new_master(old, LIMIT / 2)
        # A sentinel would do it too, but only in about 10 s: until then, writes would be lost.
        old.client().replicaof(new.host, new.port)
        return new
    finally:
        with suppress(redis.RedisError):
            old.client().client_unpause()
