"""The PostgreSQL for development: a real server that comes, crashes, and comes again."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from .endings import SECONDS, commands_with, python, wait_until
from .postgresql import connect, processes_in, shared_memory, shared_memory_of
from dev.postgresql import PostgreSQL

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no server for Windows")


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
        for _ in range(2):
            other = threading.Thread(target=server.restart)
            other.start()
            other.join()
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


def process_of(connection: psycopg.Connection) -> int:
    """The ID of the server's child that serves a connection."""
    found = connection.execute("SELECT pg_backend_pid()").fetchone()
    assert found
    return int(found[0])


def test_server_recovers_from_the_kill_of_a_child(server: PostgreSQL) -> None:
    def takes_connections() -> bool:
        with suppress(psycopg.OperationalError):
            connect(server.url).close()
            return True
        return False

    def is_ended(connection: psycopg.Connection) -> bool:
        try:
            connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return True
        return False

    with connect(server.url) as other, connect(server.url) as connection:
        connection.execute("CREATE TABLE letters AS SELECT 'a' AS letter")
        os.kill(process_of(connection), signal.SIGKILL)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
        # Until the server has noticed, it takes connections, and ends them in a moment.
        assert wait_until(lambda: is_ended(other))
    assert wait_until(takes_connections)
    with connect(server.url) as connection:
        assert connection.execute("SELECT letter FROM letters").fetchone() == ("a",)


def test_killed_server_leaves_no_child_behind_that_hangs(server: PostgreSQL) -> None:
    segment = shared_memory_of(server.processes.folder)
    with connect(server.url) as connection:
        os.kill(process_of(connection), signal.SIGSTOP)
        server.kill()
    assert processes_in(server.processes.folder) == []
    assert segment not in shared_memory()
    server.start_again()


def test_password_is_asked_for_and_on_no_command_line(server: PostgreSQL) -> None:
    url = server.url
    password = url.split(":")[2].partition("@")[0]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(url.replace(password, "another"))
    assert commands_with(str(server.processes.folder))
    assert commands_with(password) == []
    assert server.processes.folder.stat().st_mode & 0o077 == 0


def test_missing_programs_are_one_line(tmp_path: Path) -> None:
    with python(tmp_path, "-m", "dev", "true", POSTGRES_BIN="/missing") as owner:
        assert owner.communicate(timeout=SECONDS) == (
            "",
            "development: /missing has no initdb: "
            "set POSTGRES_BIN to the folder of PostgreSQL's programs\n",
        )
        assert owner.returncode == 1


FAILS = "echo no such luck; exit 1"


@pytest.mark.parametrize(
    ("programs", "message"),
    [
        (
            {"initdb": FAILS, "postgres": FAILS},
            "the server's files cannot be made: no such luck",
        ),
        (
            {"initdb": "mkdir data", "postgres": f"echo 'FATAL:  it is broken'; {FAILS}"},
            "the server ended: FATAL:  it is broken",
        ),
    ],
    ids=["initdb", "postgres"],
)
def test_server_that_does_not_start_is_one_line(
    tmp_path: Path, programs: dict[str, str], message: str
) -> None:
    folder = tmp_path / "package" / "installed" / "bin"
    folder.mkdir(parents=True)
    for name, script in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    with python(tmp_path, "-m", "dev", "true", POSTGRES_BIN=str(folder)) as owner:
        assert owner.communicate(timeout=SECONDS) == ("", f"development: {message}\n")
        assert owner.returncode == 1
