"""Statements: what locks, lost answers and many customers do to requests."""

import time
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from sqlalchemy import Connection, event, make_url, text
from sqlalchemy.exc import OperationalError

from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.storage import StorageUnavailableError
from {{ cookiecutter.package_name }}.storage.sql import SqlStorage

from .backend import Open, Start, connect

ADA = Customer("1", "Ada", "Lovelace")
SECONDS = 20.0


def test_write_that_another_transaction_holds_up_is_done_when_that_ends(
    environ: dict[str, str], storage: SqlStorage
) -> None:
    storage.set(ADA)
    other = Customer("1", "Augusta", "King")
    with connect(environ) as connection:
        connection.execute(text("UPDATE customers SET last_name = 'Byron'"))
        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(storage.set, other)
            wait([writing], 0.05)  # a moment, in which it should not end
            assert not writing.done()
            connection.commit()
            writing.result()
    assert storage.get("1") == other


def test_write_that_is_held_up_for_too_long_is_an_error_that_says_so(
    environ: dict[str, str], open_storage: Open
) -> None:
    storage = open_storage(RETRY_DEADLINE_SECONDS="1")
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
    storage = open_at(environ, DATABASE_POOL_SIZE="1", RETRY_DEADLINE_SECONDS="1")
    storage.set(ADA)
    with (
        storage.database.engine.connect(),
        pytest.raises(StorageUnavailableError, match="all connections of DATABASE_POOL_SIZE"),
    ):
        storage.get("1")
    assert storage.get("1") == ADA


def test_statement_of_a_request_is_ended_by_the_server(start: Start, open_at: Open) -> None:
    url = start("postgresql").create_database("customers")
    storage = open_at({"DATABASE_URL": url}, RETRY_DEADLINE_SECONDS="1")
    began = time.monotonic()
    with pytest.raises(StorageUnavailableError, match=r"^the database has not answered in time$"):
        storage.database.rows(text("SELECT pg_sleep(30)"))
    assert time.monotonic() - began < SECONDS


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
    storage.set_many(Customer(f"{number:06}", "Ada", "Lovelace") for number in range(5000))
    with connect(environ) as connection:
        connection.execute(text(analyze))
        plan = str(connection.execute(text(f"{explain} {page}")).all())
    assert by_index in plan
    assert "sort" not in plan.lower()
