"""`python -m dev`: a server for as long as a command runs, and nothing is left of it."""

import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from .endings import (
    SECONDS,
    assert_nothing_is_left,
    commands_with,
    each_owner,
    first_line,
    is_clean,
    python,
    wait_until,
)
from .postgresql import connect, processes_in, shared_memory, shared_memory_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no server for Windows")


PRINT_FOLDER = """
import os, psycopg
with psycopg.connect(os.environ["DATABASE_URL"].replace("+psycopg", "")) as connection:
    (data,) = connection.execute("SHOW data_directory").fetchone()
print(os.path.dirname(data), flush=True)
"""


@each_owner("postgresql", "PostgreSQL", PRINT_FOLDER)
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
from dev import own_servers, postgresql
class Shown(own_servers.Processes):
    def __init__(self):
        super().__init__()
        print(self.folder, flush=True)
own_servers.Processes = Shown
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
