"""DATABASE_URL and the variables DATABASE_…, read and checked, and the engines they describe."""

import inspect
import os
import re
import socket
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from sqlalchemy import URL, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from ..config import ConfigError, Environment
from ..retry import RetryPolicy
from .sql_idle import try_idle_connections
from .unsent import drop_when_closed

DEFAULT_PATH = Path(__file__).parents[2] / "customers.db"
# Seconds after which a pooled connection is replaced, before a firewall drops it as idle.
RECYCLE_SECONDS = 300

_FORM = (
    "DATABASE_URL must be sqlite:////path/to/file, "
    "postgresql+psycopg://user:password@host/database or "
    "mysql+pymysql://user:password@host/database"
)
_LATIN_1 = re.compile("[\x00-\xff]*")  # as PyMySQL encodes passwords
_DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}


@dataclass(frozen=True, slots=True)
class SqlSettings:
    """Where the database is, and how it is used.

    Attributes:
        url: The database's address.
        pool_size: How many connections one process may have open.
        wait_seconds: How long one attempt may wait for a connection, and for a statement.
        lock_seconds: How long a migration waits while another one goes on.
    """

    url: URL = field(repr=False)  # its options may hold a password, too
    pool_size: int
    wait_seconds: float
    lock_seconds: float
    _connect_args: Mapping[str, Any] = field(repr=False)

    @classmethod
    def from_environment(cls, environment: Environment, retry: RetryPolicy) -> Self:
        """Read the variables. No wait is longer than half of the retry policy's deadline.

        Raises:
            ConfigError: One is malformed, or the database's driver is not installed.
        """
        pool_size = environment.count("DATABASE_POOL_SIZE", 5)
        if not 1 <= pool_size <= 1000:
            raise ConfigError("DATABASE_POOL_SIZE must be a whole number from 1 to 1000")
        url = _checked_url(environment.text("DATABASE_URL", f"sqlite:///{DEFAULT_PATH}"))
        wait_seconds = min(5.0, retry.deadline / 2)
        settings = cls(
            url=url,
            pool_size=pool_size,
            wait_seconds=wait_seconds,
            lock_seconds=environment.seconds("MIGRATION_LOCK_SECONDS", 60),
            _connect_args=_connect_args(url, wait_seconds),
        )
        try:
            _check_options(settings.service_engine())
        except ImportError:
            package = url.drivername.partition("+")[2].replace("psycopg", "psycopg[binary]")
            raise ConfigError(
                f"DATABASE_URL must name a database whose driver is installed: uv add '{package}'"
            ) from None
        except (ArgumentError, TypeError, ValueError):
            raise ConfigError(f"{_FORM}; an option behind the ? is not known") from None
        return settings

    @property
    def place(self) -> str:
        """The host and database, or the file: what may be told of the address."""
        if self.url.get_backend_name() == "sqlite":
            return str(Path(self.url.database or "").resolve())
        port = f":{self.url.port}" if self.url.port else ""
        return f"{self.url.host or 'localhost'}{port}/{self.url.database}"

    @property
    def engine_options(self) -> dict[str, Any]:
        """SQLAlchemy's options for an engine that serves requests."""
        return {
            "connect_args": dict(self._connect_args),
            "hide_parameters": True,  # an error shall not hold a customer
            "max_overflow": 0,
            "pool_recycle": RECYCLE_SECONDS,
            "pool_size": self.pool_size,
            "pool_timeout": self.wait_seconds,
        }

    def service_engine(self) -> Engine:
        """An engine for requests, with a pool of connections. Connects to nothing yet.

        Each statement is a transaction of its own, which saves BEGIN and COMMIT where one is all.
        That holds for the whole engine, as to change it for one use of a connection fails
        when the server is restarted meanwhile, and takes the connection's place from the pool.
        """
        engine = create_engine(self.url, isolation_level="AUTOCOMMIT", **self.engine_options)
        return self.prepared(engine)

    def prepared(self, engine: Engine) -> Engine:
        """An engine that was made with `engine_options`, after each connection is set up."""
        milliseconds = max(1, round(self.wait_seconds * 1000))
        match self.url.get_backend_name():
            case "sqlite":
                # On the disk before it is acknowledged (https://sqlite.org/pragma.html).
                statements = ["PRAGMA synchronous = FULL", "PRAGMA foreign_keys = ON"]
            case "postgresql":
                from .sql_postgresql import limit_waits

                limit_waits(engine, self.wait_seconds)
                # Not as the connection's `options`: poolers such as PgBouncer refuse those.
                statements = [f"SET statement_timeout = {milliseconds}"]
            case _:
                statements = []  # read_timeout has the same effect, also on a server that hangs
        if not self.url.drivername.startswith("sqlite"):
            event.listen(engine, "connect", _drop_unsent)
        _run_on_connect(engine, statements)
        try_idle_connections(engine)
        return engine

    def migration_engine(self) -> Engine:
        """An engine for migrations: its statements may take their time, and it keeps nothing."""
        without_timeouts = {
            name: value
            for name, value in self._connect_args.items()
            if name not in ("read_timeout", "write_timeout")
        }
        engine = create_engine(
            self.url, connect_args=without_timeouts, hide_parameters=True, poolclass=NullPool
        )
        if self.url.get_backend_name() == "sqlite":
            # Python's sqlite3 alone starts no transaction before a CREATE or ALTER TABLE, so that
            # a migration that is killed would leave half of it.
            event.listen(engine, "connect", _leave_transactions_alone)
            event.listen(
                engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE")
            )
        elif self.url.get_backend_name() == "postgresql":
            # A change of the schema that waits holds up all who come after it; and the lock of a
            # process that was killed is free at once.
            _run_on_connect(
                engine,
                [
                    f"SET lock_timeout = {round(self.wait_seconds * 1000)}",
                    "SET client_connection_check_interval = 1000",
                ],
            )
        return engine

    def use_write_ahead_log(self) -> None:
        """Let readers of an SQLite file go on while another one writes; the file keeps that.

        Raises:
            DBAPIError: The file cannot be used, or just now not alone.
        """
        if self.url.get_backend_name() == "sqlite":
            engine = self.service_engine()
            with engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            engine.dispose()


