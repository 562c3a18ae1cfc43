"""Connections that waited in the pool are tried before they are used.

SQLAlchemy's `pool_pre_ping` does so each time, which costs every request an answer of the database.
"""

import time
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError

# A connection that was in use so many seconds ago still works, or else fails its statement, which
# is then run again.
TRUSTED_SECONDS = 1.0

_SINCE = "idle_since"


def try_idle_connections(engine: Engine) -> None:
    """Let an engine exchange connections that were closed while they waited in its pool."""

    def given_back(_: object, record: Any) -> None:
        record.info[_SINCE] = time.monotonic()

    def taken(connection: Any, record: Any, _: object) -> None:
        # What is new does not say since when.
        if time.monotonic() - record.info.get(_SINCE, time.monotonic()) <= TRUSTED_SECONDS:
            return
        driver: Any = engine.dialect.loaded_dbapi
        try:
            engine.dialect.do_ping(connection)
        except driver.Error as error:
            raise InvalidatePoolError from error

    event.listen(engine, "checkin", given_back)
    event.listen(engine, "checkout", taken)
