"""A rendered project's own database servers, and processes of the project that migrate."""

import json
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from .bake import Bake, clean_environ
from .servers import about, family_of

SERVERS = {"postgresql": "dev.postgresql:PostgreSQL", "mariadb": "tests.mariadb:MariaDB"}

# Each line that it is told is a method of the server's, and perhaps what it is given.
_SERVER = """
import importlib, sys
module, _, name = sys.argv[1].partition(":")
with getattr(importlib.import_module(module), name)() as server:
    print("started", flush=True)
    for line in sys.stdin:
        method, *arguments = line.split()
        print(getattr(server, method)(*arguments) or "done", flush=True)
"""

# Each line that it is told is the address of a database; a further line lets it migrate that.
_MIGRATOR = """
import json, sys
from contextlib import closing
from {package} import create_app, db_utils
for line in sys.stdin:
    app = create_app({{"DATABASE_URL": line.strip()}})
    with closing(app.extensions["customer_storage"]):
        print("ready", flush=True)
        sys.stdin.readline()
        print(json.dumps(db_utils.alembic_upgrade(app)), flush=True)
"""


@dataclass(frozen=True, slots=True)
class Talker:
    """A Python process of a project that is told lines and answers each with one."""

    process: subprocess.Popen[str]
    log: IO[bytes]

    def tell(self, line: str) -> None:
        """Send a line."""
        assert self.process.stdin
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        """Wait for a line."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            raise AssertionError(f"it ended:\n{self.log.read().decode()}")
        return line.rstrip()

    def ask(self, line: str) -> str:
        """Send a line, and wait for the answer."""
        self.tell(line)
        return self.answer()


@contextmanager
def talker(bake: Bake, code: str, *arguments: str) -> Iterator[Talker]:
    """Run code in a project's environment until the end of the `with`."""
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(
            [bake.python, "-c", code, *arguments],
            cwd=bake.path,
            env=clean_environ(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        yield Talker(process, log)
        assert process.stdin
        process.stdin.close()


@dataclass(frozen=True, slots=True)
class Databases:
    """A server of databases, or a folder of SQLite's files."""

    folder: Path
    server: Talker | None

    def create(self, name: str) -> str:
        """Create an empty database; its address."""
        if self.server:
            return self.server.ask(f"create_database {name}")
        return f"sqlite:///{self.folder / name}.db"

    def restart(self) -> None:
        """End the server as a crash does, and start it again."""
        self._do("restart")

    def kill(self) -> None:
        """End the server as a crash does."""
        self._do("kill")

    def start_again(self) -> None:
        """Start the server that was ended; returns when it takes connections."""
        self._do("start_again")

    def processes(self) -> list[int]:
        """The IDs of the server's own processes (Linux)."""
        assert self.server
        programs = ("postgres", "mariadbd")
        return [
            pid
            for pid in family_of(self.server.process.pid)
            if about(pid, "comm").strip() in programs
        ]

    def _do(self, method: str) -> None:
        assert self.server
        assert self.server.ask(method) == "done"


@contextmanager
def databases_of(bake: Bake, kind: str, folder: Path) -> Iterator[Databases]:
    """The databases of a kind, as the project's own tests start them."""
    if kind == "sqlite":
        yield Databases(folder, None)
        return
    with talker(bake, _SERVER, SERVERS[kind]) as server:
        assert server.answer() == "started"
        yield Databases(folder, server)


def upgrade(bake: Bake, url: str) -> str:
    """Bring a database's schema up to date, as an operator does; its address."""
    bake.flask("db", "upgrade", environ={"DATABASE_URL": url})
    return url


def has_mariadb(bake: Bake) -> bool:
    """Whether this system has a MariaDB that the project finds."""
    code = "import sys; from tests.mariadb import find_mariadb; sys.exit(not find_mariadb())"
    return bake.run(bake.python, "-c", code).returncode == 0


@contextmanager
def migrators(bake: Bake, count: int) -> Iterator[list[Talker]]:
    """Processes of a project that migrate the databases that they are told."""
    with ExitStack() as stack:
        code = _MIGRATOR.format(package=bake.package)
        yield [stack.enter_context(talker(bake, code)) for _ in range(count)]


def migrate_at_once(processes: Sequence[Talker], url: str) -> list[dict[str, str]]:
    """Let all processes migrate a database at the same moment; what each says of it."""
    for process in processes:
        process.tell(url)
    for process in processes:
        assert process.answer() == "ready"
    for process in processes:
        process.tell("go")
    return [json.loads(process.answer()) for process in processes]
