"""Customers in Redis or Valkey, found through Sentinel, which outlive the loss of a server."""

import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, ParamSpec, Self, TypeVar, cast

import msgspec
from flask import Flask
from redis.client import Pipeline, Redis
from redis.exceptions import RedisError, ResponseError
from redis.sentinel import MasterNotFoundError, Sentinel, SentinelConnectionPool

from ..config import Environment
from ..customers import Customer, check_customer_id
from ..record import MAX_ID_LENGTH, MAY_BREAK_A_RULE, InvalidRecordError
from ..retry import RetryPolicy
from ..spooled_set import SpooledSet
from . import (
    BadCursorError,
    CustomerStorage,
    Page,
    Report,
    StorageUnavailableError,
    in_batches,
)
from .redis_check import check_cluster
from .redis_errors import TooFewReplicasError, is_transient, reason
from .redis_failover import failover_command
from .redis_move import move_keys_command
from .redis_settings import RedisSettings, key_pattern

BATCH = 1000
# A failover takes some two seconds: pausing longer between two looks only makes it longer.
MAX_BACKOFF_SECONDS = 0.25
# How old the sentinels' word on who is the master may be. A master that was cut off or frozen, and
# comes back, goes on answering for up to ten seconds until a sentinel makes it a replica.
CONFIRM_SECONDS = 1.0
MOST_LOGGED_KEYS = 1000

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

_CUSTOMER = msgspec.json.Decoder(Customer)
# IDs of printable ASCII, which keep the rules.
_PLAIN_ID = re.compile(rb"[ -.0-~]{1,%d}" % MAX_ID_LENGTH)


