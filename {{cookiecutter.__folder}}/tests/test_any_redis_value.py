"""Any value at any key under the prefix: read as the customer, or left alone."""

import json
from itertools import chain

import redis
from hypothesis import given
from hypothesis import strategies as st

from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.storage import (
    CustomerStorage,
    StorageUnavailableError,
)

from .redis_samples import ADA, TEXT
from .strategies import customers, damaged, encodable, ids

PREFIX = b"customer:"

names = st.sampled_from(["customerID", "firstName", "lastName", "age"])
anything = st.none() | st.integers() | st.text() | st.lists(st.text(), max_size=2)
records = st.dictionaries(names, st.just("1") | anything).map(json.dumps)
values = (damaged(TEXT) | records | st.text(encodable)).map(str.encode) | st.binary()
# A key of another type, and what it holds.
other_types = st.sampled_from(["hash", "list", "set", "sorted set"])


def put(master: redis.Redis, kind: str, key: bytes, value: bytes) -> None:
    match kind:
        case "hash":
            master.hset(key, mapping={b"field": value})
        case "list":
            master.rpush(key, value)
        case "set":
            master.sadd(key, value)
        case "sorted set":
            master.zadd(key, {value: 1})
        case _:
            master.set(key, value)


def listed(storage: CustomerStorage) -> list[Customer]:
    return list(chain.from_iterable(storage.stream()))


@given(value=values, kind=st.just("text") | other_types)
def test_any_value_is_the_customer_s_or_left_alone(
    storage: CustomerStorage, master: redis.Redis, value: bytes, kind: str
) -> None:
    master.delete(PREFIX + b"1")
    put(master, kind, PREFIX + b"1", value)
    before = master.dump(PREFIX + b"1")
    found = storage.get("1")
    if found:
        assert (kind, found.customer_id) == ("text", "1")
        found.check()
        fields = json.loads(value)
        assert found == Customer("1", fields["firstName"], fields["lastName"])
    expected = [found] if found else []
    assert storage.get_many(["1"]) == listed(storage) == expected
    assert storage.page(10, None).customers == expected
    if not found:
        assert not storage.delete("1")
    assert master.dump(PREFIX + b"1") == before


@given(value=values, kind=st.just("text") | other_types)
def test_write_replaces_text_and_nothing_else(
    storage: CustomerStorage, master: redis.Redis, value: bytes, kind: str
) -> None:
    master.delete(PREFIX + b"1")
    put(master, kind, PREFIX + b"1", value)
    before = master.dump(PREFIX + b"1")
    try:
        storage.set(ADA)
    except StorageUnavailableError:
        assert kind != "text"
        assert master.dump(PREFIX + b"1") == before
    else:
        assert kind == "text"
        assert storage.get("1") == ADA


@given(suffix=st.binary(max_size=140) | ids.map(str.encode), customer=customers)
def test_any_key_is_a_customer_s_or_left_alone(
    storage: CustomerStorage, master: redis.Redis, suffix: bytes, customer: Customer
) -> None:
    master.flushall()
    fields = {
        "customerID": suffix.decode(errors="replace"),
        "firstName": customer.first_name,
        "lastName": customer.last_name,
    }
    value = json.dumps(fields).encode()
    master.set(PREFIX + suffix, value)
    try:
        suffix.decode()
        expected = [Customer.from_fields(fields)]
    except ValueError:
        expected = []
    assert storage.page(10, None).customers == listed(storage) == expected
    assert [storage.get(each.customer_id) for each in expected] == expected
    assert master.get(PREFIX + suffix) == value
