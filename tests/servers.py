"""Servers and other processes that tests start, and waiting for them."""

import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

START_SECONDS = 60
PATIENCE_SECONDS = 30


def free_port() -> int:
    """A TCP port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Server:
    """A server that was started, with everything that it started."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def client(self) -> httpx.Client:
        """A client that sends to this server."""
        return httpx.Client(base_url=self.url, timeout=30, trust_env=False)

    def wait_for(self, text: str) -> None:
        """Wait until the server printed a text."""
        self._wait_until_printed(lambda printed: text in printed)

    def wait_for_workers(self) -> None:
        """Wait until all workers of a production server serve.

        One that does not yet would not hear the signal to stop, and only be killed in the end.
        """
        self._wait_until_printed(
            lambda printed: printed.count("Spawning worker-") == printed.count("Started worker-")
        )

    def _wait_until_printed(self, is_right: Callable[[str], bool]) -> None:
        give_up_at = time.monotonic() + START_SECONDS
        while not is_right(self.log.read_text()):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < give_up_at, self.log.read_text()
            time.sleep(0.02)

    def family(self) -> set[int]:
        """The process IDs of the server and of everything that it started (Linux)."""
        return family_of(self.process.pid)

    def workers(self) -> list[int]:
        """The process IDs of a production server's workers that serve now, the oldest first."""
        spawned: dict[str, int] = {}
        started = []
        for event, number, pid in re.findall(
            r"(Spawning|Started) worker-(\d+)(?: with PID: (\d+))?", self.log.read_text()
        ):
            if event == "Spawning":
                spawned[number] = int(pid)
            else:
                started.append(spawned[number])
        family = self.family()
        return [pid for pid in started if pid in family]

    def memory(self, name: str = "VmRSS") -> int:
        """How many bytes the workers use; with VmHWM, have used at most (proc(5); Linux)."""
        texts = [Path(f"/proc/{worker}/status").read_text() for worker in self.workers()]
        assert texts
        kibibytes = re.findall(rf"^{name}:\s+(\d+) kB$", "".join(texts), re.MULTILINE)
        assert len(kibibytes) == len(texts)
        return sum(map(int, kibibytes)) * 1024

    def forget_peak_memory(self) -> None:
        """Measure VmHWM from now on (proc(5), clear_refs; Linux)."""
        for worker in self.workers():
            Path(f"/proc/{worker}/clear_refs").write_text("5")

    def stop(self, how: signal.Signals | None = None) -> int:
        """End the server, with all that it started; its exit status.

        Args:
            how: A signal for all of them at once, as a terminal sends it at Ctrl-C. If not given,
                only what was started is told, and whatever it leaves behind is killed: a worker of
                granian's that hears of the end twice at once may wait to be killed.
        """
        try:
            if self.process.poll() is None:
                if how:
                    os.killpg(self.process.pid, how)
                else:
                    self.process.terminate()
            return self.process.wait(timeout=20)
        finally:
            if not how or self.process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


@contextmanager
def serve(
    command: Sequence[str],
    folder: Path,
    environ: Mapping[str, str],
    patience: float = START_SECONDS,
) -> Iterator[Server]:
    """Start a server with HOST and PORT in its environment, and wait until it answers.

    Args:
        command: What starts it, perhaps after something else.
        folder: Where the command runs.
        environ: Its environment.
        patience: How long to wait for the first answer, in seconds.
    """
    port = free_port()
    with tempfile.NamedTemporaryFile(prefix="server-", suffix=".log", delete=False) as output:
        log = Path(output.name)
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**environ, "HOST": "127.0.0.1", "PORT": str(port)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Server(f"http://127.0.0.1:{port}", process, log)
    try:
        with server.client() as client:
            wait_until_alive(client, server, patience)
        server.wait_for_workers()
        yield server
    finally:
        server.stop()
        log.unlink()


def wait_until_alive(client: httpx.Client, server: Server, patience: float = START_SECONDS) -> None:
    """Wait for the first answer of a server that was just started."""
    give_up_at = time.monotonic() + patience
    while True:
        try:
            client.get("/healthz").raise_for_status()
        except httpx.TransportError:
            if server.process.poll() is not None or time.monotonic() > give_up_at:
                raise AssertionError(f"no server:\n{server.log.read_text()}") from None
            time.sleep(0.02)
        else:
            return


def about(pid: int, file: str) -> str:
    """What a file of a process says, or nothing if the process has ended (proc(5); Linux)."""
    try:
        return Path(f"/proc/{pid}/{file}").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def family_of(pid: int) -> set[int]:
    """The IDs of a process and of everything that it started (Linux)."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        if stat := about(int(entry.name), "stat"):
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    family = {pid}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return family


def wait_until(condition: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until a condition holds, which is `what`."""
    give_up_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up_at, f"waited in vain until {what}"
        time.sleep(0.01)


def wait_until_gone(pids: Collection[int]) -> None:
    """Wait until no such process is left (Linux)."""
    wait_until(
        lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids),
        f"none of {pids} is left",
        10,
    )
