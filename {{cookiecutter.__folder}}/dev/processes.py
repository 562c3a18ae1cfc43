"""Processes and a folder that end with this process, whatever ends it."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

# The shell's standard output is the watchdog's pipe. It puts itself on the list before it becomes
# the server, so there is no moment at which a server runs and the watchdog does not know.
_START = 'umask 077 && echo "+-$$ $1" && shift && exec "$@" >>"$0" 2>&1'
# A server may itself wait for 5 s before it kills a child that does not end.
SECONDS_TO_END = 10.0


class ServerError(Exception):
    """A server cannot do what was asked. The message is one line."""


class Processes:
    """Servers that are killed, and a folder that is deleted, when this process ends.

    A watchdog sees to it: a process that waits for the end of a pipe that this process holds, so it
    works after `kill -9`, too. The servers and the watchdog have sessions of their own: what a
    terminal sends, such as Ctrl-C, does not reach them.

    Attributes:
        folder: The folder, for the servers' files. Only its owner can read it.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.gettempdir(), f"dev-{secrets.token_hex(8)}").resolve()
        watchdog = Path(__file__).resolve().with_name("watchdog.py")
        # Before the folder: nothing is ever there without it.
        self._watchdog = subprocess.Popen(  # noqa: S603, no untrusted input
            [sys.executable, "-I", "-S", watchdog, self.folder],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
        self._servers: dict[subprocess.Popen[bytes], int] = {}
        self.folder.mkdir(mode=0o700)

    def start(
        self,
        command: Sequence[str | Path],
        log: Path,
        *,
        ending: str = "SIGKILL",
        account: tuple[int, int] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a server in the folder; its output is appended to `log`.

        Args:
            command: The program and its arguments.
            log: A file.
            ending: The name of the signal that ends it.
            account: The IDs of the user and the group that run it, if not this process's; only root
                may choose.
        """
        number = signal.Signals[ending].value
        user, group = account or (None, None)
        server = subprocess.Popen(  # noqa: S603, no untrusted input
            ["/bin/sh", "-c", _START, log, str(number), *command],
            stdin=subprocess.DEVNULL,
            stdout=self._watchdog.stdin,
            stderr=subprocess.DEVNULL,
            cwd=self.folder,
            start_new_session=True,
            user=user,
            group=group,
            extra_groups=[] if account else None,
        )
        self._servers[server] = number
        return server

    def is_running(self, server: subprocess.Popen[bytes]) -> bool:
        """Whether a server has not ended, be it stopped by a signal."""
        if server in self._servers and server.poll() is not None:
            self._forget(server)
        return server.returncode is None

    def kill(self, server: subprocess.Popen[bytes]) -> None:
        """End a server with its signal, and what it has started; returns when it has ended."""
        if server in self._servers:
            with suppress(ProcessLookupError, PermissionError):  # it has ended by itself
                os.killpg(server.pid, self._servers[server])
            self._forget(server)  # before it is reaped: then its ID may become another's
            try:
                server.wait(SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()

    def guard(self, pid: int) -> None:
        """End a child that was not started here with this process, too. SIGTERM comes first."""
        self._tell(f"+{pid} {signal.SIGTERM.value}")

    def unguard(self, pid: int) -> None:
        """Leave a child alone, as it has ended."""
        self._tell(f"-{pid}")

    def stop(self) -> None:
        """Kill all servers and delete the folder."""
        for server in list(self._servers):
            self.kill(server)
        if self._watchdog.stdin:
            self._watchdog.stdin.close()
        self._watchdog.wait()
        shutil.rmtree(self.folder, ignore_errors=True)  # if someone has killed the watchdog

    def _forget(self, server: subprocess.Popen[bytes]) -> None:
        del self._servers[server]
        self._tell(f"--{server.pid}")

    def _tell(self, line: str) -> None:
        if self._watchdog.stdin:
            with suppress(BrokenPipeError):  # someone has killed the watchdog
                self._watchdog.stdin.write(f"{line}\n".encode())
