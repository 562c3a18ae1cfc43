"""Customers in Redis or Valkey, found through Sentinel, which outlive the loss of a server."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any, ParamSpec, Self, TypeVar, cast

import msgspec
from flask import Flask
from redis.client import Pipeline, Redis
from redis.exceptions import RedisError

from ..config import Environment
from ..customers import Customer
from ..retry import RetryPolicy
from . import CustomerStorage, Page, Report, StorageUnavailableError, in_batches
from .redis_check import check_cluster
from .redis_errors import TooFewReplicasError, is_transient, reason
from .redis_failover import failover_command
from .redis_listing import BATCH, Listing
from .redis_master import MasterPool
from .redis_move import move_keys_command
from .redis_records import Records
from .redis_settings import RedisSettings

# A failover takes some two seconds: pausing longer between two looks only makes it longer.
MAX_BACKOFF_SECONDS = 0.25

P = ParamSpec("P")
T = TypeVar("T")


class RedisSentinelStorage(CustomerStorage):
    """Keeps each customer as the JSON text at a key: the prefix, followed by the ID.

    Reads and writes go to the master. A write is acknowledged when the replicas that
    REDIS_WAIT_REPLICAS asks for hold it. Keys that hold something else are left alone.

    Attributes:
        master: A client of the master, whichever server that is.
    """

    def __init__(self, settings: RedisSettings, retry: RetryPolicy) -> None:
        """Use the cluster that the settings describe. Connects to nothing yet."""
        self._settings = settings
        self._retry = replace(retry, max_backoff=min(retry.max_backoff, MAX_BACKOFF_SECONDS))
        self._pool = MasterPool(settings)
        self.master = Redis.from_pool(self._pool)
        self._read_with(Records(self.master, settings))

    def _read_with(self, records: Records) -> None:
        self._records = records
        self._listing = Listing(self.redis_command, records)

    @classmethod
    def from_environment(cls, environment: Environment, retry: RetryPolicy) -> Self:
        """Use the cluster that the variables REDIS_… describe."""
        settings = RedisSettings.from_environment(environment)
        if settings.other_key_prefix is not None:
            from .redis_two_prefixes import RedisTwoPrefixStorage

            return cast(Self, RedisTwoPrefixStorage(settings, retry))
        return cls(settings, retry)

    def init_app(self, app: Flask) -> None:
        """Add `flask storage failover` and `flask storage move-keys`."""
        storage: Any = app.cli.commands["storage"]
        storage.add_command(failover_command(self._settings))
        storage.add_command(move_keys_command)

    def redis_command(self, command: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `command`, and again after each error that passes by itself, such as a failover.

        It must finish what it does: a generator would fail later, outside of the retries.

        Raises:
            StorageUnavailableError: It failed until the deadline, or for a reason that will stay.
        """

        def attempt() -> T:
            self._pool.confirm_master()
            try:
                return command(*args, **kwargs)
            except RedisError as error:
                if is_transient(error):
                    # The next attempt opens a new connection, for which it asks the sentinels.
                    self._pool.disconnect(inuse_connections=False)
                raise

        try:
            return self._retry.call(attempt, is_transient)
        except RedisError as error:
            raise StorageUnavailableError(reason(error)) from error

    def write(self, queue_writes: Callable[[Pipeline], object]) -> list[Any]:
        """Send what `queue_writes` puts into a pipeline, until enough replicas hold it.

        It may be sent more than once, so it must say what is to be there, not how that changes.

        Returns:
            The answers at the last attempt.

        Raises:
            StorageUnavailableError: As above; the writes may have been kept or not.
        """
        return self._until_kept(partial(self._acknowledged, queue_writes))

    @property
    def place(self) -> str:
        """The sentinels, the master's name, the keyspace and the prefix."""
        return self._settings.place

    def get(self, customer_id: str) -> Customer | None:
        """One customer, or None if there is no such ID."""
        return self.redis_command(self._records.get, customer_id)

    def get_many(self, customer_ids: Sequence[str]) -> list[Customer]:
        """Those of some customers who are there."""
        found = []
        for ids in in_batches(customer_ids, BATCH):
            found += self.redis_command(self._records.read, ids)
        return found

    def set_many(self, customers: Iterable[Customer]) -> None:
        """Add customers, replacing those with the same IDs, up to 1,000 at a time."""
        for batch in in_batches(customers, BATCH):
            # With GET, SET refuses to replace what is no text (https://redis.io/commands/set).
            self.write(partial(self._queue, batch, get=True))

    def add_many(self, customers: Sequence[Customer]) -> list[Customer]:
        """Add those customers whose IDs are not there; those who are there and differ from them.

        What holds no customer does not count as there: `set_many` says what becomes of it.
        """
        in_the_way = []
        for batch in in_batches(customers, BATCH):
            answers = self.write(partial(self._queue, batch, nx=True))
            added = zip(batch, answers, strict=False)  # there may be one more answer
            in_the_way += self._others([customer for customer, done in added if not done])
        return in_the_way

    def _queue(self, customers: Iterable[Customer], pipeline: Pipeline, **options: Any) -> None:
        for customer in customers:
            key = self._settings.key_of(customer.customer_id)
            pipeline.set(key, msgspec.json.encode(customer), **options)

    def _others(self, customers: Sequence[Customer]) -> list[Customer]:
        """Who is there and differs from some customers who were not added, as their keys exist."""
        there = {c.customer_id: c for c in self.get_many([c.customer_id for c in customers])}
        self.set_many([customer for customer in customers if customer.customer_id not in there])
        return [there[c.customer_id] for c in customers if there.get(c.customer_id, c) != c]

    def delete_many(self, customer_ids: Sequence[str]) -> int:
        """Delete customers; how many of them were there. No key that holds something else is."""
        return sum(self._delete(batch) for batch in in_batches(customer_ids, BATCH))

    def _delete(self, customer_ids: Sequence[str]) -> int:
        there = self.redis_command(self._records.read, customer_ids)
        keys = [self._settings.key_of(customer.customer_id) for customer in there]

        def delete(again: bool) -> int:
            deleted, *_ = self._acknowledged(lambda pipeline: pipeline.delete(*keys), again)
            # An attempt without an answer may have deleted them already.
            return len(keys) if again else int(deleted)

        return self._until_kept(delete) if keys else 0

    def stream(self) -> Iterator[list[Customer]]:
        """Every customer, in no order."""
        return self._listing.stream()

    def page(self, limit: int, cursor: str | None) -> Page:
        """At most `limit` customers, in the order of SCAN."""
        return self._listing.page(limit, cursor)

    def estimated_size(self) -> int:
        """How many keys there are, customers or not."""
        size: Any = self.redis_command(self.master.dbsize)
        return int(size)

    def check(self) -> Report:
        """What the sentinels say, and how the master and its replicas are."""
        return check_cluster(self._settings)

    def close(self) -> None:
        """Close all connections."""
        self.master.close()
        self._pool.sentinels.close()

    def _until_kept(self, send: Callable[[bool], T]) -> T:
        """Call `send` until it succeeds; it is told whether it was called before."""
        tries = count()
        try:
            return self.redis_command(lambda: send(next(tries) > 0))
        except StorageUnavailableError as error:
            if isinstance(error.__cause__, Exception) and is_transient(error.__cause__):
                raise StorageUnavailableError(
                    f"{error}; the write may or may not have been kept"
                ) from error
            raise

    def _acknowledged(self, queue_writes: Callable[[Pipeline], object], again: bool) -> list[Any]:
        """Send writes once, and give their answers if enough replicas hold them.

        WAIT speaks of the writes of its own connection (https://redis.io/commands/wait).
        """
        replicas = self._settings.wait_replicas
        with self.master.pipeline(transaction=False) as pipeline:
            queue_writes(pipeline)
            if not again and not len(pipeline):
                return []
            if again:
                # What an attempt without an answer has done already is no write now, and WAIT would
                # not wait for it; but it does for this one, at a key that no customer can have.
                pipeline.set(self._settings.key_of("/"), "", px=1)
            if replicas:
                pipeline.wait(replicas, self._settings.wait_ms)
            answers: list[Any] = pipeline.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        if replicas and answers.pop() < replicas:
            raise TooFewReplicasError
        return answers
