"""Connections to PostgreSQL that do not wait for ever.

The server ends a statement that takes too long (statement_timeout), and the system notices a host
that is gone; but a server that hangs on a host which answers would hold a request until it ends.
"""

from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, event

# How much later than the server the client gives up, so that the server says why if it can.
MARGIN_SECONDS = 0.5

T = TypeVar("T")


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection whose statements end, with an error, though the server says nothing."""

    answer_seconds: float | None = None

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Wait for the server; see the method of the base class."""
        try:
            return super().wait(gen, interval, self.answer_seconds if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()  # in the middle of an answer it is of no use any more
            raise


def limit_waits(engine: Engine, seconds: float) -> None:
    """Let an engine's connections wait for an answer no longer than some seconds."""

    def connect(_: object, __: object, arguments: Any, options: Any) -> Connection:
        connection = Connection.connect(*arguments, **options)
        connection.answer_seconds = seconds + MARGIN_SECONDS
        return connection

    event.listen(engine, "do_connect", connect)
