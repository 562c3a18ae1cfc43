"""What does not pass by itself is one line at once, without data."""

import logging
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, text

from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.storage import StorageUnavailableError

from .backend import Open, Start, connect, migrate
from dev.database_server import DatabaseServer

ADA = Customer("1", "Ada", "Lovelace")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"password": "another"}, "the database refuses the credentials in DATABASE_URL"),
        ({"database": "missing"}, "DATABASE_URL names a database that does not exist"),
    ],
)
def test_address_that_is_refused_is_one_line_at_once(
    server: DatabaseServer,
    open_at: Open,
    caplog: pytest.LogCaptureFixture,
    change: dict[str, Any],
    problem: str,
) -> None:
    url = make_url(server.create_database("customers")).set(**change)
    storage = open_at({"DATABASE_URL": url.render_as_string(hide_password=False)})
    with pytest.raises(StorageUnavailableError) as refused:
        storage.get("1")
    expected = {
        problem,
        # MariaDB does not say whether a database exists to a user who may not use it.
        "the database does not permit this to the user in DATABASE_URL",
    }
    assert str(refused.value) in expected
    assert "retry" not in caplog.text


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        ("missing/customers.db", "the file cannot be opened: its folder is missing"),
        (".", "the file cannot be opened"),
        ("text", "the file is no SQLite database, or is damaged"),
    ],
)
def test_path_that_is_no_database_is_one_line_and_stays_as_it_is(
    tmp_path: Path, open_at: Open, place: str, problem: str
) -> None:
    (tmp_path / "text").write_text("not a database\n" * 100)
    storage = open_at({"DATABASE_URL": f"sqlite:///{tmp_path / place}"})
    with pytest.raises(StorageUnavailableError, match=problem):
        storage.set(ADA)
    assert [path.name for path in tmp_path.iterdir()] == ["text"]
    assert (tmp_path / "text").read_text() == "not a database\n" * 100


def test_database_that_takes_no_writes_is_not_ready(start: Start, open_at: Open) -> None:
    url = migrate(start("postgresql").create_database("customers"))
    environ = {"DATABASE_URL": f"{url}?options=-c%20default_transaction_read_only%3Don"}
    storage = open_at(environ, RETRY_DEADLINE_SECONDS="1")
    for use in (storage.check, lambda: storage.set(ADA)):
        with pytest.raises(StorageUnavailableError, match=r"^the database cannot be written to$"):
            use()
    assert storage.get("1") is None


def test_neither_errors_nor_logs_hold_data(
    environ: dict[str, str], open_storage: Open, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with connect(environ) as connection:
        connection.execute(text("ALTER TABLE customers RENAME TO others"))
        connection.commit()
    try:
        with pytest.raises(StorageUnavailableError) as refused:
            open_storage().set(ADA)
    finally:
        with connect(environ) as connection:
            connection.execute(text("ALTER TABLE others RENAME TO customers"))
            connection.commit()
    assert "the table is missing" in str(refused.value)
    password = make_url(environ["DATABASE_URL"]).password or "Lovelace"
    for hidden in ("Lovelace", password):
        assert hidden not in str(refused.value) + caplog.text
