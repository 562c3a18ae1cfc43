"""The servers' configuration files."""

from .node import MASTER_NAME, Node

_COMMON = """\
bind {node.host}
port {node.port}
protected-mode no
set-proc-title no
"""
_DATA = """\
save ""
dbfilename {node.port}.rdb
appendonly no
repl-diskless-sync yes
repl-diskless-sync-delay 0
repl-diskless-load on-empty-db
repl-ping-replica-period 1
min-replicas-to-write 1
min-replicas-max-lag 10
"""
_SENTINEL = """\
sentinel myid {node.id}
sentinel monitor {name} {master.host} {master.port} 2
sentinel down-after-milliseconds {name} {down_after_ms}
sentinel failover-timeout {name} 2000
sentinel parallel-syncs {name} 1
"""


def configure(nodes: list[Node], sentinels: list[Node], down_after: float) -> None:
    """Write the configuration of a new cluster.

    Args:
        nodes: The nodes that hold data, the master first.
        sentinels: The sentinels.
        down_after: Seconds after which a sentinel takes a silent server for dead.
    """
    for node in nodes:
        node.configure(of_node(node, nodes[0]))
    for sentinel in sentinels:
        others = [other for other in sentinels if other is not sentinel]
        sentinel.configure(_of_sentinel(sentinel, nodes, others, down_after))


def of_node(node: Node, master: Node) -> str:
    """The configuration of a node that holds data; it is a replica unless it is `master` itself."""
    conf = (_COMMON + _DATA).format(node=node)
    if node is not master:
        conf += f"replicaof {master.host} {master.port}\n"
    if node.password:
        conf += f"requirepass {_quoted(node.password)}\nmasterauth {_quoted(node.password)}\n"
    return conf


def _of_sentinel(sentinel: Node, nodes: list[Node], others: list[Node], down_after: float) -> str:
    master, *replicas = nodes
    name = MASTER_NAME
    conf = (_COMMON + _SENTINEL).format(
        node=sentinel, name=name, master=master, down_after_ms=round(down_after * 1000)
    )
    if master.password:
        conf += f"sentinel auth-pass {name} {_quoted(master.password)}\n"
    if sentinel.password:
        conf += f"requirepass {_quoted(sentinel.password)}\n"
    # The rest is what it would find out by itself, in some seconds.
    for replica in replicas:
        conf += f"sentinel known-replica {name} {replica.host} {replica.port}\n"
    for other in others:
        conf += f"sentinel known-sentinel {name} {other.host} {other.port} {other.id}\n"
    return conf


def _quoted(text: str) -> str:
    return '"' + "".join(f"\\x{byte:02x}" for byte in text.encode()) + '"'
