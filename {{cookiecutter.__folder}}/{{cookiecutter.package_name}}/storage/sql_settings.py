"""DATABASE_URL and the variables beside it, read and checked."""

import inspect
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError

from ..config import ConfigError, Environment
from ..retry import RetryPolicy

DEFAULT_PATH = Path(__file__).parents[2] / "customers.db"

_FORM = (
    "DATABASE_URL must be sqlite:////path/to/file, "
    "postgresql+psycopg://user:password@host/database or "
    "mysql+pymysql://user:password@host/database"
)
_UNKNOWN_OPTION = "an option behind the ? is not known"
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

    @classmethod
    def from_environment(cls, environment: Environment, retry: RetryPolicy) -> Self:
        """Read the variables. No wait is longer than half of the retry policy's deadline.

        Raises:
            ConfigError: One is malformed, or the database's driver is not installed.
        """
        pool_size = environment.count("DATABASE_POOL_SIZE", 5)
        if not 1 <= pool_size <= 1000:
            raise ConfigError("DATABASE_POOL_SIZE must be a whole number from 1 to 1000")
        return cls(
            url=_checked_url(environment.text("DATABASE_URL", f"sqlite:///{DEFAULT_PATH}")),
            pool_size=pool_size,
            wait_seconds=min(5.0, retry.deadline / 2),
            lock_seconds=environment.seconds("MIGRATION_LOCK_SECONDS", 60),
        )

    @property
    def place(self) -> str:
        """The host and database, or the file: what may be told of the address."""
        if self.url.get_backend_name() == "sqlite":
            return str(Path(self.url.database or "").resolve())
        port = f":{self.url.port}" if self.url.port else ""
        return f"{self.url.host or 'localhost'}{port}/{self.url.database}"


def _checked_url(text: str) -> URL:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ConfigError(_FORM) from None
    if problem := _problem(url):
        raise ConfigError(f"{_FORM}; {problem}")
    url = url.set(drivername=_DRIVERS[url.get_backend_name()])
    try:
        _check_options(create_engine(url))
    except ImportError:
        package = url.drivername.partition("+")[2].replace("psycopg", "psycopg[binary]")
        raise ConfigError(
            f"DATABASE_URL must name a database whose driver is installed: uv add '{package}'"
        ) from None
    except (ArgumentError, TypeError, ValueError):
        raise ConfigError(f"{_FORM}; {_UNKNOWN_OPTION}") from None
    return url


def _problem(url: URL) -> str:
    """What is wrong with an address that has the form; the empty string if nothing is."""
    kind = url.get_backend_name()
    if kind not in _DRIVERS or url.drivername not in (kind, _DRIVERS[kind]):
        return "this service knows no other databases and drivers"
    if not url.database:
        return "the name of the database is missing"
    if url.port is not None and not 1 <= url.port <= 65535:
        return "the port is not from 1 to 65535"
    if kind == "sqlite":
        if url.host or url.database == ":memory:":
            return "for a file in this folder it is sqlite:///file"
        return _UNKNOWN_OPTION if url.query else ""
    if "@" in f"{url.host}{url.database}":
        # It is a part of the password, and the host and the database's name are shown.
        return "an @ in the password is written as %40"
    if _DRIVERS[kind].endswith("+pymysql") and not _LATIN_1.fullmatch(url.password or ""):
        return "the driver takes no such characters in a password"
    return ""


def _check_options(engine: Engine) -> None:
    """Refuse options that the driver would refuse later.

    Raises:
        TypeError: The driver does not know one, or
        ValueError: PostgreSQL's library does not.
    """
    _, options = engine.dialect.create_connect_args(engine.url)
    driver: Any = engine.dialect.loaded_dbapi
    match engine.url.get_backend_name():
        case "postgresql":
            from psycopg.conninfo import make_conninfo

            names = inspect.signature(driver.Connection.connect).parameters
            try:
                make_conninfo(**{k: v for k, v in options.items() if k not in names})
            except driver.ProgrammingError as error:
                raise ValueError from error
        case "mysql" | "mariadb":
            inspect.signature(driver.Connection).bind_partial(**options)
