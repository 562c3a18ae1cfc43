"""Customers as the tests of Redis store and list them, and what else may be there."""

import json
from collections.abc import Iterable
from itertools import chain
from typing import Any

import msgspec
import redis

from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.storage import CustomerStorage, Page

ADA = Customer("1", "Ada", "Lovelace")
KING = Customer("1", "Augusta", "King")
TEXT = '{"customerID":"1","firstName":"Ada","lastName":"Lovelace"}'

# What an instance is configured with while keys are moved: before that, in its first step, in its
# second, and after it.
BARE = {"REDIS_KEY_PREFIX": ""}
FIRST = {"REDIS_KEY_PREFIX": "", "REDIS_OTHER_KEY_PREFIX": "customer:"}
SECOND = {"REDIS_KEY_PREFIX": "customer:", "REDIS_OTHER_KEY_PREFIX": ""}
PREFIXED = {"REDIS_KEY_PREFIX": "customer:"}

FOREIGN_VALUES = {
    "text": "hello",
    "nothing": "",
    "another record": '{"id": 1}',
    "a list of records": f"[{TEXT}]",
    "another customer's record": TEXT,
    "a name that is no text": '{"customerID":"7","firstName":7,"lastName":"x"}',
    "a name with a NUL": '{"customerID":"7","firstName":"\\u0000","lastName":"x"}',
    "bytes that are not UTF-8": b'{"customerID":"7","firstName":"\xff","lastName":"x"}',
}


def customers(count: int, name: str = "x") -> list[Customer]:
    return [Customer(f"{name}{number:06}", "Ada", "Lovelace") for number in range(count)]


def ids_of(some: Iterable[Customer]) -> list[str]:
    return [customer.customer_id for customer in some]


def listed(storage: CustomerStorage) -> list[str]:
    return ids_of(chain.from_iterable(storage.stream()))


def paged(storage: CustomerStorage, limit: int, page: Page | None = None) -> list[str]:
    """The IDs on a page, which is the first one if none is given, and on all after it."""
    page = page or storage.page(limit, None)
    found = page.customers
    while page.next_cursor is not None:
        page = storage.page(limit, page.next_cursor)
        assert len(page.customers) <= limit
        found += page.customers
    return ids_of(found)


def keys(master: redis.Redis) -> set[bytes]:
    """All keys but the short-lived one of a write that is tried again."""
    found: Any = master.keys()
    return {key for key in found if not key.endswith(b"/")}


def fill(master: redis.Redis, prefix: str, some: Iterable[Customer]) -> None:
    """Write customers as another program would."""
    master.mset({prefix + c.customer_id: json.dumps(msgspec.to_builtins(c)) for c in some})
