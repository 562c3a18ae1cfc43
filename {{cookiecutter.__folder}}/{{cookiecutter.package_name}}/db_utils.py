"""The database's schema: what brings it up to date, and takes it back."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from flask import Flask, current_app
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError
from werkzeug.local import LocalProxy

from .migration_lock import LockTakenError, migration_lock
from .retry import RetryPolicy
from .storage.sql_engine import migration_engine, service_engine, use_write_ahead_log
from .storage.sql_errors import is_transient, reason
from .storage.sql_settings import SqlSettings

# Alembic and Flask-Migrate are imported where they are needed: it takes 0.1 to 0.2 s.
if TYPE_CHECKING:
    from alembic.script import ScriptDirectory

MIGRATIONS = Path(__file__).parents[1] / "migrations"

log = logging.getLogger(__name__)


class MigrationError(RuntimeError):
    """A migration failed. The message is one line that says why."""


class SchemaState(NamedTuple):
    """How a database's schema is, compared with what the code needs.

    Attributes:
        current: The database's revision; `none` if it has none yet.
        head: The revision that the code needs.
        is_known: Whether the code has the database's revision; else the database is ahead of it.
        is_pending: Whether a migration has yet to be run.
    """

    current: str
    head: str
    is_known: bool
    is_pending: bool


def register(app: Flask, settings: SqlSettings) -> None:
    """Add `flask db`."""
    app.extensions["sql_settings"] = settings

    def flask_db() -> Any:
        from flask_migrate import Migrate

        Migrate(directory=str(MIGRATIONS)).init_app(app)  # takes the place of what stands below
        return app.cli.commands["db"]

    command: Any = LocalProxy(flask_db)
    app.cli.add_command(command, "db")
    # Else there are six lines each time.
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)


def alembic_upgrade(app: Flask, revision: str = "head") -> dict[str, str]:
    """Bring the schema up to a revision. One at a time: who comes later waits, and finds it done.

    Args:
        app: The application whose database it is.
        revision: The revision, as `flask db upgrade` takes it.

    Returns:
        The revision that was, as `from`, and that is, as `to`; `none` for an empty database.

    Raises:
        MigrationError: It failed. What the database can undo is undone.
    """
    return _migrate(app, "upgrade", revision)


def alembic_downgrade(app: Flask, revision: str = "-1") -> dict[str, str]:
    """Take the schema back to a revision, by default the one before.

    Args:
        app: The application whose database it is.
        revision: The revision, as `flask db downgrade` takes it.

    Returns:
        The revision that was, as `from`, and that is, as `to`; `none` for an empty database.

    Raises:
        MigrationError: It failed. What the database can undo is undone.
    """
    return _migrate(app, "downgrade", revision)


def alembic_current(app: Flask) -> dict[str, str]:
    """Say how the schema is. Waits for nobody.

    Returns:
        The database's revision, as `current`, and the one that the code needs, as `head`.

    Raises:
        MigrationError: The database cannot be read.
    """
    with app.app_context(), reading_connection() as connection:
        state = schema_state(connection)
    return {"current": state.current, "head": state.head}


def _migrate(app: Flask, command: str, revision: str) -> dict[str, str]:
    import alembic.command
    from alembic.config import Config

    with app.app_context(), migration_connection() as connection:
        config = Config(str(MIGRATIONS / "alembic.ini"))
        config.attributes["connection"] = connection  # for migrations/env.py
        before = _revision(connection)
        getattr(alembic.command, command)(config, revision)
        return {"from": before, "to": _revision(connection)}


@contextmanager
def migration_connection() -> Iterator[Connection]:
    """The current application's database, for a migration: no other one goes on meanwhile.

    Raises:
        MigrationError: It cannot be used, or what was done inside the `with` failed.
    """
    settings: SqlSettings = current_app.extensions["sql_settings"]
    with (
        one_line_errors(),
        migration_engine(settings).connect() as connection,
        migration_lock(connection, settings.lock_seconds),
    ):
        RetryPolicy().call(partial(use_write_ahead_log, settings), is_transient)
        yield connection


@contextmanager
def reading_connection() -> Iterator[Connection]:
    """The current application's database, to look at its schema. Waits for nobody.

    Raises:
        MigrationError: It cannot be used.
    """
    engine = service_engine(current_app.extensions["sql_settings"])
    try:
        with one_line_errors(), engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Raise any error as a MigrationError of one line.

    Some callers take a TypeError, such as a mistake in a revision, for wrong arguments, and call
    the function again.
    """
    from alembic.util import CommandError

    try:
        yield
    except LockTakenError as error:
        raise MigrationError(str(error)) from error
    except CommandError as error:
        told = " ".join(str(error).split())
        if told.startswith("Relative revision"):
            told = f"there are not so many revisions in that direction ({told})"
        elif told.startswith("Can't locate revision"):
            told = f"this code lacks a revision; use the code that has it ({told})"
        raise MigrationError(told) from error
    except DBAPIError as error:
        raise MigrationError(reason(error)) from error
    except OSError as error:  # of the lock's file
        raise MigrationError(f"the database's folder cannot be used: {error.strerror}") from error
    except Exception as error:
        log.exception("the migration failed")
        told = " ".join(str(error).split())
        raise MigrationError(f"the migration failed: {type(error).__name__}: {told}") from error


def schema_state(connection: Connection) -> SchemaState:
    """How the schema of a connection's database is."""
    scripts = _scripts()
    current = _revision(connection)
    head = ", ".join(sorted(scripts.get_heads()))
    known = {script.revision for script in scripts.walk_revisions()}
    is_known = current == "none" or known.issuperset(current.split(", "))
    return SchemaState(current, head, is_known, is_pending=is_known and current != head)


def _revision(connection: Connection) -> str:
    # Not by Alembic's MigrationContext, which logs two lines: /readyz asks often.
    revisions = []
    if inspect(connection).has_table("alembic_version"):
        revisions = list(connection.scalars(text("SELECT version_num FROM alembic_version")))
    connection.rollback()
    return ", ".join(sorted(revisions)) or "none"


@cache
def _scripts() -> "ScriptDirectory":
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(MIGRATIONS))
