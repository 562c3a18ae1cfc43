"""One migration at a time, whichever process or host it runs in."""

import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, TextClause, text

from .retry import RetryPolicy
from .storage.sql_engine import process_name

if TYPE_CHECKING:
    from filelock import BaseFileLock

log = logging.getLogger(__name__)

_POSTGRESQL_TAKE = text("SELECT pg_try_advisory_lock(:key)")
# Who holds an advisory lock of one 64-bit key
# (https://www.postgresql.org/docs/current/view-pg-locks.html).
_POSTGRESQL_HOLDER = text("""
    SELECT concat_ws(', ', 'backend ' || pid, nullif(application_name, ''), client_addr)
    FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND datname = current_database()
      AND (classid::bigint << 32) | objid::bigint = :key
""")
_MYSQL_TAKE = text("SELECT GET_LOCK(:key, 0)")
_MYSQL_HOLDER = text("""
    SELECT concat('connection ', id, ', ', user, ', ', host)
    FROM information_schema.processlist WHERE id = IS_USED_LOCK(:key)
""")


class LockTakenError(Exception):
    """Another process migrates. The message says which."""


@contextmanager
def migration_lock(connection: Connection, seconds: float) -> Iterator[None]:
    """Hold the lock inside the `with`.

    PostgreSQL, MySQL and MariaDB give it to the connection, and take it back when that ends,
    whatever ends it; so the connection must not be one that goes back to a pool. For SQLite it is
    a lock on a file beside the database.

    Args:
        connection: The connection that migrates. It must not be in a transaction.
        seconds: How long to wait.

    Raises:
        LockTakenError: Another process still has it after that time.
    """
    with ExitStack() as stack:
        match connection.dialect.name:
            case "sqlite":
                from filelock import FileLock  # only migrations need it

                file = FileLock(f"{connection.engine.url.database}.migration.lock")
                stack.callback(file.release)
                take = partial(_take_file, file)
            case "postgresql":
                # Not pg_advisory_lock: a statement that waits has a snapshot, for which a CREATE
                # INDEX CONCURRENTLY of the migration would wait in turn.
                key = int.from_bytes(_digest("migrations")[:4])
                take = partial(_take, connection, _POSTGRESQL_TAKE, _POSTGRESQL_HOLDER, key)
            case _:
                # A name of at most 64 characters that holds for the whole server.
                name = f"migrations-{_digest(str(connection.engine.url.database)).hex()[:32]}"
                take = partial(_take, connection, _MYSQL_TAKE, _MYSQL_HOLDER, name)
        _wait(take, seconds)
        yield


def _digest(name: str) -> bytes:
    return hashlib.sha256(f"{__package__} {name}".encode()).digest()


def _wait(take: Callable[[], str | None], seconds: float) -> None:
    told: set[str] = set()

    def attempt() -> None:
        holder = take()
        if holder is None:
            return
        if holder not in told:
            told.add(holder)
            log.info("waiting for the migration of %s", holder)
        raise LockTakenError(f"another migration goes on, that of {holder}: try again later")

    policy = RetryPolicy(deadline=seconds, backoff=0.05, max_backoff=0.25, log_level=logging.DEBUG)
    policy.call(attempt, lambda error: isinstance(error, LockTakenError))


def _take(
    connection: Connection, take: TextClause, find_holder: TextClause, key: int | str
) -> str | None:
    """Try to take the server's lock; who holds it, if that is another one."""
    try:
        if connection.scalar(take, {"key": key}):
            return None
        return connection.scalar(find_holder, {"key": key}) or "another process"
    finally:
        connection.rollback()  # neither lock belongs to a transaction


def _take_file(lock: "BaseFileLock") -> str | None:
    """Try to take the lock of a file; who holds it, if that is another one."""
    from filelock import Timeout

    path = Path(lock.lock_file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        with suppress(OSError):  # Windows lets nobody read it
            return path.read_text() or "another process"
        return "another process"
    with suppress(OSError):
        path.write_text(process_name())
    return None
