"""Customers in Redis: which keys and texts are theirs, and that all others are left alone."""

import logging
from collections.abc import Callable

import pytest
import redis

from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.storage import (
    CustomerStorage,
    StorageUnavailableError,
)
from {{ cookiecutter.package_name }}.storage.redis_sentinel import RedisSentinelStorage

from .redis_samples import ADA, FOREIGN_VALUES, TEXT, listed, paged

Open = Callable[..., RedisSentinelStorage]


def test_customer_is_json_text_at_the_prefix_and_its_id(
    storage: CustomerStorage, master: redis.Redis
) -> None:
    storage.set(ADA)
    assert master.keys() == [b"customer:1"]
    assert master.get("customer:1") == TEXT.encode()


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        '{"lastName": "Lovelace", "customerID": "1", "firstName": "Ada"}',
        '{"customerID": "1", "firstName": "Ada", "lastName": "Lovelace", "age": 36}',
    ],
)
def test_record_that_others_wrote_is_read(
    storage: CustomerStorage, master: redis.Redis, text: str
) -> None:
    master.set("customer:1", text)
    assert storage.get("1") == ADA
    assert list(storage.stream()) == [[ADA]]


@pytest.mark.parametrize("value", FOREIGN_VALUES.values(), ids=FOREIGN_VALUES)
def test_value_that_is_no_customer_is_left_alone(
    storage: CustomerStorage,
    master: redis.Redis,
    value: str | bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    master.set("customer:7", value)
    assert_left_alone(storage, caplog, b"customer:7")
    assert master.get("customer:7") == (value if isinstance(value, bytes) else value.encode())


def test_add_many_replaces_text_that_is_no_customer_and_refuses_another_type(
    storage: CustomerStorage, master: redis.Redis
) -> None:
    master.set("customer:1", "hello")
    assert storage.add_many([ADA]) == []
    assert storage.get("1") == ADA
    master.rpush("customer:2", "x")
    with pytest.raises(StorageUnavailableError, match="WRONGTYPE"):
        storage.add_many([Customer("2", "Alan", "Turing")])
    assert master.lrange("customer:2", 0, -1) == [b"x"]


def test_key_of_another_type_is_left_alone(
    storage: CustomerStorage, master: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    master.rpush("customer:7", "x")
    assert_left_alone(storage, caplog, b"customer:7")
    with pytest.raises(StorageUnavailableError, match="WRONGTYPE"):
        storage.set(Customer("7", "Ada", "Lovelace"))
    assert master.lrange("customer:7", 0, -1) == [b"x"]


def assert_left_alone(
    storage: CustomerStorage, caplog: pytest.LogCaptureFixture, key: bytes
) -> None:
    storage.set(ADA)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert storage.get("7") is None
            assert not storage.delete("7")
            assert listed(storage) == ["1"]
            assert paged(storage, 1) == ["1"]
    assert [message for message in caplog.messages if "left alone" in message] == [
        f"left alone, as it holds no customer: the key {key!r}"
    ]


@pytest.mark.parametrize("key", [b"customer:", b"customer:a/b", b"customer:a\nb", b"customer:\xff"])
def test_key_with_no_valid_id_is_left_alone(
    storage: CustomerStorage,
    master: redis.Redis,
    key: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    master.set(key, TEXT)
    assert listed(storage) == paged(storage, 10) == []
    assert [line for line in caplog.messages if repr(key) in line] == caplog.messages
    assert len(caplog.messages) == 1
    assert "\n" not in caplog.messages[0]


def test_empty_prefix_reads_keys_that_are_bare_ids(open_with: Open, master: redis.Redis) -> None:
    master.set("1", TEXT)
    master.set("session:9", "x")
    master.sadd("tags", "x")
    storage = open_with(REDIS_KEY_PREFIX="")
    assert storage.get("1") == ADA
    assert listed(storage) == paged(storage, 1) == ["1"]


@pytest.mark.parametrize(
    "prefix", ["[a]*?:", "*", "a?c:", "[^b]*", "\\", "{abc}:", "a b ", "a\r\nFLUSHALL\r\n", "'\"$"]
)
def test_prefix_is_no_pattern_and_no_command(
    open_with: Open, master: redis.Redis, prefix: str
) -> None:
    others = open_with(REDIS_KEY_PREFIX="abc:")
    others.set(ADA)
    storage = open_with(REDIS_KEY_PREFIX=prefix)
    assert listed(storage) == paged(storage, 1) == []
    assert not storage.delete("1")
    storage.set(ADA)
    assert listed(storage) == paged(storage, 1) == ["1"]
    assert {*master.keys()} == {b"abc:1", f"{prefix}1".encode()}
    assert storage.delete("1")
    assert others.get("1") == ADA


def test_other_keyspace_is_used(open_with: Open, master: redis.Redis) -> None:
    storage = open_with(REDIS_DB="3")
    storage.set(ADA)
    assert storage.get("1") == ADA
    assert master.keys() == []
