"""The PostgreSQL for development: a real server that comes, crashes, and leaves nothing behind."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from .endings import (
    SECONDS,
    assert_nothing_is_left,
    commands_with,
    first_line,
    is_clean,
    python,
)
from dev.postgresql import PostgreSQL

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no server for Windows")


def connect(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    with PostgreSQL() as server:
        yield server


def test_application_finds_the_database_by_its_environment(server: PostgreSQL) -> None:
    with connect(server.environ["DATABASE_URL"]) as connection:
        found = connection.execute("SELECT current_user, current_database()").fetchone()
    assert found == ("service", "customers")


def test_database_is_created_once(server: PostgreSQL) -> None:
    for _ in range(2):
        url = server.create_database("another")
    with connect(url) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("another",)


def test_restart_ends_connections_and_keeps_what_was_committed(server: PostgreSQL) -> None:
    with connect(server.url) as before:
        before.execute("CREATE TABLE numbers AS SELECT 7 AS number")
        server.restart()
        with pytest.raises(psycopg.OperationalError):
            before.execute("SELECT 1")
    with connect(server.url) as connection:
        assert connection.execute("SELECT number FROM numbers").fetchone() == (7,)


def test_killed_server_takes_no_connections_until_it_is_started_again(server: PostgreSQL) -> None:
    server.kill()
    with pytest.raises(psycopg.OperationalError):
        connect(server.url)
    server.start_again()
    connect(server.url).close()


def test_password_is_asked_for_and_on_no_command_line(server: PostgreSQL) -> None:
    url = server.url
    password = url.split(":")[2].partition("@")[0]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(url.replace(password, "another"))
    assert commands_with(str(server.processes.folder))
    assert commands_with(password) == []
    assert server.processes.folder.stat().st_mode & 0o077 == 0


def test_server_runs_as_this_user_but_not_as_root(server: PostgreSQL) -> None:
    owner = (server.processes.folder / "data").stat().st_uid
    assert owner != 0
    assert os.geteuid() in (0, owner)


# Both print the server's folder and wait until they are let go.
OWNER = """
import signal, sys
from dev.postgresql import PostgreSQL
signal.signal(signal.SIGINT, signal.default_int_handler)  # else ignored in a shell's background
with PostgreSQL() as server:
    print(server.processes.folder, flush=True)
    sys.stdin.read()
    if sys.argv[1] == "exception":
        raise SystemError
    sys.exit(7)
"""
COMMAND = """
import os, signal, sys
import psycopg
signal.signal(signal.SIGINT, signal.default_int_handler)
with psycopg.connect(os.environ["DATABASE_URL"].replace("+psycopg", "")) as connection:
    (data,) = connection.execute("SHOW data_directory").fetchone()
print(os.path.dirname(data), flush=True)
sys.stdin.read()
if sys.argv[1] == "exception":
    raise SystemError
sys.exit(7)
"""


@pytest.mark.parametrize(
    ("args", "statuses"),
    [
        (["-c", OWNER], [7, 1, -2, -15, -9, -9]),
        (["-m", "dev", sys.executable, "-c", COMMAND], [7, 1, 130, 143, -9, -9, 130, 129]),
    ],
    ids=["context manager", "python -m dev"],
)
def test_nothing_is_left(tmp_path: Path, args: list[str], statuses: list[int]) -> None:
    segments: dict[Path, str] = {}

    def is_there(folder: Path) -> bool:
        segments[folder] = (folder / "data" / "postmaster.pid").read_text().split()[-2]
        return bool(commands_with(str(folder)))

    def is_gone(folder: Path) -> bool:
        return (
            is_clean(folder)
            and not processes_in(folder)
            and segments[folder] not in shared_memory()
        )

    assert_nothing_is_left(tmp_path, args, statuses, is_there, is_gone)


def processes_in(folder: Path) -> list[str]:
    """The processes that work in a folder, be it deleted; the server's children do (Linux)."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            if os.readlink(link).startswith(str(folder)):
                found.append(link.parent.name)
    return found


def shared_memory() -> list[str]:
    """The IDs of the shared memory segments that there are (Linux)."""
    table = Path("/proc/sysvipc/shm")
    lines = table.read_text().splitlines()[1:] if table.exists() else []
    return [line.split()[1] for line in lines]


def test_without_a_command_the_server_is_there_until_ctrl_c(tmp_path: Path) -> None:
    with python(tmp_path, "-m", "dev") as owner:
        export = first_line(owner)
        connect(export.removeprefix("export DATABASE_URL=")).close()
        owner.send_signal(signal.SIGINT)
        assert len(owner.communicate(timeout=SECONDS)[1].splitlines()) == 1
        assert owner.returncode == 0


@pytest.mark.parametrize("place", ["environment", ".env"])
def test_no_server_is_started_when_there_is_one(tmp_path: Path, place: str) -> None:
    environ = {"DATABASE_URL": "sqlite:///there"}
    if place == ".env":
        (tmp_path / ".env").write_text("DATABASE_URL=sqlite:///there\n")
        environ = {}
    code = "import os; print(os.getpid(), os.environ['DATABASE_URL'])"
    with python(tmp_path, "-m", "dev", sys.executable, "-c", code, **environ) as owner:
        assert owner.communicate(timeout=SECONDS) == (f"{owner.pid} sqlite:///there\n", "")
        assert owner.returncode == 0


def test_missing_programs_are_one_line(tmp_path: Path) -> None:
    with python(tmp_path, "-m", "dev", "true", POSTGRES_BIN="/missing") as owner:
        assert owner.communicate(timeout=SECONDS) == (
            "",
            "development: /missing has no initdb: "
            "set POSTGRES_BIN to the folder of PostgreSQL's programs\n",
        )
        assert owner.returncode == 1


def test_server_that_does_not_start_is_one_line(tmp_path: Path) -> None:
    for program in ("initdb", "postgres"):
        (tmp_path / program).write_text("#!/bin/sh\necho no such luck\nexit 1\n")
        (tmp_path / program).chmod(0o755)
    with python(tmp_path, "-m", "dev", "true", POSTGRES_BIN=str(tmp_path)) as owner:
        assert owner.communicate(timeout=SECONDS) == (
            "",
            "development: the server's files cannot be made: no such luck\n",
        )
        assert owner.returncode == 1
