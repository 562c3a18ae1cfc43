"""Customers in a database: what restarts, locks and lost answers do to requests."""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, make_url, text
from sqlalchemy.exc import OperationalError

from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.storage import StorageUnavailableError, sql_idle
from {{ cookiecutter.package_name }}.storage.sql import SqlStorage

from .backend import Server, connect, migrate

ADA = Customer("1", "Ada", "Lovelace")
SECONDS = 20.0

Open = Callable[..., SqlStorage]


def customers(count: int) -> list[Customer]:
    return [Customer(f"{number:06}", "Ada", "Lovelace") for number in range(count)]


@contextmanager
def meanwhile(action: Callable[[], None]) -> Iterator[threading.Thread]:
    """Do something in a thread during the `with`."""
    thread = threading.Thread(target=action)
    thread.start()
    try:
        yield thread
    finally:
        thread.join()


# What passes by itself


def test_requests_are_answered_while_the_server_is_restarted(
    environ_of_failing_storage: dict[str, str], server: Server, open_at: Open
) -> None:
    storage = open_at(environ_of_failing_storage)

    def write(writer: int) -> set[Customer]:
        written: list[Customer] = []
        while restart.is_alive() or not written:
            written.append(Customer(f"{writer}-{len(written)}", "Ada", "Lovelace"))
            storage.set(written[-1])
            assert storage.get(written[-1].customer_id) == written[-1]
        return set(written)

    for _ in range(3):
        # More than the pool has connections.
        with meanwhile(server.restart) as restart, ThreadPoolExecutor(8) as pool:
            written = set.union(*pool.map(write, range(8)))
        found = {customer for batch in storage.stream() for customer in batch}
        assert written <= found


def test_list_goes_on_after_a_restart(
    environ_of_failing_storage: dict[str, str], server: Server, open_at: Open
) -> None:
    storage = open_at(environ_of_failing_storage)
    stored = customers(2500)
    storage.set_many(stored)
    batches = storage.stream()
    found = next(batches)
    server.restart()
    for batch in batches:
        found += batch
    assert found == stored