class Position(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How far a listing has come, in one run of one server: another one has another order.

    Attributes:
        run_id: The server's run; empty before the first SCAN.
        scan_cursor: Where SCAN goes on; 0 at both ends of a turn.
        pending: IDs that were found, and did not fit in the page.
        turn: Which of the prefixes is gone through.
    """

    run_id: str = ""
    scan_cursor: int = 0
    pending: tuple[str, ...] = ()
    turn: int = 0

    @property
    def at_end_of_turn(self) -> bool:
        """Whether SCAN has come to its end."""
        return bool(self.run_id) and self.scan_cursor == 0

    def at_end(self, last_turn: int) -> bool:
        """Whether SCAN has come to the end of the last turn."""
        return self.at_end_of_turn and self.turn == last_turn


class _Sentinels(Sentinel):
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


class RedisSentinelStorage(CustomerStorage):
    """Keeps each customer as the JSON text at a key: the prefix, followed by the ID.

    Reads and writes go to the master. A write is acknowledged when the replicas that
    REDIS_WAIT_REPLICAS asks for hold it. Keys that hold something else are left alone.

    Attributes:
        master: A client of the master, whichever server that is.
    """

    # The prefix that each turn of a listing goes through, and which turn is a listing's last.
    _turns: Mapping[int, str]
    _last_turn_of_page = 0
    _last_turn_of_stream = 0

    def __init__(self, settings: RedisSettings, retry: RetryPolicy) -> None:
        """Use the cluster that the settings describe. Connects to nothing yet."""
        self._settings = settings
        self._retry = replace(retry, max_backoff=min(retry.max_backoff, MAX_BACKOFF_SECONDS))
        self._sentinels = _Sentinels(settings)
        # No `retry` here: it would ask the address that just failed again, and not the sentinels.
        self._pool: Any = SentinelConnectionPool(  # type: ignore[no-untyped-call]
            settings.master_name, self._sentinels, **settings.server_options
        )
        self.master = Redis.from_pool(self._pool)
        self._turns = {0: settings.key_prefix}
        self._confirmed_at = 0.0
        self._logged_keys: set[bytes] = set()

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
            self._confirm_master()
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
        return self._until_kept(lambda again: self._acknowledged(queue_writes, again=again))

    @property
    def place(self) -> str:
        """The sentinels, the master's name, the keyspace and the prefix."""
        return self._settings.place

    def get(self, customer_id: str) -> Customer | None:
        """One customer, or None if there is no such ID."""
        return self.redis_command(self._get, customer_id)

    def get_many(self, customer_ids: Sequence[str]) -> list[Customer]:
        """Those of some customers who are there."""
        found = []
        for ids in in_batches(customer_ids, BATCH):
            found += self.redis_command(self._read, ids)
        return found

    def set_many(self, customers: Iterable[Customer]) -> None:
        """Add customers, replacing those with the same IDs, up to 1,000 at a time."""
        for batch in in_batches(customers, BATCH):
            self.write(partial(self._set, batch))

    def add_many(self, customers: Sequence[Customer]) -> list[Customer]:
        """Add those customers whose IDs are not there; those who are there and differ from them.

        What holds no customer does not count as there: `set_many` says what becomes of it.
        """
        in_the_way = []
        for batch in in_batches(customers, BATCH):
            answers = self.write(partial(self._add, batch))
            added = zip(batch, answers, strict=False)  # there may be one more answer
            in_the_way += self._others([customer for customer, done in added if not done])
        return in_the_way

    def _others(self, customers: Sequence[Customer]) -> list[Customer]:
        """Who is there and differs from some customers who were not added, as their keys exist."""
        there = {c.customer_id: c for c in self.get_many([c.customer_id for c in customers])}
        self.set_many([customer for customer in customers if customer.customer_id not in there])
        return [there[c.customer_id] for c in customers if there.get(c.customer_id, c) != c]

    def delete_many(self, customer_ids: Sequence[str]) -> int:
        """Delete customers; how many of them were there. No key that holds something else is."""
        return sum(self._delete(batch) for batch in in_batches(customer_ids, BATCH))

    def stream(self) -> Iterator[list[Customer]]:
        """Every customer, in no order.

        Those who are there all the time come once each, also if the master changes meanwhile. To
        that end the IDs that were seen are remembered, in a temporary file if they are many.
        """
        position = self._start()
        with SpooledSet() as seen:
            while not position.at_end(self._last_turn_of_stream):
                position = self.redis_command(self._scan, position, BATCH)
                fresh = [customer_id for customer_id in position.pending if seen.add(customer_id)]
                for ids in in_batches(fresh, BATCH):
                    if found := self.redis_command(self._listed, ids):
                        yield found

    def page(self, limit: int, cursor: str | None) -> Page:
        """At most `limit` customers, in the order of SCAN.

        A customer may come twice when the master has changed since the page before.
        """
        position = self._start() if cursor is None else _position_of(cursor)
        found: list[Customer] = []
        count = limit
        while True:
            while position.pending and len(found) < limit:
                ids = position.pending
                taken = limit - len(found)
                found += self.redis_command(self._listed, ids[:taken])
                position = msgspec.structs.replace(position, pending=ids[taken:])
            if position.at_end(self._last_turn_of_page) and not position.pending:
                return Page(found, None)
            if len(found) == limit:
                return Page(found, msgspec.json.encode(position).decode())
            position = self.redis_command(self._scan, position, count)
            if not position.pending:  # other keys lie between the customers
                count = min(2 * count, BATCH)

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
        self._sentinels.close()

    def _confirm_master(self) -> None:
        """Ask the sentinels now and then, and drop the connections to an old master."""
        now = time.monotonic()
        if now - self._confirmed_at < CONFIRM_SECONDS:
            return
        self._confirmed_at = now
        with suppress(MasterNotFoundError):  # the sentinels may be down while the master is well
            self._pool.get_master_address()

    def _get(self, customer_id: str) -> Customer | None:
        try:
            value: Any = self.master.get(self._settings.key_of(customer_id))
        except ResponseError as error:
            if not str(error).startswith("WRONGTYPE"):
                raise
            self._log_foreign(self._settings.key_of(customer_id))
            return None
        return None if value is None else self._customer(customer_id, value)

    def _read(self, ids: Iterable[str]) -> list[Customer]:
        """Those of some customers who are there."""
        ids = list(ids)
        values: Any = self.master.mget([self._settings.key_of(customer_id) for customer_id in ids])
        return self._customers(
            {one: text for one, text in zip(ids, values, strict=True) if text is not None}
        )

    def _listed(self, ids: Sequence[str]) -> list[Customer]:
        """Those of some customers, whose keys were just seen, who are there."""
        found = self._read(ids)
        if len(found) < len(ids):
            there = {customer.customer_id for customer in found}
            missing = [self._settings.key_of(one) for one in ids if one not in there]
            with self.master.pipeline(transaction=False) as pipeline:
                for key in missing:
                    pipeline.type(key)
                for key, kind in zip(missing, pipeline.execute(), strict=True):
                    if kind not in (b"none", b"string"):  # else deleted, or set, just now
                        self._log_foreign(key)
        return found

    def _customers(self, texts: Mapping[str, bytes]) -> list[Customer]:
        """The customers that texts describe, but for those texts that are not these customers'."""
        with suppress(msgspec.MsgspecError, UnicodeDecodeError):
            found = list(map(_CUSTOMER.decode, texts.values()))
            is_sound = not MAY_BREAK_A_RULE.search(b"".join(texts.values()))
            if is_sound and [customer.customer_id for customer in found] == list(texts):
                return found
        # What is wrong with one of them is found out one by one, which takes longer.
        each = (self._customer(customer_id, text) for customer_id, text in texts.items())
        return [customer for customer in each if customer]

    def _customer(self, customer_id: str, value: bytes) -> Customer | None:
        """The customer that a text describes, None if it is not that one's."""
        customer = customer_in(value)
        if customer is None or customer.customer_id != customer_id:
            self._log_foreign(self._settings.key_of(customer_id))
            return None
        return customer

    def _set(self, customers: Iterable[Customer], pipeline: Pipeline) -> None:
        for customer in customers:
            # With GET, SET refuses to replace what is no text (https://redis.io/commands/set).
            key = self._settings.key_of(customer.customer_id)
            pipeline.set(key, msgspec.json.encode(customer), get=True)

    def _add(self, customers: Iterable[Customer], pipeline: Pipeline) -> None:
        for customer in customers:
            key = self._settings.key_of(customer.customer_id)
            pipeline.set(key, msgspec.json.encode(customer), nx=True)

    def _delete(self, customer_ids: Iterable[str]) -> int:
        there = self.redis_command(self._read, customer_ids)
        keys = [self._settings.key_of(customer.customer_id) for customer in there]
        tries = 0

        def delete_all(pipeline: Pipeline) -> None:
            nonlocal tries
            tries += 1
            pipeline.delete(*keys)

        if not keys:
            return 0
        deleted: int = self.write(delete_all)[0]
        # An attempt without an answer may have deleted them already.
        return deleted if tries == 1 else len(keys)

    def _until_kept(self, send: Callable[[bool], T]) -> T:
        """Call `send` until it succeeds; it is told whether it was called before."""
        again = False

        def attempt() -> T:
            nonlocal again
            is_first, again = not again, True
            return send(not is_first)

        try:
            return self.redis_command(attempt)
        except StorageUnavailableError as error:
            if isinstance(error.__cause__, Exception) and is_transient(error.__cause__):
                raise StorageUnavailableError(
                    f"{error}; the write may or may not have been kept"
                ) from error
            raise

    def _acknowledged(
        self, queue_writes: Callable[[Pipeline], object], *, again: bool
    ) -> list[Any]:
        """Send writes once, and give their answers if enough replicas hold them.

        WAIT speaks of the writes of its own connection (https://redis.io/commands/wait).
        """
        replicas = self._settings.wait_replicas
        with self.master.pipeline(transaction=False) as pipeline:
            queue_writes(pipeline)
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

    def _start(self) -> Position:
        return Position(turn=min(self._turns))

    def _scan(self, position: Position, count: int) -> Position:
        """Go on with a listing; what was found is `pending`.

        Another server starts it anew, and so does a turn that only another configuration has.
        """
        turn = position.turn + position.at_end_of_turn
        if turn not in self._turns:
            return self._scan(self._start(), count)
        prefix = self._turns[turn]
        run_id, scan_cursor, keys = self._scanned(prefix, position.scan_cursor, count)
        if position.run_id not in ("", run_id):
            return self._scan(self._start(), count)
        return Position(run_id, scan_cursor, tuple(dict.fromkeys(self._ids_in(keys, prefix))), turn)

    def _scanned(self, prefix: str, scan_cursor: int, count: int) -> tuple[str, int, list[bytes]]:
        """The server's run, the next cursor, and keys that begin with a prefix."""
        with self.master.pipeline(transaction=False) as pipeline:
            pipeline.info("server")
            pipeline.scan(scan_cursor, match=key_pattern(prefix), count=count)
            info, (next_cursor, keys) = pipeline.execute()
        return info["run_id"], next_cursor, keys

    def _ids_in(self, keys: Sequence[bytes], prefix: str) -> list[str]:
        """The IDs in customers' keys."""
        return [found for key in keys if (found := self._id_in(key, prefix)) is not None]

    def _id_in(self, key: bytes, prefix: str) -> str | None:
        """The ID in a key, None if it is no customer's key."""
        text = key[len(prefix.encode()) :]
        try:
            return text.decode() if _PLAIN_ID.fullmatch(text) else check_customer_id(text.decode())
        except ValueError:
            self._log_foreign(key)
            return None

    def _log_foreign(self, key: str | bytes) -> None:
        """Log a key that holds no customer, once."""
        key = key.encode() if isinstance(key, str) else key
        if key not in self._logged_keys and len(self._logged_keys) < MOST_LOGGED_KEYS:
            self._logged_keys.add(key)
            log.warning("left alone, as it holds no customer: the key %r", key)


def customer_in(value: bytes) -> Customer | None:
    """The customer that a text describes, None if it is no customer's."""
    try:
        try:
            customer = _CUSTOMER.decode(value)
            if MAY_BREAK_A_RULE.search(value):
                customer.check()
        except (msgspec.MsgspecError, UnicodeDecodeError):
            customer = Customer.from_json(value)  # ignores what else may be in the record
    except InvalidRecordError:
        return None
    return customer


def _position_of(cursor: str) -> Position:
    try:
        position = msgspec.json.decode(cursor, type=Position)
        for customer_id in position.pending:
            check_customer_id(customer_id)
    except (msgspec.MsgspecError, ValueError):
        raise BadCursorError from None
    if not position.run_id or not 0 <= position.scan_cursor < 2**64:
        raise BadCursorError
    return position
