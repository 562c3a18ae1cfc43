"""A rendered project, served as in production, that can be broken and started again."""

import os
import resource
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tests.bake import Bake, clean_environ
from tests.servers import Server, free_port, wait_until, wait_until_alive, wait_until_gone

WORKERS = 2
THREADS = 8
# If a worker ends sooner after its start, granian takes it for one that cannot start, and ends.
SETTLED_SECONDS = 6.0
STOP_SECONDS = 40
MACHINE = Path(__file__).with_name("machine")


class Service:
    """The service on a port that it keeps. As a context manager it starts and ends.

    Attributes:
        url: Where it is.
    """

    def __init__(self, bake: Bake, environ: Mapping[str, str]) -> None:
        """Prepare it.

        Args:
            bake: The project, with its environment installed.
            environ: The variables for its storage.
        """
        self._bake = bake
        self._storage = environ
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._folder = Path(tempfile.mkdtemp(prefix="service-"))
        self._clock = self._folder / "clock"
        self._clock.touch()
        self._set_clock(0)
        self._server: Server | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.kill()
        shutil.rmtree(self._folder)

    def another(self) -> "Service":
        """A further instance of the same service, which is not started yet."""
        return Service(self._bake, self._storage)

    def start(self) -> None:
        """Start it; returns when all workers serve."""
        with (self._folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*without_privileges(), "sh", "serve.sh"],
                cwd=self._bake.path,
                env=self._environ(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._server = Server(self.url, process, self._folder / "log")
        with self._server.client() as client:
            wait_until_alive(client, self._server)
        wait_until(lambda: len(self.workers()) == WORKERS, "the workers serve")

    def kill(self) -> None:
        """End it as `kill -9` does, with all that it started."""
        if self._server:
            family = self._server.family()
            self._server.stop(signal.SIGKILL)
            wait_until_gone(family - {self._server.process.pid})
            self._server = None

    def stop(self) -> None:
        """End it as an orchestrator does: by SIGTERM to its first process."""
        family = self.processes()
        self.process.terminate()
        self.process.wait(STOP_SECONDS)
        wait_until_gone(family - {self.process.pid})
        self._server = None

    def reload(self) -> None:
        """Replace all workers as after a change of its code: by SIGHUP."""
        self._wait_until_settled()
        old = set(self.workers())
        self.process.send_signal(signal.SIGHUP)
        wait_until_gone(old)
        wait_until(lambda: len(self.workers()) == WORKERS, "new workers serve")

    def kill_worker(self) -> None:
        """End the oldest worker as `kill -9` does; returns when another serves in its place."""
        self._wait_until_settled()
        oldest = self.workers()[0]
        os.kill(oldest, signal.SIGKILL)
        wait_until_gone([oldest])
        wait_until(lambda: len(self.workers()) == WORKERS, "a new worker serves")

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """Its first process."""
        assert self._server
        return self._server.process

    def processes(self) -> set[int]:
        """The IDs of all its processes."""
        assert self._server
        return self._server.family()

    def workers(self) -> list[int]:
        """The IDs of the workers that serve, the oldest first."""
        assert self._server
        return self._server.workers()

    def log(self) -> str:
        """What it printed since its start."""
        return (self._folder / "log").read_text(errors="replace")

    @contextmanager
    def without_files(self) -> Iterator[None]:
        """Inside the `with`, the workers can open no file and no connection more."""
        limits = {
            worker: resource.prlimit(worker, resource.RLIMIT_NOFILE) for worker in self.workers()
        }
        for worker, (_, hard) in limits.items():
            resource.prlimit(worker, resource.RLIMIT_NOFILE, (3, hard))
        try:
            yield
        finally:
            for worker, limit in limits.items():
                if worker in self.processes():
                    resource.prlimit(worker, resource.RLIMIT_NOFILE, limit)

    @contextmanager
    def clock_off_by(self, seconds: int) -> Iterator[None]:
        """Inside the `with`, its clock is wrong; the time that only goes on is not affected."""
        self._set_clock(seconds)
        try:
            yield
        finally:
            self._set_clock(0)

    def _set_clock(self, seconds: int) -> None:
        with self._clock.open("r+b", buffering=0) as file:
            file.write(f"{seconds:+8}".encode())  # in one piece, as it is read

    def _environ(self) -> dict[str, str]:
        environ = {
            **self._storage,
            "PATH": f"{self._bake.path / '.venv/bin'}:{os.environ['PATH']}",
            "PORT": str(self._port),
            "WORKERS": str(WORKERS),
            "THREADS": str(THREADS),
            "LOG_LEVEL": "WARNING",
            "PYTHONPATH": str(MACHINE),
            "CLOCK_OFFSET": str(self._clock),
        }
        return clean_environ(environ)

    def _wait_until_settled(self) -> None:
        wait_until(
            lambda: all(_age(worker) > SETTLED_SECONDS for worker in self.workers()),
            "the workers have settled",
        )


def without_privileges() -> Sequence[str]:
    """What a command starts with so that permissions apply to it, also for root."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        return []
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]


def _age(pid: int) -> float:
    """For how long a process has run, in seconds (proc(5), starttime)."""
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    up = float(Path("/proc/uptime").read_text().split()[0])
    return up - ticks / os.sysconf("SC_CLK_TCK")