def _checked_url(text: str) -> URL:
    try:
        url = make_url(text)
        port = url.port
    except (ArgumentError, ValueError):
        raise ConfigError(_FORM) from None
    wanted = _DRIVERS.get(url.get_backend_name())
    if wanted is None or url.drivername not in (wanted, wanted.partition("+")[0], "postgres"):
        raise ConfigError(f"{_FORM}; this service knows no other databases and drivers")
    if not url.database:
        raise ConfigError(f"{_FORM}; the name of the database is missing")
    if port is not None and not 1 <= port <= 65535:
        raise ConfigError(f"{_FORM}; the port is not from 1 to 65535")
    if not wanted.startswith("sqlite") and "@" in f"{url.host}{url.database}":
        # It is a part of the password, and the host and the database's name are shown.
        raise ConfigError(f"{_FORM}; an @ in the password is written as %40")
    if wanted.endswith("+pymysql") and not _LATIN_1.fullmatch(url.password or ""):
        raise ConfigError(f"{_FORM}; the driver takes no such characters in a password")
    if wanted.startswith("sqlite") and (url.host or url.database == ":memory:"):
        raise ConfigError(f"{_FORM}; for a file in this folder it is sqlite:///file")
    if wanted.startswith("sqlite") and url.query:
        raise ConfigError(f"{_FORM}; an option behind the ? is not known")
    return url.set(drivername=wanted)


def _check_options(engine: Engine) -> None:
    """Refuse options that the driver would refuse later.

    Raises:
        ValueError: The driver does not know one.
    """
    _, options = engine.dialect.create_connect_args(engine.url)
    driver: Any = engine.dialect.loaded_dbapi
    match engine.url.get_backend_name():
        case "sqlite":
            pass  # has none
        case "postgresql":
            from psycopg.conninfo import make_conninfo

            names = inspect.signature(driver.Connection.connect).parameters
            try:
                make_conninfo(**{k: v for k, v in options.items() if k not in names})
            except driver.ProgrammingError as error:
                raise ValueError from error
        case _:
            inspect.signature(driver.Connection).bind_partial(**options)


def _connect_args(url: URL, seconds: float) -> dict[str, Any]:
    """The driver's options; what stands in the URL itself goes before them."""
    whole_seconds = max(2, round(seconds))  # libpq takes less for 2
    defaults: dict[str, Any]
    match url.get_backend_name():
        case "sqlite":
            defaults = {"timeout": seconds}
        case "postgresql":
            defaults = {
                "application_name": f"{__package__.partition('.')[0]} {process_name()}"[:63],
                "connect_timeout": whole_seconds,
                # A statement that the server has prepared fails for good once a migration changes
                # the type of its result.
                "prepare_threshold": None,
                # A host that is gone is noticed (https://www.postgresql.org/docs/current/libpq-connect.html).
                "keepalives_idle": whole_seconds,
                "keepalives_interval": 1,
                "keepalives_count": 3,
                "tcp_user_timeout": whole_seconds * 1000,
            }
        case _:
            defaults = {
                "connect_timeout": whole_seconds,
                "read_timeout": whole_seconds,
                "write_timeout": whole_seconds,
            }
    return {name: value for name, value in defaults.items() if name not in url.query}


def process_name() -> str:
    """This process, as an operator can find it."""
    return f"process {os.getpid()} on {socket.gethostname()}"


def _drop_unsent(connection: Any, _: object) -> None:
    # Of PyMySQL's connection only the socket has a file descriptor to be asked for.
    drop_when_closed(getattr(connection, "_sock", connection).fileno())


def _leave_transactions_alone(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None


def _run_on_connect(engine: Engine, statements: list[str]) -> None:
    def run(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()
        connection.commit()  # else PostgreSQL takes the setting back

    if statements:
        event.listen(engine, "connect", run)
