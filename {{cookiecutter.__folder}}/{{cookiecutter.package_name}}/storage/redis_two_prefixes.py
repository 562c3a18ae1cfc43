"""Customers in Redis whose keys are being moved from one prefix to another."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import msgspec
from redis.exceptions import ResponseError, WatchError

from ..customers import Customer
from ..retry import RetryPolicy
from . import StorageUnavailableError, in_batches
from .redis_errors import TooFewReplicasError
from .redis_sentinel import BATCH, Position, RedisSentinelStorage, customer_in
from .redis_settings import RedisSettings

# Fewer than a listing reads at once, as the server does all of them before it does anything else.
MOVE_BATCH = 250

Command = tuple[str | bytes, ...]
Held = Mapping[str, Customer]  # what some keys hold, without those that hold no customer
Commands = dict[str, list[Command]]  # what to send about which ID
Plan = Callable[[Sequence[str], Held], Commands]


class Glimpse(msgspec.Struct, frozen=True):
    """Some keys under the prefix that customers are moved from.

    Attributes:
        position: How far the look at all keys has come.
        is_first: Whether that look begins here, perhaps anew.
        movable: The IDs that have a key there.
        conflicts: Those of them that cannot be moved, as their place is taken.
        foreign: How many of the keys hold no customer.
    """

    position: Position
    is_first: bool
    movable: list[str]
    conflicts: list[str]
    foreign: int


class RedisTwoPrefixStorage(RedisSentinelStorage):
    """Finds each customer at one of two keys: under REDIS_KEY_PREFIX, or under the other one.

    Both keys are read at once. A write goes to the key that holds the customer, and only a new
    customer to REDIS_KEY_PREFIX; so nothing but `move` changes a customer's key, which does it
    once. That is what makes listings complete. They go through the shorter prefix first, as a move
    makes keys longer: who is moved meanwhile is found under the longer one. A stream goes through
    the shorter one once more, and so finds those, too, who are moved the other way.

    What a write reads first, it watches (https://redis.io/docs/interact/transactions), so it never
    writes a second key, and never a key that something else has taken meanwhile.
    """

    _last_turn_of_page = 2
    _last_turn_of_stream = 3

    def __init__(self, settings: RedisSettings, retry: RetryPolicy) -> None:
        """Use the cluster that the settings describe. Connects to nothing yet."""
        super().__init__(settings, retry)
        self._prefixes = new, _ = settings.key_prefixes
        shorter, longer = sorted(self._prefixes, key=lambda prefix: (len(prefix), prefix == new))
        self._turns = {1: shorter, 2: longer, 3: shorter}

    def set_many(self, customers: Iterable[Customer]) -> None:
        """Add customers, replacing those with the same IDs, up to 1,000 at a time."""
        for batch in in_batches(customers, BATCH):
            wanted = {customer.customer_id: customer for customer in batch}

            def plan(ids: Sequence[str], held: Held, wanted: Held = wanted) -> Commands:
                commands: Commands = {}
                for customer_id, place in self._places(ids, held).items():
                    # With GET, SET refuses to replace what is no text.
                    commands[customer_id] = [("SET", place, _text(wanted[customer_id]), "GET")]
                    if len(keys := self._keys_with(customer_id, held)) > 1:
                        commands[customer_id].append(("DEL", keys[1]))
                return commands

            self._change(list(wanted), plan)

    def add_many(self, customers: Sequence[Customer]) -> list[Customer]:
        """Add those customers whose IDs are not there; those who are there and differ from them."""
        wanted = {customer.customer_id: customer for customer in customers}

        def plan(ids: Sequence[str], held: Held) -> Commands:
            new = [customer_id for customer_id in ids if not self._keys_with(customer_id, held)]
            return {
                customer_id: [("SET", place, _text(wanted[customer_id]), "NX")]
                for customer_id, place in self._places(new, held).items()
            }

        for ids in in_batches(wanted, BATCH):
            self._change(ids, plan)
        return self._others(list(wanted.values()))

    def delete_many(self, customer_ids: Sequence[str]) -> int:
        """Delete customers; how many of them were there. No key that holds something else is."""

        def plan(ids: Sequence[str], held: Held) -> Commands:
            keys = {customer_id: self._keys_with(customer_id, held) for customer_id in ids}
            return {customer_id: [("DEL", *found)] for customer_id, found in keys.items() if found}

        ids = dict.fromkeys(customer_ids)
        return sum(len(self._change(batch, plan)) for batch in in_batches(ids, BATCH))

    def move(self, customer_ids: Sequence[str]) -> int:
        """Give customers the key under REDIS_KEY_PREFIX, with the time that they have to live.

        If both keys hold the same customer, the other one is deleted. Who differs between them,
        and who finds something else at the new key, stays as they are.

        Returns:
            How many have been moved.
        """

        def plan(ids: Sequence[str], held: Held) -> Commands:
            commands: Commands = {}
            for customer_id in ids:
                target, source = self._keys(customer_id)
                found = self._keys_with(customer_id, held)
                if found == [source]:
                    commands[customer_id] = [("RENAMENX", source, target)]
                elif found == [target, source] and held[target] == held[source]:
                    commands[customer_id] = [("DEL", source)]
            return commands

        moved = 0
        for ids in in_batches(dict.fromkeys(customer_ids), MOVE_BATCH):
            moved += sum(answer != 0 for answer in self._change(ids, plan).values())
        return moved

    def glimpses(self) -> Iterator[Glimpse]:
        """Look at all keys under the prefix that customers are moved from, some at a time.

        Those that are there all the time are seen at least once. Another server starts it anew.
        """
        position = Position()
        while not position.at_end_of_turn:
            glimpse = self.redis_command(self._glimpse, position)
            yield glimpse
            position = glimpse.position

    def _glimpse(self, position: Position) -> Glimpse:
        new, old = self._prefixes
        run_id, scan_cursor, scanned = self._scanned(old, position.scan_cursor, BATCH)
        if position.run_id not in ("", run_id):
            return self._glimpse(Position())
        sources = _texts(dict.fromkeys(scanned))
        targets = [new + key.removeprefix(old) for key in sources]
        values: Any = self.master.mget([*sources, *targets]) if sources else []
        held = self._held_by([*sources, *targets], values)
        contents = zip(targets, values[len(sources) :], strict=True)
        full = {key for key, value in contents if value is not None}
        found = [(s, t) for s, t in zip(sources, targets, strict=True) if _is(old, s, held)]
        with self.master.pipeline(transaction=False) as pipeline:
            for _, target in found:
                pipeline.type(target)
            kinds = pipeline.execute()
        movable: list[str] = []
        conflicts: list[str] = []
        for (source, target), kind in zip(found, kinds, strict=True):
            is_free = target not in full and kind in (b"none", b"string")  # written just now
            is_same = held.get(target) == held[source]
            (movable if is_free or is_same else conflicts).append(held[source].customer_id)
        ours = {*held, *self._keys("/")}  # with what _send_planned writes for WAIT
        return Glimpse(
            position=Position(run_id, scan_cursor),
            is_first=not position.run_id,
            movable=movable,
            conflicts=conflicts,
            foreign=len(set(scanned)) - sum(key in ours for key in sources),
        )

    def _get(self, customer_id: str) -> Customer | None:
        return next(iter(self._read([customer_id])), None)

    def _read(self, ids: Iterable[str]) -> list[Customer]:
        """Those of some customers who are there."""
        ids = list(ids)
        held = self._held([key for customer_id in ids for key in self._keys(customer_id)])
        found = (self._keys_with(customer_id, held) for customer_id in ids)
        return [held[keys[0]] for keys in found if keys]

    def _ids_in(self, keys: Sequence[bytes], prefix: str) -> list[str]:
        """The IDs in customers' keys.

        A key with the longer prefix may begin with the shorter one, too. What it holds tells.
        """
        _, longer, _ = self._turns.values()
        if prefix != longer and longer.startswith(prefix):
            of_longer = [key for key in _texts(keys) if key.startswith(longer)]
            held = self._held(of_longer)
            others = {k.encode() for k in of_longer if not _is(prefix, k, held)}
            keys = [key for key in keys if key not in others]
        return super()._ids_in(keys, prefix)

    def _log_foreign(self, key: str | bytes) -> None:
        """Log nothing: what is no customer's key under one prefix may be one under the other."""

    def _keys(self, customer_id: str) -> tuple[str, str]:
        new, old = self._prefixes
        return new + customer_id, old + customer_id

    def _held(self, keys: Sequence[str]) -> Held:
        return self._held_by(keys, self.master.mget(keys)) if keys else {}

    def _held_by(self, keys: Sequence[str], values: Any) -> Held:
        """The customers among some keys' values, if the key is one of theirs."""
        held = {}
        for key, value in zip(keys, values, strict=True):
            customer = None if value is None else customer_in(value)
            if customer and key in self._keys(customer.customer_id):
                held[key] = customer
        return held

    def _keys_with(self, customer_id: str, held: Held) -> list[str]:
        """The keys that hold a customer, that under REDIS_KEY_PREFIX first."""
        return [
            key
            for key in self._keys(customer_id)
            if key in held and held[key].customer_id == customer_id
        ]

    def _places(self, ids: Sequence[str], held: Held) -> dict[str, str]:
        """The key to write each customer to: theirs, or else a new one.

        With the prefixes "" and "a:", the key "a:1" may hold the customer 1 or the customer a:1.

        Raises:
            StorageUnavailableError: Another customer is at each key that one could have.
        """
        places = {}
        taken = set(held)
        for customer_id in ids:
            free = (key for key in self._keys(customer_id) if key not in taken)
            key = next(iter([*self._keys_with(customer_id, held), *free]), None)
            if key is None:
                raise StorageUnavailableError("other customers are at both keys of this one")
            places[customer_id] = key
            taken.add(key)
        return places

    def _change(self, ids: Sequence[str], plan: Plan) -> dict[str, Any]:
        """Read customers, and send what `plan` makes of them, until enough replicas hold it.

        If another client changes one of them in between, nothing is done, and each half of them is
        tried by itself.

        Returns:
            The first answer about each ID that was planned for; None if it was lost, and the plan
            had nothing more for that ID afterwards.
        """
        answers: dict[str, Any] = {}
        parts = [ids]
        give_up_at = self._retry.give_up_at()

        def send(again: bool) -> None:
            while parts:
                try:
                    self._send_planned(parts[-1], plan, answers, again=again)
                    parts.pop()
                except WatchError:
                    if self._retry.clock() > give_up_at:
                        raise StorageUnavailableError(
                            "other clients change the same customers all the time"
                        ) from None
                    part = parts.pop()
                    half = (len(part) + 1) // 2
                    parts.extend(one for one in (part[half:], part[:half]) if one)

        self._until_kept(send)
        return answers

    def _send_planned(
        self, ids: Sequence[str], plan: Plan, answers: dict[str, Any], *, again: bool
    ) -> None:
        """Read customers and send what is planned, once.

        Raises:
            WatchError: One of them was changed in between, and nothing was done.
        """
        keys = [key for customer_id in ids for key in self._keys(customer_id)]
        with self._connection() as connection:
            _, values = _exchange(connection, ("WATCH", *keys), ("MGET", *keys))
            commands = plan(ids, self._held_by(keys, values))
            fresh = commands.keys() - answers.keys()
            answers.update(dict.fromkeys(fresh))
            writes = [command for those in commands.values() for command in those]
            if again:  # as in RedisSentinelStorage._acknowledged
                writes.append(("SET", self._settings.key_of("/"), "", "PX", "1"))
            replicas = self._settings.wait_replicas if writes else 0
            wait = ("WAIT", str(replicas), str(self._settings.wait_ms))
            sent = (("MULTI",), *writes, ("EXEC",), *([wait] if replicas else []))
            done, *confirmed = _exchange(connection, *sent)[len(writes) + 1 :]
        if done is None:
            for customer_id in fresh:
                del answers[customer_id]
            raise WatchError
        for answer in done:
            if isinstance(answer, Exception):
                raise answer
        for customer_id, those in commands.items():
            answers[customer_id] = done[0]
            del done[: len(those)]
        if replicas and confirmed[0] < replicas:
            raise TooFewReplicasError

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        """A connection of our own, as WATCH and WAIT speak of what one connection does."""
        connection = self._pool.get_connection()
        try:
            yield connection
        except BaseException:
            connection.disconnect()  # it may watch keys, or be about to answer
            raise
        finally:
            self._pool.release(connection)


def _is(prefix: str, key: str, held: Held) -> bool:
    """Whether a key holds the customer whose ID stands behind the prefix."""
    return key in held and key == prefix + held[key].customer_id


def _exchange(connection: Any, *commands: Command) -> list[Any]:
    """Send commands at once; their answers.

    Raises:
        RedisError: The first one that a command was answered by.
    """
    connection.send_packed_command(connection.pack_commands(commands))
    answers: list[Any] = []
    errors: list[ResponseError] = []
    for _ in commands:
        try:
            answers.append(connection.read_response())
        except ResponseError as error:
            errors.append(error)
    if errors:
        raise errors[0]
    return answers


def _text(customer: Customer) -> bytes:
    return msgspec.json.encode(customer)


def _texts(keys: Iterable[bytes]) -> list[str]:
    """Keys as texts, without those that are none."""
    found = []
    for key in keys:
        with suppress(UnicodeDecodeError):
            found.append(key.decode())
    return found
