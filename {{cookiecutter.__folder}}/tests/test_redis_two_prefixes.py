"""Customers at one of two keys, while they are moved from one prefix to the other."""

import logging
from collections.abc import Callable
from inspect import signature
from typing import Any

import pytest
import redis

from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.storage import (
    CustomerStorage,
    StorageUnavailableError,
)

from . import test_storage_contract
from .redis_samples import (
    ADA,
    BARE,
    FIRST,
    FOREIGN_VALUES,
    KING,
    PREFIXED,
    SECOND,
    TEXT,
    ids_of,
    keys,
    listed,
    paged,
)
from dev.cluster import Cluster

BOTH = pytest.mark.parametrize("environ", [FIRST, SECOND], ids=["first", "second"], indirect=True)

Open = Callable[..., Any]


@pytest.fixture
def environ(cluster: Cluster, request: pytest.FixtureRequest) -> dict[str, str]:
    """The configuration for an empty storage, in one of the two steps."""
    return {**cluster.environ, **request.param}


# What every storage promises holds in both steps.

globals().update(
    {
        f"{name}_with_two_prefixes": BOTH(found)
        for name, found in vars(test_storage_contract).items()
        if name.startswith("test_") and "storage" in signature(found).parameters
    }
)


# One customer


@BOTH
@pytest.mark.parametrize("key", ["1", "customer:1"])
def test_customer_is_found_under_each_prefix(
    storage: CustomerStorage, master: redis.Redis, key: str
) -> None:
    master.set(key, TEXT)
    assert storage.get("1") == ADA
    assert storage.get_many(["1", "2"]) == [ADA]
    assert listed(storage) == paged(storage, 1) == ["1"]
    assert storage.add_many([KING]) == [ADA]
    assert keys(master) == {key.encode()}
    assert storage.delete("1")
    assert keys(master) == set()


@BOTH
@pytest.mark.parametrize("key", ["1", "customer:1"])
def test_customer_who_is_changed_stays_at_the_key(
    storage: CustomerStorage, master: redis.Redis, key: str
) -> None:
    master.set(key, TEXT)
    storage.set(KING)
    assert keys(master) == {key.encode()}
    assert storage.get("1") == KING


@pytest.mark.parametrize(("variables", "key"), [(FIRST, b"1"), (SECOND, b"customer:1")])
def test_new_customer_gets_the_key_of_the_instance(
    open_with: Open, master: redis.Redis, variables: dict[str, str], key: bytes
) -> None:
    open_with(**variables).set(ADA)
    assert keys(master) == {key}


def test_if_both_keys_hold_the_customer_that_of_the_instance_counts(
    open_with: Open, master: redis.Redis
) -> None:
    first, second = open_with(**FIRST), open_with(**SECOND)
    first.set(ADA)
    open_with(**PREFIXED).set(KING)
    assert (first.get("1"), second.get("1")) == (ADA, KING)
    assert list(first.stream()) == [[ADA]]
    assert list(second.stream()) == [[KING]]
    second.set(ADA)
    assert keys(master) == {b"customer:1"}
    assert first.get("1") == ADA


@BOTH
def test_deletion_deletes_both_keys(
    storage: CustomerStorage, open_with: Open, master: redis.Redis
) -> None:
    open_with(**BARE).set(ADA)
    open_with(**PREFIXED).set(KING)
    assert storage.delete_many(["1", "1"]) == 1
    assert keys(master) == set()


# Keys that hold something else


@BOTH
@pytest.mark.parametrize("value", FOREIGN_VALUES.values(), ids=FOREIGN_VALUES)
@pytest.mark.parametrize("key", ["7", "customer:7"])
def test_value_that_is_no_customer_is_left_alone(
    storage: CustomerStorage,
    master: redis.Redis,
    key: str,
    value: str | bytes,
) -> None:
    master.set(key, value)
    assert storage.get("7") is None
    assert not storage.delete("7")
    assert listed(storage) == paged(storage, 1) == []
    assert master.get(key) == (value if isinstance(value, bytes) else value.encode())


@pytest.mark.parametrize(("variables", "key"), [(FIRST, "customer:7"), (SECOND, "7")])
def test_value_under_the_other_prefix_survives_a_customer_of_that_id(
    open_with: Open, master: redis.Redis, variables: dict[str, str], key: str
) -> None:
    storage = open_with(**variables)
    for fill in (lambda: master.set(key, "hello"), lambda: master.sadd(key, "hello")):
        fill()
        before = master.dump(key)
        storage.set(Customer("7", "Ada", "Lovelace"))
        storage.add_many([Customer("7", "Ada", "Lovelace")])
        assert storage.delete("7")
        assert master.dump(key) == before
        master.delete(key)


@pytest.mark.parametrize(("variables", "key"), [(FIRST, "7"), (SECOND, "customer:7")])
def test_key_of_another_type_is_not_written_to(
    open_with: Open, master: redis.Redis, variables: dict[str, str], key: str
) -> None:
    storage = open_with(**variables)
    master.rpush(key, "x")
    with pytest.raises(StorageUnavailableError, match="WRONGTYPE"):
        storage.set(Customer("7", "Ada", "Lovelace"))
    with pytest.raises(StorageUnavailableError, match="WRONGTYPE"):
        storage.add_many([Customer("7", "Ada", "Lovelace")])
    assert keys(master) == {key.encode()}
    assert master.lrange(key, 0, -1) == [b"x"]


def test_key_that_two_ids_could_have_keeps_its_customer(open_with: Open) -> None:
    short, long = ADA, Customer("customer:1", "Grace", "Hopper")
    for first, second in ((FIRST, SECOND), (SECOND, FIRST)):
        for one, other in ((short, long), (long, short)):
            storage, beside = open_with(**first), open_with(**second)
            storage.set(one)
            beside.set(other)
            for reader in (storage, beside):
                assert sorted(listed(reader)) == ["1", "customer:1"]
                assert set(paged(reader, 1)) == {"1", "customer:1"}
                assert (reader.get("1"), reader.get("customer:1")) == (short, long)
            assert storage.delete_many(["1", "customer:1"]) == 2


def test_customer_whose_keys_both_hold_others_is_refused(open_with: Open) -> None:
    first, second = open_with(**FIRST), open_with(**SECOND)
    second.set(ADA)  # at customer:1
    first.set(Customer("customer:customer:1", "x", "y"))
    with pytest.raises(StorageUnavailableError, match="other customers are at both keys"):
        second.set(Customer("customer:1", "Grace", "Hopper"))
    assert sorted(listed(first)) == ["1", "customer:customer:1"]


def test_two_new_customers_never_get_one_key(open_with: Open) -> None:
    first = open_with(**FIRST)
    open_with(**SECOND).set(ADA)  # at customer:1
    both = [Customer("customer:1", "x", "y"), Customer("customer:customer:1", "x", "y")]
    first.set_many(both)
    assert sorted(first.get_many(ids_of(both)), key=lambda one: one.customer_id) == both


@BOTH
def test_keys_that_hold_something_else_are_not_logged(
    storage: CustomerStorage, master: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    master.set(b"customer:\xff", "x")
    master.set("7", "x")
    with caplog.at_level(logging.WARNING):
        assert listed(storage) == paged(storage, 1) == []
    assert caplog.messages == []
