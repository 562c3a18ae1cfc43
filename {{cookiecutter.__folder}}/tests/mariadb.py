"""A MariaDB of its own on this machine, for tests, where the system has its programs."""

import os
import shutil
import subprocess

from sqlalchemy import Connection, NullPool, create_engine, text
from sqlalchemy.exc import OperationalError

from dev.database_server import HOST, USER, DatabaseServer
from dev.processes import ServerError

PLACES = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])

# Run at each start.
_INIT = """\
CREATE USER IF NOT EXISTS '{user}'@'%' IDENTIFIED BY '{password}';
GRANT ALL ON *.* TO '{user}'@'%';
"""


def find_mariadb() -> tuple[str, str] | None:
    """The program that makes the files, and the server; None if the system lacks them."""
    make_files = shutil.which("mariadb-install-db", path=PLACES)
    server = shutil.which("mariadbd", path=PLACES)
    return (make_files, server) if make_files and server else None


class MariaDB(DatabaseServer):
    """One MariaDB."""

    def __init__(self) -> None:
        super().__init__()
        programs = find_mariadb()
        if not programs:
            raise ServerError("there is no MariaDB: install mariadb-server")
        self._install, self._program = programs

    def create_database(self, name: str) -> str:
        """Create a database if it is missing; its address."""
        with self._connect() as connection:
            connection.execute(text(f"CREATE DATABASE IF NOT EXISTS `{name}`"))
        return self._url(name)

    def _url(self, database: str) -> str:
        return f"mariadb+pymysql://{USER}:{self._password}@{HOST}:{self._port}/{database}"

    def _connect(self) -> Connection:
        return create_engine(self._url("mysql"), poolclass=NullPool).connect()

    def _make_files(self) -> None:
        folder = self.processes.folder
        init, temporary = folder / "init.sql", folder / "tmp"
        init.touch(mode=0o600)
        init.write_text(_INIT.format(user=USER, password=self._password))
        temporary.mkdir()
        self._give_away(init, temporary)
        # The user root that it makes has no password, but needs the socket, which is in the folder.
        self._run_to_end([self._install, *self._options(), "--skip-test-db"])

    def _options(self) -> list[str]:
        return [
            "--no-defaults",
            f"--datadir={self._data}",
            # Of its own: a server that starts deletes the temporary tables that it finds.
            f"--tmpdir={self.processes.folder / 'tmp'}",
        ]

    def _launch(self) -> subprocess.Popen[bytes]:
        folder = self.processes.folder
        return self._run(
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
            ]
        )

    def _connection_problem(self) -> str:
        try:
            self._connect().close()
        except OperationalError as error:
            return str(error.orig)
        return ""