def test_connection_that_was_closed_while_it_was_idle_costs_no_retry(
    environ_of_failing_storage: dict[str, str],
    server: Server,
    open_at: Open,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storage = open_at(environ_of_failing_storage, RETRY_MAX_RETRIES="0")
    storage.set(ADA)
    server.restart()
    monkeypatch.setattr(sql_idle, "TRUSTED_SECONDS", 0)
    assert storage.get("1") == ADA


def test_connection_that_was_just_in_use_is_not_tried_first(
    storage: SqlStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.set(ADA)
    tried: list[object] = []
    monkeypatch.setattr(storage.database.engine.dialect, "do_ping", tried.append)
    assert storage.get("1") == ADA
    assert tried == []


def test_write_that_another_transaction_holds_up_is_done_when_that_ends(
    environ: dict[str, str], storage: SqlStorage
) -> None:
    storage.set(ADA)
    other = Customer("1", "Augusta", "King")
    with connect(environ) as connection:
        connection.execute(text("UPDATE customers SET last_name = 'Byron'"))
        with meanwhile(lambda: storage.set(other)) as writing:
            writing.join(0.05)  # a moment, in which it should not end
            assert writing.is_alive()
            connection.commit()
    assert storage.get("1") == other


def test_write_that_is_held_up_for_too_long_is_an_error_that_says_so(
    environ: dict[str, str], open_storage: Open
) -> None:
    storage = open_storage(RETRY_DEADLINE_SECONDS="0.2")
    storage.set(ADA)
    with connect(environ) as connection:
        connection.execute(text("UPDATE customers SET last_name = 'Byron'"))
        with pytest.raises(
            StorageUnavailableError, match=r"locked by another process|not answered in time"
        ):
            storage.set(ADA)


def test_delete_whose_answer_was_lost_still_says_that_there_was_such_a_customer(
    storage: SqlStorage,
) -> None:
    lost: list[str] = []

    def lose_the_answer(connection: Connection, _: object, statement: str, *__: object) -> None:
        if statement == "COMMIT" and not lost:
            lost.append(statement)
            raise OperationalError(statement, None, ConnectionError(), connection_invalidated=True)

    storage.set(ADA)
    event.listen(storage.database.engine, "after_cursor_execute", lose_the_answer)
    assert storage.delete("1")
    assert lost
    assert storage.get("1") is None
    assert not storage.delete("1")


def test_request_waits_for_a_connection_of_the_pool(environ: dict[str, str], open_at: Open) -> None:
    storage = open_at(environ, DATABASE_POOL_SIZE="1", RETRY_DEADLINE_SECONDS="0.4")
    storage.set(ADA)
    with (
        storage.database.engine.connect(),
        pytest.raises(StorageUnavailableError, match="all connections of DATABASE_POOL_SIZE"),
    ):
        storage.get("1")
    assert storage.get("1") == ADA


@pytest.mark.skipif(sys.platform == "win32", reason="there is no server for Windows")
def test_request_to_a_server_that_hangs_is_answered_by_another_connection(
    start: Callable[[str], Server], open_at: Open
) -> None:
    url = migrate(start("postgresql").create_database("hanging"))
    storage = open_at({"DATABASE_URL": url}, RETRY_DEADLINE_SECONDS="2")
    storage.set(ADA)
    with storage.database.engine.connect() as connection:
        pid: int = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    os.kill(pid, signal.SIGSTOP)
    try:
        assert storage.get("1") == ADA
    finally:
        os.kill(pid, signal.SIGCONT)


def test_change_of_a_column_s_type_does_not_disturb_warm_connections(
    environ: dict[str, str], storage: SqlStorage
) -> None:
    change = {
        "postgresql": "ALTER TABLE customers ALTER COLUMN first_name TYPE varchar({})",
        "mysql": "ALTER TABLE customers MODIFY first_name varchar({}) NOT NULL",
        "mariadb": "ALTER TABLE customers MODIFY first_name varchar({}) NOT NULL",
    }.get(make_url(environ["DATABASE_URL"]).get_backend_name())
    storage.set(ADA)
    for _ in range(10):  # after some, a driver may have the server prepare the statement
        assert storage.get("1") == ADA
    if change:  # SQLite knows no lengths
        with connect(environ) as connection:
            connection.execute(text(change.format(512)))
            connection.commit()
            assert storage.get("1") == ADA
            connection.execute(text(change.format(256)))
            connection.commit()
    assert storage.get("1") == ADA


# What does not


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"password": "another"}, "the database refuses the credentials in DATABASE_URL"),
        ({"database": "missing"}, "DATABASE_URL names a database that does not exist"),
    ],
)
def test_address_that_is_refused_is_one_line_at_once(
    server: Server,
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


def test_database_that_takes_no_writes_is_not_ready(
    start: Callable[[str], Server], open_at: Open
) -> None:
    url = migrate(start("postgresql").create_database("customers"))
    environ = {"DATABASE_URL": f"{url}?options=-c%20default_transaction_read_only%3Don"}
    storage = open_at(environ, RETRY_DEADLINE_SECONDS="0.2")
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


# Speed


PLANS = {
    "sqlite": ("ANALYZE customers", "EXPLAIN QUERY PLAN", "SEARCH customers USING INDEX"),
    "postgresql": ("ANALYZE customers", "EXPLAIN", "Index"),
    "mariadb": ("ANALYZE TABLE customers", "EXPLAIN", "'range'"),
    "mysql": ("ANALYZE TABLE customers", "EXPLAIN FORMAT=TRADITIONAL", "'range'"),
}


def test_page_in_the_middle_is_found_by_the_index(
    environ: dict[str, str], storage: SqlStorage
) -> None:
    analyze, explain, by_index = PLANS[make_url(environ["DATABASE_URL"]).get_backend_name()]
    page = "SELECT * FROM customers WHERE customer_id > '002500' ORDER BY customer_id LIMIT 100"
    storage.set_many(customers(5000))
    with connect(environ) as connection:
        connection.execute(text(analyze))
        plan = str(connection.execute(text(f"{explain} {page}")).all())
    assert by_index in plan
    assert "sort" not in plan.lower()


def test_statement_of_a_request_is_ended_by_the_server(
    start: Callable[[str], Server], open_at: Open
) -> None:
    url = start("postgresql").create_database("customers")
    storage = open_at({"DATABASE_URL": url}, RETRY_DEADLINE_SECONDS="0.2")
    began = time.monotonic()
    with pytest.raises(StorageUnavailableError, match=r"^the database has not answered in time$"):
        storage.database.rows(text("SELECT pg_sleep(30)"))
    assert time.monotonic() - began < SECONDS
