"""Whether a cluster is healthy."""

from typing import Any

from .node import Node

_DOWN = {"s_down", "o_down", "disconnected"}


def problem(nodes: list[Node], sentinels: list[Node], master: Node) -> str:
    """What is wrong with the cluster; the empty string if nothing is.

    Args:
        nodes: The nodes that hold data.
        sentinels: The sentinels.
        master: Which node should be the master.
    """
    for node in nodes + sentinels:
        if not node.is_running:
            return f"{node} does not run"
    info = master.info("replication")
    replicas = [info[name] for name in ("slave0", "slave1") if name in info]
    good = [one for one in replicas if one["state"] == "online" and one["lag"] <= 1]
    # The latter is what counts for min-replicas-to-write, and is up to 1 s behind.
    if len(good) != 2 or info.get("min_slaves_good_slaves", 2) != 2:
        return f"{master} does not have two replicas that acknowledge"
    return next(filter(None, (_seen_by(sentinel, master) for sentinel in sentinels)), "")


def _seen_by(sentinel: Node, master: Node) -> str:
    state = sentinel.sentinel("MASTER")
    if state["port"] != master.port:
        return f"{sentinel} has another master than {master}"
    if _flags(state) != {"master"}:
        return f"{sentinel} sees the master as {','.join(_flags(state))}"
    for kind in ("SLAVES", "SENTINELS"):
        seen = sentinel.sentinel(kind)
        good = [other for other in seen if not _flags(other) & _DOWN]
        if (len(good), len(seen)) != (2, 2):
            return f"{sentinel} reaches {len(good)} of {len(seen)} {kind.lower()}"
    return ""


def _flags(state: dict[str, Any]) -> set[str]:
    flags = state["flags"]  # redis-py gives one or the other
    return set(flags.split(",") if isinstance(flags, str) else flags)
