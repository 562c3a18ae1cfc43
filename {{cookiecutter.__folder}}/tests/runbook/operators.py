"""An operator who follows docs/redis.md, and the service that goes on meanwhile."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from redis import RedisError

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.storage.redis_sentinel import RedisSentinelStorage

from .. import endings
from ..redis_samples import listed
from ..valkey_programs import put_into
from dev.cluster import Cluster
from dev.node import Node

PROJECT = Path(__file__).parents[2]
DOCUMENT = (PROJECT / "docs" / "redis.md").read_text(encoding="utf-8")
SERVERS_PASSWORD = "secret-of-the-servers"
SENTINELS_PASSWORD = "secret-of-the-sentinels"
SERVICE_PASSWORD = "secret-of-the-service"
NO_RETRIES = {"RETRY_MAX_RETRIES": "0", "REDIS_WAIT_MS": "5000"}


def blocks(heading: str, language: str = "console") -> list[str]:
    """The blocks of a section of the document, without those of the sections below it."""
    (section,) = re.findall(rf"^##+ {heading}\n(.*?)(?:^##|\Z)", DOCUMENT, re.DOTALL | re.MULTILINE)
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```", section, re.DOTALL | re.MULTILINE)
    return [dedent(block) for block in found]


USER, USER_THAT_HANDS_OVER = blocks("The service's user")


@dataclass(frozen=True)
class Operator:
    """Someone at a shell who follows the document, with a cluster's variables set."""

    cluster: Cluster
    folder: Path

    def __post_init__(self) -> None:
        put_into(self.folder / "bin")

    def runs(self, commands: str, **variables: str) -> str:
        """Run commands, after those of the section "Shell"; what they print."""
        done = subprocess.run(
            ["/bin/sh", "-euc", "".join((*blocks("Shell"), commands))],
            env=self._environ(variables),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        return done.stdout

    def starts(self, server: str) -> subprocess.Popen[bytes]:
        """Run a command that starts a server; it ends with the cluster."""
        path = self._environ({})["PATH"]
        script = f'cd "$0"; PATH=$1; exec {server}'
        command: list[str | Path] = ["/bin/sh", "-c", script, self.folder, path]
        return self.cluster.processes.start(command, self.folder / "log")

    def _environ(self, variables: dict[str, str]) -> dict[str, str]:
        path = [str(self.folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
        ours = {"PATH": os.pathsep.join(path), "FLASK_APP": f"{PROJECT}/run.py"}
        inherited = {k: value for k, value in os.environ.items() if not k.startswith("REDIS")}
        return {**inherited, **ours, **self.cluster.environ, **variables}


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait; a server that cannot be asked is one more reason to."""

    def holds_now() -> bool:
        with suppress(RedisError):
            return holds()
        return False

    assert endings.wait_until(holds_now)


@contextmanager
def loss_of(cluster: Cluster, *nodes: Node) -> Iterator[None]:
    """Inside the `with`, some servers are gone."""
    for node in nodes:
        cluster.kill(node)
    try:
        yield
    finally:
        for node in nodes:
            cluster.restart(node)


def open_storage(environ: dict[str, str]) -> RedisSentinelStorage:
    config = Config.from_environ(environ)
    return RedisSentinelStorage.from_environment(config.environment, config.retry)


@contextmanager
def service(environ: dict[str, str], **variables: str) -> Iterator[Callable[[], None]]:
    """A service that writes all the time: no write may fail, and none be gone at the end.

    Gives a function that waits until ten more writes were answered.
    """
    storage = open_storage({**environ, **variables})
    written: list[str] = []
    stop = threading.Event()

    def write() -> None:
        while not stop.wait(0.005):
            customer = Customer(f"{id(storage)}-{len(written)}", "Ada", "Lovelace")
            storage.set(customer)
            written.append(customer.customer_id)

    def wait_for_writes() -> None:
        enough = len(written) + 10
        wait_until(lambda: len(written) >= enough or writer.done())

    with ThreadPoolExecutor() as pool:
        writer = pool.submit(write)
        try:
            wait_for_writes()
            yield wait_for_writes
            wait_for_writes()
        finally:
            stop.set()
        writer.result()
    assert set(written) <= set(listed(storage))
    storage.close()
