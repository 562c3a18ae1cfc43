"""Servers of SQL databases, and how they are lost."""

import os
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.bake import Bake
from tests.databases import Databases, databases_of, upgrade
from tests.servers import about, wait_until

from .fault import REFUSED, Fault, Scene, Storage, for_seconds
from .migrations import migration_fault
from .network import Network
from .networks import network_faults


@contextmanager
def database(bake: Bake, kind: str, name: str) -> Iterator[Storage]:
    """A server that the service reaches through a relay.

    Args:
        bake: The project.
        kind: postgresql or mariadb.
        name: The storage's name on the page.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        databases_of(bake, kind, Path(folder)) as databases,
        Network() as network,
    ):
        direct = upgrade(bake, databases.create("customers"))
        before, _, after = direct.rpartition(":")
        port, _, database = after.partition("/")
        relayed = f"{before}:{network.route(int(port))}/{database}"
        faults = [
            *server_faults(databases),
            *([kill_fault(databases)] if kind == "postgresql" else []),
            *network_faults(network),
            migration_fault(bake, Path(folder), direct),
        ]
        yield Storage(name, {"DATABASE_URL": relayed}, faults)


def server_faults(databases: Databases) -> Sequence[Fault]:
    """How the server is lost."""
    return [
        Fault("the server crashes, and starts at once", partial(crash, databases)),
        Fault("the server crashes, and starts after 3 s", partial(crash_for_a_while, databases)),
        Fault(
            "the server crashes, and starts after over 10 s", partial(stay_away, databases), REFUSED
        ),
        Fault("the server stopped for 2 s", partial(stop, databases)),
    ]


def kill_fault(databases: Databases) -> Fault:
    """How PostgreSQL loses a process, for which it ends all others and recovers."""
    return Fault("`kill -9` of a process of the server's", partial(kill_backend, databases))


def kill_backend(databases: Databases, scene: Scene) -> None:
    """Kill one that serves a connection."""
    backends = [
        pid for pid in databases.processes() if "customers 127.0.0.1" in about(pid, "cmdline")
    ]
    os.kill(scene.random.choice(sorted(backends)), signal.SIGKILL)


def crash(databases: Databases, scene: Scene) -> None:
    """End the server without a shutdown."""
    databases.restart()


def crash_for_a_while(databases: Databases, scene: Scene) -> None:
    """End the server, and start it before clients give up."""
    databases.kill()
    with for_seconds(3):
        pass
    databases.start_again()


def stay_away(databases: Databases, scene: Scene) -> None:
    """End the server, and start it when clients are refused."""
    databases.kill()
    wait_until(lambda: scene.refusals() >= 5, "clients are refused")
    databases.start_again()


def stop(databases: Databases, scene: Scene) -> None:
    """Let the server hang for a while."""
    processes = databases.processes()
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    with for_seconds(2):
        pass
    for pid in processes:
        os.kill(pid, signal.SIGCONT)
