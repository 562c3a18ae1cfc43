"""Which of two keys is a customer's, while keys are being moved from one prefix to another."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from redis.client import Redis

from ..customers import Customer
from .redis_records import Records, customer_in
from .redis_settings import RedisSettings

Values = Mapping[str, bytes | None]  # the text at each of some keys; None where there is none
Held = Mapping[str, Customer]  # what some keys hold, without those that hold no customer


class TwoPrefixRecords(Records):
    """Reads both keys of a customer at once.

    Listings go through the shorter prefix first, as a move makes keys longer: who is moved
    meanwhile is found under the longer one. A stream goes through the shorter one once more, and
    so finds those, too, who are moved the other way.

    Attributes:
        prefixes: REDIS_KEY_PREFIX, and the other one.
    """

    last_turn_of_page = 2

    def __init__(self, master: Redis, settings: RedisSettings) -> None:
        super().__init__(master, settings)
        self.prefixes = new, _ = settings.key_prefixes
        shorter, longer = sorted(self.prefixes, key=lambda prefix: (len(prefix), prefix == new))
        self.turns = {1: shorter, 2: longer, 3: shorter}

    def get(self, customer_id: str) -> Customer | None:
        """One customer, or None if there is no such ID."""
        return next(iter(self.read([customer_id])), None)

    def read(self, ids: Sequence[str]) -> list[Customer]:
        """Those of some customers who are there."""
        held = self._held([key for customer_id in ids for key in self.keys(customer_id)])
        found = (self.keys_with(customer_id, held) for customer_id in ids)
        return [held[keys[0]] for keys in found if keys]

    def ids_in(self, keys: Iterable[bytes], prefix: str) -> list[str]:
        """The IDs in customers' keys, each once.

        A key with the longer prefix may begin with the shorter one, too. What it holds tells.
        """
        _, longer, _ = self.turns.values()
        if prefix != longer and longer.startswith(prefix):
            keys = list(keys)
            of_longer = [key for key in decoded(keys) if key.startswith(longer)]
            held = self._held(of_longer)
            others = {k.encode() for k in of_longer if not is_under(prefix, k, held)}
            keys = [key for key in keys if key not in others]
        return super().ids_in(keys, prefix)

    def keys(self, customer_id: str) -> tuple[str, str]:
        """Both keys that a customer may have, that under REDIS_KEY_PREFIX first."""
        new, old = self.prefixes
        return new + customer_id, old + customer_id

    def values_at(self, keys: Sequence[str]) -> Values:
        """The texts at some keys."""
        values: Any = self._master.mget(keys) if keys else []
        return dict(zip(keys, values, strict=True))

    def held_in(self, values: Values) -> Held:
        """The customers among some keys' values, if the key is one of theirs."""
        held = {}
        for key, value in values.items():
            customer = None if value is None else customer_in(value)
            if customer and key in self.keys(customer.customer_id):
                held[key] = customer
        return held

    def keys_with(self, customer_id: str, held: Held) -> list[str]:
        """The keys that hold a customer, that under REDIS_KEY_PREFIX first."""
        return [
            key
            for key in self.keys(customer_id)
            if key in held and held[key].customer_id == customer_id
        ]

    def _held(self, keys: Sequence[str]) -> Held:
        return self.held_in(self.values_at(keys))

    def _log_foreign(self, key: str | bytes) -> None:
        """Log nothing: what is no customer's key under one prefix may be one under the other."""


def is_under(prefix: str, key: str, held: Held) -> bool:
    """Whether a key holds the customer whose ID stands behind the prefix."""
    return key in held and key == prefix + held[key].customer_id


def decoded(keys: Iterable[bytes]) -> list[str]:
    """Keys as texts, without those that are none."""
    found = []
    for key in keys:
        with suppress(UnicodeDecodeError):
            found.append(key.decode())
    return found
