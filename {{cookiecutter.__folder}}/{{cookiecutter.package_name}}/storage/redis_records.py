"""Which keys and texts are customers'. What else is in Redis is left alone, and logged once."""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
from redis.client import Redis
from redis.exceptions import ResponseError

from ..customers import Customer, check_customer_id
from ..record import MAX_ID_LENGTH, MAY_BREAK_A_RULE, InvalidRecordError
from .redis_settings import RedisSettings, key_pattern

MOST_LOGGED_KEYS = 1000

log = logging.getLogger(__name__)

_CUSTOMER = msgspec.json.Decoder(Customer)
# IDs of printable ASCII, which keep the rules.
_PLAIN_ID = re.compile(rb"[ -.0-~]{1,%d}" % MAX_ID_LENGTH)


class Records:
    """Reads customers. Each method asks the master once, and is called again by `redis_command`.

    Attributes:
        turns: The prefix that each turn of a listing goes through.
        last_turn_of_page: At the end of which turn pages have shown all.
    """

    turns: Mapping[int, str]
    last_turn_of_page = 0

    def __init__(self, master: Redis, settings: RedisSettings) -> None:
        self._master = master
        self._key_of = settings.key_of
        self.turns = {0: settings.key_prefix}
        self._logged_keys: set[bytes] = set()

    def get(self, customer_id: str) -> Customer | None:
        """One customer, or None if there is no such ID."""
        key = self._key_of(customer_id)
        try:
            value: Any = self._master.get(key)
        except ResponseError as error:
            if not str(error).startswith("WRONGTYPE"):
                raise
            self._log_foreign(key)
            return None
        return None if value is None else self._customer(customer_id, value)

    def read(self, ids: Sequence[str]) -> list[Customer]:
        """Those of some customers who are there."""
        values: Any = self._master.mget([self._key_of(customer_id) for customer_id in ids])
        return self._customers(
            {one: text for one, text in zip(ids, values, strict=True) if text is not None}
        )

    def listed(self, ids: Sequence[str]) -> list[Customer]:
        """Those of some customers, whose keys were just seen, who are there."""
        found = self.read(ids)
        if len(found) < len(ids):
            there = {customer.customer_id for customer in found}
            missing = [self._key_of(one) for one in ids if one not in there]
            for key, kind in zip(missing, self.types(missing), strict=True):
                if kind not in (b"none", b"string"):  # else deleted, or set, just now
                    self._log_foreign(key)
        return found

    def types(self, keys: Iterable[str]) -> list[bytes]:
        """What kinds of values some keys have; `none` is a kind, too."""
        with self._master.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.type(key)
            return pipeline.execute()

    def scan(self, prefix: str, scan_cursor: int, count: int) -> tuple[str, int, list[bytes]]:
        """The server's run, the next cursor, and keys that begin with a prefix."""
        with self._master.pipeline(transaction=False) as pipeline:
            pipeline.info("server")
            pipeline.scan(scan_cursor, match=key_pattern(prefix), count=count)
            info, (next_cursor, keys) = pipeline.execute()
        return info["run_id"], next_cursor, keys

    def ids_in(self, keys: Iterable[bytes], prefix: str) -> list[str]:
        """The IDs in customers' keys, each once."""
        found = (self._id_in(key, prefix) for key in keys)
        return list(dict.fromkeys(one for one in found if one is not None))

    def _id_in(self, key: bytes, prefix: str) -> str | None:
        text = key[len(prefix.encode()) :]
        try:
            return text.decode() if _PLAIN_ID.fullmatch(text) else check_customer_id(text.decode())
        except ValueError:
            self._log_foreign(key)
            return None

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
        if customer and customer.customer_id == customer_id:
            return customer
        self._log_foreign(self._key_of(customer_id))
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
