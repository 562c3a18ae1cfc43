"""Customers in a SQL database: SQLite, PostgreSQL, MySQL or MariaDB."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from flask import Flask
from msgspec.structs import asdict
from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.exc import SQLAlchemyError

from .. import db_utils
from ..config import Environment
from ..customers import Customer
from ..models import CustomerRow
from ..retry import RetryPolicy
from . import Report, StorageUnavailableError, in_batches
from .in_order import BATCH, OrderedStorage
from .sql_database import SqlDatabase
from .sql_errors import reason
from .sql_settings import SqlSettings

_key = CustomerRow.customer_id
_CUSTOMER = select(*(getattr(CustomerRow, name) for name in Customer.__struct_fields__))
# Made once, so that it is not compared by its parts with what was compiled before.
_ONE_CUSTOMER = _CUSTOMER.where(_key == bindparam("customer_id"))


class SqlStorage(OrderedStorage):
    """Keeps each customer as a row of a table.

    A read or write that fails for a reason that passes by itself is done again: a write says what
    a customer is, not how it changes, so to do it twice does no harm.

    Attributes:
        database: The database, which may hold further tables.
    """

    def __init__(self, settings: SqlSettings, retry: RetryPolicy) -> None:
        """Use the database that the settings describe. Connects to nothing yet."""
        self._settings = settings
        self.database = SqlDatabase(settings, retry)
        self._insert, self._upsert = self.database.statements(CustomerRow)

    @classmethod
    def from_environment(cls, environment: Environment, retry: RetryPolicy) -> Self:
        """Use the database that DATABASE_URL names."""
        return cls(SqlSettings.from_environment(environment, retry), retry)

    def init_app(self, app: Flask) -> None:
        """Add `flask db`."""
        db_utils.register(app, self._settings)

    @property
    def place(self) -> str:
        """The database's address."""
        return self._settings.place

    def get(self, customer_id: str) -> Customer | None:
        """One customer, or None if there is no such ID."""
        found = self._customers(_ONE_CUSTOMER, {"customer_id": customer_id})
        return found[0] if found else None

    def get_many(self, customer_ids: Sequence[str]) -> list[Customer]:
        """Those of some customers who are there."""
        found = []
        for ids in in_batches(customer_ids, BATCH):
            found += self._customers(_CUSTOMER.where(_key.in_(ids)))
        return found

    def set(self, customer: Customer) -> None:
        """Add a customer, or replace the one with the same ID."""
        self.database.execute(self._upsert, asdict(customer))

    def set_many(self, customers: Iterable[Customer]) -> None:
        """Add customers, replacing those with the same IDs, up to 1,000 at a time."""
        for batch in in_batches(customers, BATCH):
            self._write(self._upsert, batch)

    def add_many(self, customers: Sequence[Customer]) -> list[Customer]:
        """Add those customers whose IDs are not there; those who are there and differ from them."""
        in_the_way: list[Customer] = []
        for batch in in_batches(customers, BATCH):
            added = self._write(self._insert, batch)
            # MySQL and MariaDB count a row that is there as if it was added.
            if added < len(batch) or self.database.is_mysql:
                there = self.get_many([customer.customer_id for customer in batch])
                in_the_way += set(there) - set(batch)
        return in_the_way

    def delete_many(self, customer_ids: Sequence[str]) -> int:
        """Delete customers; how many of them were there."""
        return sum(self._delete(batch) for batch in in_batches(customer_ids, BATCH))

    def after(self, customer_id: str, count: int) -> list[Customer]:
        """The first customers behind an ID, in the order of their IDs."""
        return self._customers(_CUSTOMER.where(_key > customer_id).order_by(_key).limit(count))

    def estimated_size(self) -> int:
        """How many customers there are."""
        size: int = self.database.rows(select(func.count()).select_from(CustomerRow))[0][0]
        return size

    def check(self) -> Report:
        """Which database it is, and its schema's revision."""
        try:
            with self.database.engine.connect() as connection:
                state = db_utils.schema_state(connection)
                if state.is_pending:
                    raise StorageUnavailableError(
                        f"the schema is at revision {state.current}, and the code needs "
                        f"{state.head}: run `flask db upgrade`"
                    )
                # No ID is empty: it deletes nothing, and shows whether the table may be written to.
                connection.execute(delete(CustomerRow).where(_key == ""))
                dialect = connection.dialect
        except SQLAlchemyError as error:
            raise StorageUnavailableError(reason(error)) from error
        numbers = [str(part) for part in dialect.server_version_info or () if str(part).isdigit()]
        facts = {
            "storage": f"{dialect.name} {'.'.join(numbers)}",
            "database": self.place,
            "revision": state.current,
        }
        if state.is_known:
            return Report(facts)
        return Report(facts, [f"the code does not know revision {state.current}: it is older"])

    def close(self) -> None:
        """Close all connections."""
        self.database.engine.dispose()

    def _customers(self, query: Any, values: Mapping[str, object] = {}) -> list[Customer]:
        return [Customer(*row) for row in self.database.rows(query, values)]

    def _write(self, statement: Any, customers: Iterable[Customer]) -> int:
        """Write customers; how many rows were added, or changed."""
        latest = {customer.customer_id: asdict(customer) for customer in customers}
        # In one order, so that two such writes do not wait for each other.
        rows = [latest[key] for key in sorted(latest)]

        def write() -> int:
            with self.database.transaction() as connection:
                return connection.execute(statement, rows).rowcount

        return self.database.sql_command(write)

    def _delete(self, customer_ids: list[str]) -> int:
        statement = delete(CustomerRow).where(_key.in_(sorted(customer_ids)))
        found = 0

        def delete_rows() -> None:
            nonlocal found
            with self.database.transaction() as connection:
                # Noted before the commit: if that gets no answer, the next attempt finds no row.
                found = max(found, connection.execute(statement).rowcount)

        self.database.sql_command(delete_rows)
        return found
