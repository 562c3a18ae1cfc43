"""Writing customers whose keys are being moved from one prefix to another."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import msgspec
from redis.client import Pipeline
from redis.exceptions import WatchError

from ..customers import Customer
from ..retry import RetryPolicy
from . import StorageUnavailableError, in_batches
from .redis_listing import BATCH
from .redis_sentinel import RedisSentinelStorage
from .redis_settings import RedisSettings
from .redis_two_prefix_records import Held, TwoPrefixRecords

# Fewer than a listing reads at once, as the server does all of them before it does anything else.
MOVE_BATCH = 250

Write = tuple[str, tuple[str | bytes, ...]]  # an ID, and a command about it
Plan = Callable[[Sequence[str], Held], Iterable[Write]]


class RedisTwoPrefixStorage(RedisSentinelStorage):
    """Finds each customer at one of two keys: under REDIS_KEY_PREFIX, or under the other one.

    A write goes to the key that holds the customer, and only a new customer to REDIS_KEY_PREFIX; so
    nothing but `move` changes a customer's key, which does it once. That is what makes listings
    complete. What a write reads first, it watches, so it never writes a second key, and never a key
    that something else has taken meanwhile (https://redis.io/docs/interact/transactions).

    Attributes:
        records: What reads both keys.
    """

    def __init__(self, settings: RedisSettings, retry: RetryPolicy) -> None:
        """Use the cluster that the settings describe. Connects to nothing yet."""
        super().__init__(settings, retry)
        self.records = TwoPrefixRecords(self.master, settings)
        self._read_with(self.records)

    def set_many(self, customers: Iterable[Customer]) -> None:
        """Add customers, replacing those with the same IDs, up to 1,000 at a time."""
        for batch in in_batches(customers, BATCH):
            wanted = {customer.customer_id: customer for customer in batch}
            self._change(list(wanted), partial(self._plan_to_set, wanted))

    def _plan_to_set(self, wanted: Held, ids: Sequence[str], held: Held) -> Iterator[Write]:
        for customer_id, place in self._places(ids, held).items():
            # With GET, SET refuses to replace what is no text.
            yield customer_id, ("SET", place, msgspec.json.encode(wanted[customer_id]), "GET")
            for second in self.records.keys_with(customer_id, held)[1:]:
                yield customer_id, ("DEL", second)

    def add_many(self, customers: Sequence[Customer]) -> list[Customer]:
        """Add those customers whose IDs are not there; those who are there and differ from them."""
        wanted = {customer.customer_id: customer for customer in customers}
        for ids in in_batches(wanted, BATCH):
            self._change(ids, partial(self._plan_to_add, wanted))
        return self._others(list(wanted.values()))

    def _plan_to_add(self, wanted: Held, ids: Sequence[str], held: Held) -> Iterator[Write]:
        new = [customer_id for customer_id in ids if not self.records.keys_with(customer_id, held)]
        for customer_id, place in self._places(new, held).items():
            yield customer_id, ("SET", place, msgspec.json.encode(wanted[customer_id]), "NX")

    def _delete(self, customer_ids: Sequence[str]) -> int:
        return self._change(list(dict.fromkeys(customer_ids)), self._plan_to_delete)

    def _plan_to_delete(self, ids: Sequence[str], held: Held) -> Iterator[Write]:
        for customer_id in ids:
            if found := self.records.keys_with(customer_id, held):
                yield customer_id, ("DEL", *found)

    def move(self, customer_ids: Sequence[str]) -> int:
        """Give customers the key under REDIS_KEY_PREFIX, with the time that they have to live.

        If both keys hold the same customer, the other one is deleted. Who differs between them,
        and who finds something else at the new key, stays as they are.

        Returns:
            How many have been moved.
        """
        batches = in_batches(dict.fromkeys(customer_ids), MOVE_BATCH)
        return sum(self._change(ids, self._plan_to_move) for ids in batches)

    def _plan_to_move(self, ids: Sequence[str], held: Held) -> Iterator[Write]:
        for customer_id in ids:
            target, source = self.records.keys(customer_id)
            found = self.records.keys_with(customer_id, held)
            if found == [source]:
                yield customer_id, ("RENAMENX", source, target)
            elif found == [target, source] and held[target] == held[source]:
                yield customer_id, ("DEL", source)

    def _places(self, ids: Iterable[str], held: Held) -> dict[str, str]:
        """The key to write each customer to: theirs, or else a new one.

        With the prefixes "" and "a:", the key "a:1" may hold the customer 1 or the customer a:1.

        Raises:
            StorageUnavailableError: Another customer is at each key that one could have.
        """
        places = {}
        taken = set(held)
        for customer_id in ids:
            free = (key for key in self.records.keys(customer_id) if key not in taken)
            key = next(iter([*self.records.keys_with(customer_id, held), *free]), None)
            if key is None:
                raise StorageUnavailableError("other customers are at both keys of this one")
            places[customer_id] = key
            taken.add(key)
        return places

    def _change(self, ids: Sequence[str], plan: Plan) -> int:
        """Read customers, and send what `plan` makes of them, until enough replicas hold it.

        If another client changes one of them in between, nothing is done, and each half of them is
        tried by itself.

        Returns:
            How many customers have been changed.
        """
        changed: set[str] = set()
        parts = [ids]
        give_up_at = self._retry.give_up_at()

        def send(again: bool) -> None:
            while parts:
                try:
                    self._send_planned(parts[-1], plan, changed, again)
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
        return len(changed)

    def _send_planned(self, ids: Sequence[str], plan: Plan, changed: set[str], again: bool) -> None:
        """Read customers and send what is planned, once.

        Args:
            ids: Whom to read.
            plan: What makes writes of what was read.
            changed: Gets the IDs of those who are changed, also if the answer is lost: then the
                next attempt finds it done, and plans nothing.
            again: Whether there was an attempt before.

        Raises:
            WatchError: One of them was changed in between, and nothing was done.
        """
        planned: list[Write] = []
        before = set(changed)

        def queue_writes(pipeline: Pipeline) -> None:
            keys = [key for customer_id in ids for key in self.records.keys(customer_id)]
            pipeline.watch(*keys)  # type: ignore[no-untyped-call]
            values: Any = pipeline.mget(keys)
            planned.extend(plan(ids, self.records.held_in(dict(zip(keys, values, strict=True)))))
            changed.update(customer_id for customer_id, _ in planned)
            if planned or again:
                pipeline.watching = False  # what follows is sent at once, and EXEC ends the watch
                for command in (("MULTI",), *(command for _, command in planned), ("EXEC",)):
                    pipeline.execute_command(*command)  # type: ignore[no-untyped-call]

        answers = self._acknowledged(queue_writes, again)
        done = answers[len(planned) + 1] if answers else []
        if done is None:
            changed &= before
            raise WatchError
        for (customer_id, _), answer in zip(planned, done, strict=True):
            if isinstance(answer, Exception):
                raise answer
            if answer == 0:  # the new key was taken
                changed.discard(customer_id)
