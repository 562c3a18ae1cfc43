"""Customers in a SQL database: SQLite, PostgreSQL, MySQL or MariaDB."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ParamSpec, Self, TypeVar

from flask import Flask
from msgspec.structs import asdict
from sqlalchemy import Connection, bindparam, delete, func, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from .. import db_utils
from ..config import Environment
from ..customers import Customer
from ..models import Base, CustomerRow
from ..retry import RetryPolicy
from . import Report, StorageUnavailableError, in_batches
from .in_order import BATCH, OrderedStorage
from .sql_errors import is_read_only, is_transient, reason
from .sql_settings import SqlSettings

# A restart takes about a second: pausing longer between two attempts only makes it longer.
MAX_BACKOFF_SECONDS = 0.25

customer_key = CustomerRow.customer_id
_CUSTOMER = select(*(getattr(CustomerRow, name) for name in Customer.__struct_fields__))
# Made once, so that it is not compared by its parts with what was compiled before.
_ONE_CUSTOMER = _CUSTOMER.where(customer_key == bindparam("customer_id"))

P = ParamSpec("P")
T = TypeVar("T")


class SqlStorage(OrderedStorage):
    """Keeps each customer as a row of a table.

    A read or write that fails for a reason that passes by itself is done again: a write says what
    a customer is, not how it changes, so to do it twice does no harm.
    """

    def __init__(self, settings: SqlSettings, retry: RetryPolicy) -> None:
        """Use the database that the settings describe. Connects to nothing yet."""
        self._settings = settings
        self._retry = replace(retry, max_backoff=min(retry.max_backoff, MAX_BACKOFF_SECONDS))
        self._engine = settings.service_engine()
        self._insert, self._upsert = self.statements(CustomerRow)

    @classmethod
    def from_environment(cls, environment: Environment, retry: RetryPolicy) -> Self:
        """Use the database that DATABASE_URL names."""
        return cls(SqlSettings.from_environment(environment, retry), retry)

    def init_app(self, app: Flask) -> None:
        """Add the tables' sessions, and `flask db`."""
        db_utils.register(app, self._settings)

    def sql_command(self, command: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `command`, and again after each error that passes by itself, such as a restart.

        It must finish what it does: a generator would fail later, outside of the retries.

        Raises:
            StorageUnavailableError: It failed until the deadline, or for a reason that will stay.
        """

        def attempt() -> T:
            try:
                return command(*args, **kwargs)
            except DBAPIError as error:
                if is_read_only(error):
                    self._engine.dispose()  # the next attempt connects anew, to the new primary
                raise

        try:
            return self._retry.call(attempt, is_transient)
        except SQLAlchemyError as error:
            raise StorageUnavailableError(reason(error)) from error

    @property
    def place(self) -> str:
        """The database's address."""
        return self._settings.place

    def rows(self, query: Any) -> Sequence[Any]:
        """The rows that a query finds."""
        return self.sql_command(self._rows, query)

    def execute(self, statement: Any, values: Mapping[str, object]) -> None:
        """Run a statement that does the same when it is run twice."""
        self.sql_command(self._execute, statement, values)

    def statements(self, row: type[Base]) -> tuple[Any, Any]:
        """What adds a row whose key is not there, and what also replaces one that is there."""
        table: Any = row.__table__
        keys = list(table.primary_key)
        others = [column.name for column in table.columns if not column.primary_key]
        # Only the database's own dialect is imported: a cold start does not need the others.
        dialect = self._engine.dialect.name
        if dialect in ("mysql", "mariadb"):
            from sqlalchemy.dialects import mysql

            insert = mysql.insert(table)
            return (
                # Not INSERT IGNORE, which would also ignore other mistakes.
                insert.on_duplicate_key_update({key.name: key for key in keys}),
                insert.on_duplicate_key_update({name: insert.inserted[name] for name in others}),
            )
        other: Any
        if dialect == "postgresql":
            from sqlalchemy.dialects import postgresql

            other = postgresql.insert(table)
        else:
            from sqlalchemy.dialects import sqlite

            other = sqlite.insert(table)
        return (
            other.on_conflict_do_nothing(index_elements=keys),
            other.on_conflict_do_update(
                index_elements=keys, set_={name: other.excluded[name] for name in others}
            ),
        )

    def get(self, customer_id: str) -> Customer | None:
        """One customer, or None if there is no such ID."""
        found = self.sql_command(self._read, _ONE_CUSTOMER, {"customer_id": customer_id})
        return found[0] if found else None

    def get_many(self, customer_ids: Sequence[str]) -> list[Customer]:
        """Those of some customers who are there."""
        found = []
        for ids in in_batches(customer_ids, BATCH):
            found += self.sql_command(self._read, _CUSTOMER.where(customer_key.in_(ids)))
        return found

    def set(self, customer: Customer) -> None:
        """Add a customer, or replace the one with the same ID."""
        self.execute(self._upsert, asdict(customer))

    def set_many(self, customers: Iterable[Customer]) -> None:
        """Add customers, replacing those with the same IDs, up to 1,000 at a time."""
        for batch in in_batches(customers, BATCH):
            self.sql_command(self._write_batch, self._upsert, batch)

    def add_many(self, customers: Sequence[Customer]) -> list[Customer]:
        """Add those customers whose IDs are not there; those who are there and differ from them."""
        in_the_way: list[Customer] = []
        for batch in in_batches(customers, BATCH):
            added = self.sql_command(self._write_batch, self._insert, batch)
            # MySQL and MariaDB count a row that is there as if it was added.
            if added < len(batch) or self._engine.dialect.name in ("mysql", "mariadb"):
                there = self.get_many([customer.customer_id for customer in batch])
                in_the_way += set(there) - set(batch)
        return in_the_way

    def delete_many(self, customer_ids: Sequence[str]) -> int:
        """Delete customers; how many of them were there."""
        return sum(self._delete_batch(batch) for batch in in_batches(customer_ids, BATCH))

    def after(self, customer_id: str, count: int) -> list[Customer]:
        """The first customers behind an ID, in the order of their IDs."""
        following = _CUSTOMER.where(customer_key > customer_id).order_by(customer_key)
        return self.sql_command(self._read, following.limit(count))

    def estimated_size(self) -> int:
        """How many customers there are."""
        with_count = select(func.count()).select_from(CustomerRow)
        size: int = self.rows(with_count)[0][0]
        return size

    def check(self) -> Report:
        """Which database it is, and its schema's revision."""
        try:
            with self._engine.connect() as connection:
                state = db_utils.schema_state(connection)
                if state.is_pending:
                    raise StorageUnavailableError(
                        f"the schema is at revision {state.current}, and the code needs "
                        f"{state.head}: run `flask db upgrade`"
                    )
                # No ID is empty: it deletes nothing, and shows whether the table may be written to.
                connection.execute(delete(CustomerRow).where(customer_key == ""))
                server = _server(connection)
        except SQLAlchemyError as error:
            raise StorageUnavailableError(reason(error)) from error
        warnings = []
        if not state.is_known:
            warnings.append(f"the code does not know revision {state.current}: it is older")
        return Report(
            {"storage": server, "database": self.place, "revision": state.current},
            warnings,
        )

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _read(self, query: Any, values: Mapping[str, object] = {}) -> list[Customer]:
        return [Customer(*row) for row in self._rows(query, values)]

    def _rows(self, query: Any, values: Mapping[str, object] = {}) -> Sequence[Any]:
        with self._engine.connect() as connection:
            return connection.execute(query, values).fetchall()

    def _execute(self, statement: Any, values: Mapping[str, object]) -> None:
        with self._engine.connect() as connection:
            connection.execute(statement, values)

    def _write_batch(self, statement: Any, customers: Iterable[Customer]) -> int:
        """Write customers; how many rows were added, or changed."""
        latest = {customer.customer_id: asdict(customer) for customer in customers}
        with self._transaction() as connection:
            # In one order, so that two such writes do not wait for each other.
            return connection.execute(statement, [latest[key] for key in sorted(latest)]).rowcount

    def _delete_batch(self, customer_ids: list[str]) -> int:
        found = 0

        def delete_rows() -> None:
            nonlocal found
            with self._transaction() as connection:
                # Noted before the commit: if that gets no answer, the next attempt finds no row.
                statement = delete(CustomerRow).where(customer_key.in_(sorted(customer_ids)))
                found = max(found, connection.execute(statement).rowcount)

        self.sql_command(delete_rows)
        return found

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            yield connection
            connection.exec_driver_sql("COMMIT")
        # If anything failed, the pool has rolled back.


def _server(connection: Connection) -> str:
    name = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mysql": "MySQL", "mariadb": "MariaDB"}
    version = connection.dialect.server_version_info or ()
    numbers = [str(part) for part in version if isinstance(part, int)]
    return f"{name[connection.dialect.name]} {'.'.join(numbers)}"
