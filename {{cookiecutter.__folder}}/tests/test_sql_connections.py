"""Connections to the database: what restarts, and servers that hang, do to requests."""

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import make_url, text

from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.storage import sql_idle
from {{ cookiecutter.package_name }}.storage.sql import SqlStorage

from .backend import Open, Start, connect, migrate
from dev.database_server import DatabaseServer

ADA = Customer("1", "Ada", "Lovelace")


def test_requests_are_answered_while_the_server_is_restarted(
    environ_of_failing_storage: dict[str, str], server: DatabaseServer, open_at: Open
) -> None:
    storage = open_at(environ_of_failing_storage)

    def write(writer: int) -> set[Customer]:
        written: list[Customer] = []
        while not restart.done() or not written:
            written.append(Customer(f"{writer}-{len(written)}", "Ada", "Lovelace"))
            storage.set(written[-1])
            assert storage.get(written[-1].customer_id) == written[-1]
        return set(written)

    for _ in range(3):
        # More than the pool has connections.
        with ThreadPoolExecutor(9) as pool:
            restart = pool.submit(server.restart)
            written = set.union(*pool.map(write, range(8)))
            restart.result()
        found = {customer for batch in storage.stream() for customer in batch}
        assert written <= found


def test_list_goes_on_after_a_restart(
    environ_of_failing_storage: dict[str, str], server: DatabaseServer, open_at: Open
) -> None:
    storage = open_at(environ_of_failing_storage)
    stored = [Customer(f"{number:06}", "Ada", "Lovelace") for number in range(2500)]
    storage.set_many(stored)
    batches = storage.stream()
    found = next(batches)
    server.restart()
    for batch in batches:
        found += batch
    assert found == stored


def test_connection_that_was_closed_while_it_was_idle_costs_no_retry(
    environ_of_failing_storage: dict[str, str],
    server: DatabaseServer,
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


@pytest.mark.skipif(sys.platform == "win32", reason="there is no server for Windows")
def test_request_to_a_server_that_hangs_is_answered_by_another_connection(
    start: Start, open_at: Open
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


def test_write_that_a_replica_refuses_is_sent_to_the_new_primary(
    start: Start, open_at: Open
) -> None:
    environ = {"DATABASE_URL": migrate(start("postgresql").create_database("replica"))}
    storage = open_at(environ)
    refusing = "ALTER ROLE service IN DATABASE replica {} default_transaction_read_only"
    with connect(environ) as connection:
        connection.execute(text(refusing.format("SET") + " = on"))
        connection.commit()
        assert storage.get("1") is None  # by a connection that stays like that
        connection.execute(text(refusing.format("RESET")))
        connection.commit()
    storage.set(ADA)
    assert storage.get("1") == ADA


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
