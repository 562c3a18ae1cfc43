"""Databases that are restarted under load, migrated by many at once, and large."""

import json
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .bake import Bake
from .clients import Clients
from .databases import (
    SERVERS,
    Databases,
    databases_of,
    has_mariadb,
    migrate_at_once,
    migrators,
    upgrade,
)
from .servers import wait_until

pytestmark = pytest.mark.slow

PROCESSES = 16
ROUNDS = 20
RESTARTS = 5
WRITERS = 8
CUSTOMERS = 200_000
MOST_GROWTH = 20 * 2**20


@pytest.fixture(scope="session")
def sql(installed: Callable[[str], Bake]) -> Bake:
    """A project that keeps its customers in a SQL database."""
    return installed("sql")


@pytest.fixture(params=["sqlite", *SERVERS])
def databases(request: pytest.FixtureRequest, sql: Bake, tmp_path: Path) -> Iterator[Databases]:
    """The databases of each kind that is there."""
    if request.param == "mariadb" and not has_mariadb(sql):
        pytest.skip("there is no MariaDB here")
    with databases_of(sql, request.param, tmp_path) as databases:
        yield databases


def test_processes_that_migrate_at_once_apply_each_revision_once(
    sql: Bake, databases: Databases
) -> None:
    with migrators(sql, PROCESSES) as processes:
        for number in range(ROUNDS):
            answers = migrate_at_once(processes, databases.create(f"round_{number}"))
            befores = Counter(answer["from"] for answer in answers)
            assert befores == {"none": 1, "0001": PROCESSES - 1}
            assert {answer["to"] for answer in answers} == {"0001"}


# It stops in its middle, if a file says so, after a first change that MySQL cannot take back.
SLOW_REVISION = '''
"""Create two tables."""

import time
from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("first", sa.Column("id", sa.Integer, primary_key=True), if_not_exists=True)
    if Path("stop").exists():
        Path("stop").unlink()
        time.sleep(3600)
    op.create_table("second", sa.Column("id", sa.Integer, primary_key=True), if_not_exists=True)


def downgrade() -> None:
    op.drop_table("second")
    op.drop_table("first")
'''


def test_migration_that_is_killed_in_its_middle_is_completed_by_those_who_wait(
    sql: Bake, databases: Databases, tmp_path: Path
) -> None:
    project = sql.copy_to(tmp_path, share_environment=True)
    (project.path / "migrations/versions/0002_create_two_tables.py").write_text(SLOW_REVISION)
    stop = project.path / "stop"
    stop.touch()
    url = databases.create("killed")
    with migrators(project, PROCESSES) as (victim, *others):
        assert victim.ask(url) == "ready"
        victim.tell("go")
        wait_until(lambda: not stop.exists(), "the migration is in its middle")
        for process in others:
            assert process.ask(url) == "ready"
            process.tell("go")
        victim.process.send_signal(signal.SIGKILL)
        answers = [json.loads(process.answer()) for process in others]
    befores = Counter(answer["from"] for answer in answers)
    assert befores["0002"] == PROCESSES - 2
    assert befores["none"] + befores["0001"] == 1  # MySQL keeps each revision that was done
    assert {answer["to"] for answer in answers} == {"0002"}


@pytest.mark.parametrize("databases", SERVERS, indirect=True)
def test_restarts_under_load_go_unnoticed(sql: Bake, databases: Databases) -> None:
    url = upgrade(sql, databases.create("customers"))
    with sql.serve("serve", DATABASE_URL=url, WORKERS="2", THREADS="8") as server:
        with Clients(server.url, writers=WRITERS) as clients:
            for _ in range(RESTARTS):
                clients.wait_for_writes(200)
                databases.restart()
            clients.wait_for_writes(200)
        lost = clients.lost()
    assert clients.problems == []
    assert lost == []
    assert len(clients.acknowledged) > RESTARTS * 100


FILL = """
import sys
from {package} import create_app
from {package}.customers import Customer
storage = create_app().extensions["customer_storage"]
storage.set_many(Customer(f"{{n:06}}", "Ada", "x" * 200) for n in range(int(sys.argv[1])))
storage.close()
"""


def test_list_of_many_customers_needs_no_memory(sql: Bake, databases: Databases) -> None:
    environ = {"DATABASE_URL": upgrade(sql, databases.create("many"))}
    fill = FILL.format(package=sql.package)
    done = sql.run(sql.python, "-c", fill, str(CUSTOMERS), environ=environ)
    assert done.returncode == 0, done.stderr
    with sql.serve("serve", WORKERS="1", **environ) as server, server.client() as client:
        client.get("/?limit=10").raise_for_status()
        server.forget_peak_memory()
        idle = server.memory()
        with client.stream("GET", "/") as answer:
            size = sum(map(len, answer.iter_bytes()))
        growth = server.memory("VmHWM") - idle
    print(f"{size / 2**20:.0f} MiB listed, and {growth / 2**20:.1f} MiB more memory used")
    assert size > CUSTOMERS * 200
    assert growth <= MOST_GROWTH
