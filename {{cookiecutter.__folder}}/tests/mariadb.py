"""A MariaDB of its own on this machine, for tests, where the system has its programs."""

import os
import secrets
import shutil
import subprocess
import time
from typing import Self

from sqlalchemy import Connection, NullPool, create_engine, text
from sqlalchemy.exc import OperationalError

from dev.ports import free_ports
from dev.postgresql import account
from dev.processes import Processes, ServerError

HOST = "127.0.0.1"
USER = "service"
DATABASE = "customers"
START_SECONDS = 30.0
POLL_SECONDS = 0.01
PLACES = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])

# Run at each start.
_INIT = """\
CREATE USER IF NOT EXISTS '{user}'@'%' IDENTIFIED BY '{password}';
GRANT ALL ON *.* TO '{user}'@'%';
CREATE DATABASE IF NOT EXISTS {database};
"""


def find_mariadb() -> tuple[str, str] | None:
    """The program that makes the files, and the server; None if the system lacks them."""
    make_files = shutil.which("mariadb-install-db", path=PLACES)
    server = shutil.which("mariadbd", path=PLACES)
    return (make_files, server) if make_files and server else None


class MariaDB:
    """One server. As a context manager it starts and stops it."""

    def __init__(self) -> None:
        programs = find_mariadb()
        if not programs:
            raise ServerError("there is no MariaDB: install mariadb-server")
        self._make_files, self._program = programs
        self._account = account()
        self._password = secrets.token_hex(16)
        self._port = 0
        self._processes: Processes | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._processes = Processes()
        try:
            self._prepare(self._processes)
            self.start_again()
        except BaseException:
            self._processes.stop()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.processes.stop()

    @property
    def processes(self) -> Processes:
        """The processes of the running server."""
        assert self._processes
        return self._processes

    @property
    def url(self) -> str:
        """The address of the database `customers`."""
        return self._url(DATABASE)

    def create_database(self, name: str) -> str:
        """Create a database if it is missing; its address."""
        with self._connect() as connection:
            connection.execute(text(f"CREATE DATABASE IF NOT EXISTS `{name}`"))
        return self._url(name)

    def kill(self) -> None:
        """End the server as a crash does."""
        assert self._server
        self.processes.kill(self._server)

    def restart(self) -> None:
        """End the server as a crash does, and start it again."""
        self.kill()
        self.start_again()

    def _url(self, database: str) -> str:
        return f"mariadb+pymysql://{USER}:{self._password}@{HOST}:{self._port}/{database}"

    def _connect(self) -> Connection:
        return create_engine(self._url("mysql"), poolclass=NullPool).connect()

    def _prepare(self, processes: Processes) -> None:
        (self._port,) = free_ports(HOST, 1)
        init = processes.folder / "init.sql"
        init.touch(mode=0o600)
        init.write_text(_INIT.format(user=USER, password=self._password, database=DATABASE))
        self._log = processes.folder / "log"
        self._log.touch()
        self._temporary = processes.folder / "tmp"
        self._temporary.mkdir()
        if self._account:
            for path in (processes.folder, init, self._log, self._temporary):
                os.chown(path, *self._account)
        # The user root that it makes has no password, but needs the socket, which is in the folder.
        made = processes.start(
            [self._make_files, *self._options(), "--skip-test-db"],
            self._log,
            account=self._account,
        )
        if made.wait() != 0:
            raise ServerError(f"the server's files cannot be made: {self._last_line()}")
        processes.is_running(made)  # notes that it has ended

    def _options(self) -> list[str]:
        return [
            "--no-defaults",
            f"--datadir={self.processes.folder / 'data'}",
            # Of its own: a server that starts deletes the temporary tables that it finds.
            f"--tmpdir={self._temporary}",
        ]

    def start_again(self) -> None:
        """Start a server that does not run, on its port; returns when it takes connections."""
        folder = self.processes.folder
        self._server = self.processes.start(
            [
                self._program,
                *self._options(),
                f"--socket={folder / 'socket'}",
                f"--pid-file={folder / 'pid'}",
                f"--init-file={folder / 'init.sql'}",
                f"--bind-address={HOST}",
                f"--port={self._port}",
                "--skip-name-resolve",
                # What was committed survives the server's crash, which is all that is tested.
                "--innodb-flush-log-at-trx-commit=2",
            ],
            self._log,
            account=self._account,
        )
        give_up_at = time.monotonic() + START_SECONDS
        while problem := self._start_problem():
            if time.monotonic() > give_up_at:
                raise ServerError(f"still after {START_SECONDS} s: {problem}")
            time.sleep(POLL_SECONDS)

    def _start_problem(self) -> str:
        assert self._server
        if not self.processes.is_running(self._server):
            raise ServerError(f"the server ended: {self._last_line()}")
        try:
            self._connect().close()
        except OperationalError as error:
            return str(error.orig)
        return ""

    def _last_line(self) -> str:
        lines = self._log.read_text(errors="replace").split("\n")
        return next((line for line in reversed(lines) if line), "no output")
