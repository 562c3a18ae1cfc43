"""SQLAlchemy's engines: one for requests, whose waits end, and one for migrations."""

import os
import socket
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, ExceptionContext, NullPool, create_engine, event

from .sql_errors import is_read_only
from .sql_idle import try_idle_connections
from .sql_settings import SqlSettings
from .unsent import drop_when_closed

# Seconds after which a pooled connection is replaced, before a firewall drops it as idle.
RECYCLE_SECONDS = 300


def service_engine(settings: SqlSettings) -> Engine:
    """An engine for requests, with a pool of connections. Connects to nothing yet.

    Each statement is a transaction of its own, which saves BEGIN and COMMIT where one is all.
    That holds for the whole engine, as to change it for one use of a connection fails
    when the server is restarted meanwhile, and takes the connection's place from the pool.
    """
    engine = create_engine(
        settings.url,
        connect_args=connect_args(settings),
        hide_parameters=True,  # an error shall not hold a customer
        isolation_level="AUTOCOMMIT",
        max_overflow=0,
        pool_recycle=RECYCLE_SECONDS,
        pool_size=settings.pool_size,
        pool_timeout=settings.wait_seconds,
    )
    if settings.url.get_backend_name() != "sqlite":
        event.listen(engine, "connect", _drop_unsent)
    match settings.url.get_backend_name():
        case "sqlite":
            # On the disk before it is acknowledged (https://sqlite.org/pragma.html).
            _run_on_connect(engine, ["PRAGMA synchronous = FULL", "PRAGMA foreign_keys = ON"])
        case "postgresql":
            from .sql_postgresql import limit_waits

            limit_waits(engine, settings.wait_seconds)
            # Not as the connection's `options`: poolers such as PgBouncer refuse those.
            milliseconds = max(1, round(settings.wait_seconds * 1000))
            _run_on_connect(engine, [f"SET statement_timeout = {milliseconds}"])
    event.listen(engine, "handle_error", _leave_replica)
    try_idle_connections(engine)
    return engine


def migration_engine(settings: SqlSettings) -> Engine:
    """An engine for migrations: its statements may take their time, and it keeps nothing."""
    without_timeouts = {
        name: value
        for name, value in connect_args(settings).items()
        if name not in ("read_timeout", "write_timeout")
    }
    engine = create_engine(
        settings.url, connect_args=without_timeouts, hide_parameters=True, poolclass=NullPool
    )
    match settings.url.get_backend_name():
        case "sqlite":
            # Python's sqlite3 alone starts no transaction before a CREATE or ALTER TABLE, so that
            # a migration that is killed would leave half of it.
            event.listen(engine, "connect", _leave_transactions_alone)
            event.listen(
                engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE")
            )
        case "postgresql":
            # A change of the schema that waits holds up all who come after it; and the lock of a
            # process that was killed is free at once.
            milliseconds = round(settings.wait_seconds * 1000)
            _run_on_connect(
                engine,
                [
                    f"SET lock_timeout = {milliseconds}",
                    "SET client_connection_check_interval = 1000",
                ],
            )
    return engine


def use_write_ahead_log(settings: SqlSettings) -> None:
    """Let readers of an SQLite file go on while another one writes; the file keeps that.

    Raises:
        DBAPIError: The file cannot be used, or just now not alone.
    """
    if settings.url.get_backend_name() == "sqlite":
        engine = service_engine(settings)
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        engine.dispose()


def connect_args(settings: SqlSettings) -> dict[str, Any]:
    """The driver's options; what stands in the address itself goes before them."""
    seconds = max(2, round(settings.wait_seconds))  # libpq takes less for 2
    options: dict[str, Any]
    match settings.url.get_backend_name():
        case "sqlite":
            options = {"timeout": settings.wait_seconds}
        case "postgresql":
            options = {
                "application_name": f"{__package__.partition('.')[0]} {process_name()}"[:63],
                "connect_timeout": seconds,
                # A statement that the server has prepared fails for good once a migration changes
                # the type of its result.
                "prepare_threshold": None,
                # A host that is gone is noticed (https://www.postgresql.org/docs/current/libpq-connect.html).
                "keepalives_idle": seconds,
                "keepalives_interval": 1,
                "keepalives_count": 3,
                "tcp_user_timeout": seconds * 1000,
            }
        case _:
            options = dict.fromkeys(("connect_timeout", "read_timeout", "write_timeout"), seconds)
    return {name: value for name, value in options.items() if name not in settings.url.query}


def process_name() -> str:
    """This process, as an operator can find it."""
    return f"process {os.getpid()} on {socket.gethostname()}"


def _leave_replica(context: ExceptionContext) -> None:
    """Count a server that has become a replica as lost: new connections find the new primary."""
    if is_read_only(context.sqlalchemy_exception):
        context.is_disconnect = True


def _drop_unsent(connection: Any, _: object) -> None:
    # Of PyMySQL's connection only the socket has a file descriptor to be asked for.
    drop_when_closed(getattr(connection, "_sock", connection).fileno())


def _leave_transactions_alone(connection: Any, _: object) -> None:
    connection.isolation_level = None


def _run_on_connect(engine: Engine, statements: Sequence[str]) -> None:
    def run(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()
        connection.commit()  # else PostgreSQL takes the setting back

    event.listen(engine, "connect", run)
