"""A PostgreSQL of its own on this machine, for development and tests."""

import subprocess
from contextlib import suppress

import psycopg
from psycopg import sql

from .accounts import can_reach
from .database_server import HOST, USER, DatabaseServer
from .postgresql_programs import find_programs, usable_programs
from .processes import ServerError

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


class PostgreSQL(DatabaseServer):
    """One PostgreSQL."""

    def __init__(self) -> None:
        """Find the server's programs.

        Raises:
            ServerError: There are none.
        """
        super().__init__()
        self._found = self._programs = find_programs()

    def create_database(self, name: str) -> str:
        """Create a database if it is missing; its address."""
        with self._connect() as connection, suppress(psycopg.errors.DuplicateDatabase):
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self._url(name)

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

    def _make_files(self) -> None:
        folder = self.processes.folder
        password = folder / "password"
        password.touch(mode=0o600)
        password.write_text(self._password)
        self._give_away(password)
        if self._account:
            if not can_reach(folder, self._account):
                raise ServerError(
                    f"the user nobody cannot reach {folder.parent}: "
                    "set TMPDIR to a folder that is open to all"
                )
            self._programs = usable_programs(self._found, folder, self._account)
        self._run_to_end(
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
            ending="SIGCONT",  # none: what it starts would leave shared memory behind if killed
        )
        with (self._data / "postgresql.conf").open("a") as conf:
            conf.write(_SETTINGS.format(host=HOST, port=self._port))

    def _set_up(self) -> None:
        # Spares each connection the time that makes a password hard to guess: ours is random.
        change = sql.SQL("ALTER USER {} PASSWORD {}").format(
            sql.Identifier(USER), sql.Literal(self._password)
        )
        with self._connect() as connection, suppress(psycopg.errors.UndefinedObject):
            connection.execute("SET scram_iterations = 1")  # unknown before PostgreSQL 16
            connection.execute(change)
        super()._set_up()

    def _launch(self) -> subprocess.Popen[bytes]:
        # SIGKILL would leave its children and its shared memory behind.
        return self._run([self._programs / "postgres", "-D", self._data], ending="SIGQUIT")

    def _connection_problem(self) -> str:
        try:
            self._connect().close()
        except psycopg.OperationalError as error:
            return str(error).partition("\n")[0]
        return ""
