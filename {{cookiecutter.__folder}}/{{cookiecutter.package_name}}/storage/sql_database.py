"""The database: statements, and once more after errors that pass by themselves."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from ..models import Base
from ..retry import RetryPolicy
from . import StorageUnavailableError
from .sql_engine import service_engine
from .sql_errors import is_transient, reason
from .sql_settings import SqlSettings

# A restart takes about a second: pausing longer between two attempts only makes it longer.
MAX_BACKOFF_SECONDS = 0.25

T = TypeVar("T")


class SqlDatabase:
    """Runs statements. Each method raises StorageUnavailableError if the database cannot be used.

    Attributes:
        engine: SQLAlchemy's engine, on which each statement is a transaction of its own.
        is_mysql: Whether it is MySQL or MariaDB.
    """

    def __init__(self, settings: SqlSettings, retry: RetryPolicy) -> None:
        """Use the database that the settings describe. Connects to nothing yet."""
        self.engine = service_engine(settings)
        self.is_mysql = self.engine.dialect.name in ("mysql", "mariadb")
        self._retry = replace(retry, max_backoff=min(retry.max_backoff, MAX_BACKOFF_SECONDS))

    def sql_command(self, command: Callable[[], T]) -> T:
        """Call `command`, and again after each error that passes by itself, such as a restart.

        It must finish what it does: a generator would fail later, outside of the retries.

        Raises:
            StorageUnavailableError: It failed until the deadline, or for a reason that will stay.
        """
        try:
            return self._retry.call(command, is_transient)
        except SQLAlchemyError as error:
            raise StorageUnavailableError(reason(error)) from error

    def rows(self, query: Any, values: Mapping[str, object] = {}) -> Sequence[Any]:
        """The rows that a query finds."""

        def fetch() -> Sequence[Any]:
            with self.engine.connect() as connection:
                return connection.execute(query, values).fetchall()

        return self.sql_command(fetch)

    def execute(self, statement: Any, values: Mapping[str, object]) -> None:
        """Run a statement that does the same when it is run twice."""

        def run() -> None:
            with self.engine.connect() as connection:
                connection.execute(statement, values)

        self.sql_command(run)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection in a transaction, which `sql_command` may have to begin again."""
        with self.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            yield connection
            connection.exec_driver_sql("COMMIT")
        # If anything failed, the pool has rolled back.

    def statements(self, row: type[Base]) -> tuple[Any, Any]:
        """What adds a row whose key is not there, and what also replaces one that is there."""
        table: Any = row.__table__
        keys = list(table.primary_key)
        others = [column.name for column in table.columns if not column.primary_key]
        # Only the database's own dialect is imported: a cold start does not need the others.
        dialect = "mysql" if self.is_mysql else self.engine.dialect.name
        insert: Any = import_module(f"sqlalchemy.dialects.{dialect}").insert(table)
        if self.is_mysql:
            return (
                # Not INSERT IGNORE, which would also ignore other mistakes.
                insert.on_duplicate_key_update({key.name: key for key in keys}),
                insert.on_duplicate_key_update({name: insert.inserted[name] for name in others}),
            )
        return (
            insert.on_conflict_do_nothing(index_elements=keys),
            insert.on_conflict_do_update(
                index_elements=keys, set_={name: insert.excluded[name] for name in others}
            ),
        )
