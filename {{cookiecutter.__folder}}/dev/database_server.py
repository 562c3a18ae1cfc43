"""A database server of its own on this machine, for development and tests.

It ends with the process that started it, whatever ends that; see `processes.py`.
"""

import os
import secrets
import subprocess
import time
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

from .accounts import account
from .own_servers import OwnServers, ServerEndedError
from .ports import free_ports
from .processes import ServerError

HOST = "127.0.0.1"
USER = "service"
DATABASE = "customers"
START_SECONDS = 30.0
POLL_SECONDS = 0.01


class DatabaseServer(OwnServers):
    """One server.

    Database servers do not run as root; started by root, they run as the user `nobody`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._account = account()
        self._password = secrets.token_hex(16)
        self._port = 0
        self._server: subprocess.Popen[bytes] | None = None
        self._logged = 0

    @property
    def url(self) -> str:
        """The address of the database `customers`."""
        return self._url(DATABASE)

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables with which an application finds the database."""
        return {"DATABASE_URL": self.url}

    def _start(self) -> None:
        (self._port,) = free_ports(HOST, 1)
        self._logged = 0
        self._log.touch()
        self._give_away(self.processes.folder, self._log)
        self._make_files()
        self.start_again()
        self._set_up()

    def kill(self) -> None:
        """End the server without a shutdown, as a crash does."""
        if self._server:
            self.processes.kill(self._server)

    def start_again(self) -> None:
        """Start a server that has ended, on its port; returns when it takes connections.

        Raises:
            ServerError: It ended, or takes none.
        """
        self._logged = self._log.stat().st_size
        self._server = self._launch()
        give_up_at = time.monotonic() + START_SECONDS
        while problem := self._connection_problem():
            if not self.processes.is_running(self._server):
                raise ServerEndedError(f"the server ended: {self._last_line()}")
            if time.monotonic() > give_up_at:
                raise ServerError(f"still after {START_SECONDS} s: {problem}")
            time.sleep(POLL_SECONDS)

    def restart(self) -> None:
        """End the server as a crash does, and start it again.

        Raises:
            ServerError: It does not start again.
        """
        self.kill()
        self.start_again()

    @abstractmethod
    def create_database(self, name: str) -> str:
        """Create a database if it is missing; its address."""

    def _set_up(self) -> None:
        """What is done once, when the server takes connections."""
        self.create_database(DATABASE)

    @abstractmethod
    def _url(self, database: str) -> str:
        """The address of a database."""

    @abstractmethod
    def _make_files(self) -> None:
        """Make the server's files.

        Raises:
            ServerError: They cannot be made.
        """

    @abstractmethod
    def _launch(self) -> subprocess.Popen[bytes]:
        """Start the server."""

    @abstractmethod
    def _connection_problem(self) -> str:
        """Why the server takes no connections; the empty string if it does."""

    @property
    def _data(self) -> Path:
        return self.processes.folder / "data"

    @property
    def _log(self) -> Path:
        return self.processes.folder / "log"

    def _give_away(self, *paths: Path) -> None:
        """Let the user who runs the server own some files."""
        if self._account:
            for path in paths:
                os.chown(path, *self._account)

    def _run(
        self, command: Sequence[str | Path], ending: str = "SIGKILL"
    ) -> subprocess.Popen[bytes]:
        """Start a program, which a signal ends."""
        return self.processes.start(command, self._log, ending=ending, account=self._account)

    def _run_to_end(self, command: Sequence[str | Path], ending: str = "SIGKILL") -> None:
        """Run a program that makes the server's files.

        Raises:
            ServerError: It failed.
        """
        program = self._run(command, ending)
        if program.wait() != 0:
            raise ServerError(f"the server's files cannot be made: {self._last_line()}")
        self.processes.is_running(program)  # notes that it has ended

    def _last_line(self) -> str:
        """The program's last error, or else its last line."""
        lines = self._log.read_bytes()[self._logged :].decode(errors="replace").splitlines()
        errors = [line for line in lines if "FATAL: " in line or "error: " in line]
        return (errors or lines or ["no output"])[-1]
