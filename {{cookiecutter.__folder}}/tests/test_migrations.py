"""Migrations: up and down again, one at a time, and one line where something is wrong."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import make_url, text

from {{ cookiecutter.package_name }} import create_app, db_utils
from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.db_utils import MigrationError
from {{ cookiecutter.package_name }}.migration_lock import migration_lock

from .backend import BEFORE, HEAD, connect

ADA = Customer("1", "Ada", "Lovelace")
PROJECT = Path(__file__).parents[1]


@pytest.fixture
def empty(environ: dict[str, str]) -> Iterator[dict[str, str]]:
    """A database without a table. It has the newest schema again afterwards."""
    app = create_app(environ)
    with closing(app.extensions["customer_storage"]):
        db_utils.alembic_downgrade(app, "base")
        yield environ
        db_utils.alembic_upgrade(app)


@pytest.fixture
def empty_app(empty: dict[str, str], make_app: Callable[..., Flask]) -> Flask:
    """The application on a database without a table."""
    return make_app(MIGRATION_LOCK_SECONDS="0.2")


def test_upgrade_says_what_was_and_what_is(empty_app: Flask) -> None:
    assert db_utils.alembic_current(empty_app) == {"current": "none", "head": HEAD}
    assert db_utils.alembic_upgrade(empty_app) == {"from": "none", "to": HEAD}
    assert db_utils.alembic_upgrade(empty_app) == {"from": HEAD, "to": HEAD}
    assert db_utils.alembic_downgrade(empty_app) == {"from": HEAD, "to": BEFORE}


def test_service_works_after_up_down_and_up_again(empty_app: Flask) -> None:
    for _ in range(2):
        db_utils.alembic_upgrade(empty_app)
        storage = empty_app.extensions["customer_storage"]
        storage.set(ADA)
        assert storage.get("1") == ADA
        db_utils.alembic_downgrade(empty_app, "base")


def flask(environ: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command as in a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "flask", "--app", "run", *command],
        cwd=PROJECT,
        env={**environ, "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def test_models_and_schema_are_in_step(environ: dict[str, str]) -> None:
    checked = flask(environ, "db", "check")
    assert checked.returncode == 0, checked.stderr


def test_there_is_one_head(app: Flask) -> None:
    assert "," not in db_utils.alembic_current(app)["head"]


def test_pending_migration_is_not_ready_and_names_the_command(empty_app: Flask) -> None:
    answer = empty_app.test_client().get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json()["storage"] == (
        f"the schema is at revision none, and the code needs {HEAD}: run `flask db upgrade`"
    )


def test_request_before_the_migration_is_a_503_that_names_the_command(empty_app: Flask) -> None:
    answer = empty_app.test_client().get("/get/1")
    assert (answer.status_code, answer.text) == (
        503,
        "storage unavailable: the table is missing: bring it up to date with `flask db upgrade`",
    )


def test_database_ahead_of_the_code_is_ready_with_a_warning(
    app: Flask, environ: dict[str, str]
) -> None:
    with connect(environ) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'later'"))
        connection.commit()
        try:
            assert app.test_client().get("/readyz").status_code == 200
            report = app.extensions["customer_storage"].check()
            assert report.warnings == ["the code does not know revision later: it is older"]
            with pytest.raises(MigrationError, match=r"^this code lacks a revision.*'later'"):
                db_utils.alembic_upgrade(app)
        finally:
            connection.execute(text("UPDATE alembic_version SET version_num = :id"), {"id": HEAD})
            connection.commit()


@pytest.mark.parametrize("revision", ["missing", "-1000"])
def test_downgrade_to_what_is_not_there_is_one_line_and_no_change(
    app: Flask, revision: str
) -> None:
    with pytest.raises(MigrationError) as refused:
        db_utils.alembic_downgrade(app, revision)
    assert len(str(refused.value).splitlines()) == 1
    assert db_utils.alembic_current(app)["current"] == HEAD


def test_upgrade_waits_for_another_one_and_says_for_whom(
    empty_app: Flask, empty: dict[str, str]
) -> None:
    with (
        connect(empty) as connection,
        migration_lock(connection, 5),
        pytest.raises(MigrationError, match=r"^another migration goes on, that of \w+ .+: try"),
    ):
        db_utils.alembic_upgrade(empty_app)
    assert db_utils.alembic_upgrade(empty_app) == {"from": "none", "to": HEAD}


UPGRADE = "import json, run; print(json.dumps(run.run_alembic_upgrade({}, None)))"


def test_processes_that_upgrade_at_once_all_succeed_and_one_does_it(
    empty: dict[str, str], app: Flask
) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", UPGRADE],
            cwd=PROJECT,
            env={**empty, "PATH": ""},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    answers = [json.loads(process.communicate()[0]) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0, 0]
    assert sorted(answer["from"] for answer in answers) == [HEAD, HEAD, HEAD, "none"]
    assert {answer["to"] for answer in answers} == {HEAD}


def test_half_of_the_first_revision_is_completed(empty_app: Flask, empty: dict[str, str]) -> None:
    """As MySQL leaves it if the process is killed between the table and the revision's note."""
    db_utils.alembic_upgrade(empty_app, "0001")
    with connect(empty) as connection:
        connection.execute(text("DELETE FROM alembic_version"))
        connection.commit()
    assert db_utils.alembic_upgrade(empty_app, "0001") == {"from": "none", "to": "0001"}


