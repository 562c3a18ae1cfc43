"""Connections to the master, whichever server the sentinels say that is."""

import threading
import time
from contextlib import suppress

from redis.sentinel import MasterNotFoundError, Sentinel, SentinelConnectionPool

from .redis_settings import RedisSettings

# How old the sentinels' word on who is the master may be. A master that was cut off or frozen, and
# comes back, goes on answering for up to ten seconds until a sentinel makes it a replica.
CONFIRM_SECONDS = 1.0


class MasterPool(SentinelConnectionPool):
    """Connections to the master. Each new one asks the sentinels who that is."""

    def __init__(self, settings: RedisSettings) -> None:
        self.sentinels = Sentinels(settings)
        # No `retry` here: it would ask the address that just failed again, and not the sentinels.
        super().__init__(  # type: ignore[no-untyped-call]
            settings.master_name, self.sentinels, **settings.server_options
        )
        self._confirmed_at = 0.0

    def confirm_master(self) -> None:
        """Ask the sentinels now and then, and drop the connections to an old master."""
        now = time.monotonic()
        if now - self._confirmed_at < CONFIRM_SECONDS:
            return
        self._confirmed_at = now
        with suppress(MasterNotFoundError):  # the sentinels may be down while the master is well
            self.get_master_address()  # type: ignore[no-untyped-call]


class Sentinels(Sentinel):
    """Sentinels that one thread at a time asks; those that wait for it take the same answer.

    Sentinel alone loses sentinels from its list when two threads reorder it at the same time, and
    lets each thread wait for one that hangs.
    """

    def __init__(self, settings: RedisSettings) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            settings.sentinels, sentinel_kwargs=settings.sentinel_options
        )
        self._asking = threading.Lock()
        self._answer: tuple[str, int] | MasterNotFoundError | None = None
        self._answered_at = 0.0

    def discover_master(self, service_name: str) -> tuple[str, int]:
        """The master's address.

        Raises:
            MasterNotFoundError: No sentinel knows a healthy master of that name.
        """
        asked_at = time.monotonic()
        with self._asking:
            if self._answer is None or self._answered_at < asked_at:
                try:
                    self._answer = super().discover_master(service_name)  # type: ignore[no-untyped-call]
                except MasterNotFoundError as error:
                    self._answer = error
                self._answered_at = time.monotonic()
            if isinstance(self._answer, MasterNotFoundError):
                raise MasterNotFoundError(*self._answer.args)
            return self._answer