def test_mistake_in_a_revision_is_one_error_and_no_type_error(
    empty_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistake(*_: object) -> None:
        raise TypeError("wrong")

    monkeypatch.setattr("alembic.command.upgrade", mistake)
    with pytest.raises(MigrationError, match=r"^the migration failed: TypeError: wrong$"):
        db_utils.alembic_upgrade(empty_app)


def test_statement_that_the_database_refuses_is_told_in_its_words(app: Flask) -> None:
    with (
        app.app_context(),
        pytest.raises(
            MigrationError, match=r"^the database refused a statement: \w+ \(.*already exists.*\)$"
        ),
        db_utils.migration_connection() as connection,
    ):
        connection.execute(text("CREATE TABLE customers (customer_id INTEGER)"))


def test_data_that_the_database_refuses_is_not_told(app: Flask, environ: dict[str, str]) -> None:
    app.extensions["customer_storage"].set(ADA)
    with (
        app.app_context(),
        pytest.raises(MigrationError, match=r"^the database refused a statement: ") as refused,
        db_utils.migration_connection() as connection,
    ):
        connection.execute(text("INSERT INTO customers SELECT * FROM customers"))
    assert "Ada" not in str(refused.value)


def test_others_may_look_while_a_migration_goes_on(app: Flask, environ: dict[str, str]) -> None:
    with app.app_context(), db_utils.migration_connection() as connection:
        connection.execute(text("UPDATE customers SET first_name = 'Ada'"))
        assert db_utils.alembic_current(app) == {"current": HEAD, "head": HEAD}
        looked = flask(environ, "db", "current")
        connection.rollback()
    assert (looked.returncode, looked.stdout) == (0, f"{HEAD} (head)\n"), looked.stderr


def test_loggers_that_exist_go_on(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    db_utils.alembic_upgrade(app)
    app.logger.warning("still here")
    assert "still here" in caplog.text


def test_unreachable_database_is_one_line_without_the_password(
    environ_of_lost_storage: dict[str, str],
) -> None:
    app = create_app(environ_of_lost_storage)
    with pytest.raises(MigrationError) as refused:
        db_utils.alembic_upgrade(app)
    assert str(refused.value).startswith("the database cannot be reached: ")
    password = make_url(environ_of_lost_storage["DATABASE_URL"]).password
    assert password
    assert password not in str(refused.value)
