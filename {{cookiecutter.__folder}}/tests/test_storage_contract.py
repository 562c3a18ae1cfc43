"""What every storage promises to the rest of the service."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.record import InvalidRecordError
from {{ cookiecutter.package_name }}.storage import (
    BadCursorError,
    CustomerStorage,
    decode_cursor,
    encode_cursor,
)

from .storage_machine import StorageMachine
from .strategies import encodable

ADA = Customer("1", "Ada", "Lovelace")
ALAN = Customer("2", "Alan", "Turing")


def contents(storage: CustomerStorage) -> dict[str, Customer]:
    return {customer.customer_id: customer for customer in chain.from_iterable(storage.stream())}


def test_empty_storage_has_nothing(storage: CustomerStorage) -> None:
    assert storage.get("1") is None
    assert storage.get_many(["1", "2"]) == []
    assert storage.estimated_size() == 0
    assert list(storage.stream()) == []
    assert storage.page(10, None).customers == []
    assert not storage.delete("1")
    assert storage.delete_many(["1", "2"]) == 0


def test_set_customer_is_there_until_deleted(storage: CustomerStorage) -> None:
    storage.set(ADA)
    assert storage.get("1") == ADA
    assert storage.delete("1")
    assert storage.get("1") is None


def test_set_many_adds_and_replaces(storage: CustomerStorage) -> None:
    storage.set(ADA)
    storage.set_many([ALAN, Customer("1", "Augusta", "King")])
    assert contents(storage) == {"1": Customer("1", "Augusta", "King"), "2": ALAN}


def test_set_many_keeps_the_last_of_equal_ids(storage: CustomerStorage) -> None:
    storage.set_many([ADA, Customer("1", "Augusta", "King")])
    assert contents(storage) == {"1": Customer("1", "Augusta", "King")}


def test_set_many_takes_an_iterator_and_nothing(storage: CustomerStorage) -> None:
    storage.set_many(iter([]))
    storage.set_many(customer for customer in (ADA, ALAN))
    assert contents(storage) == {"1": ADA, "2": ALAN}


def test_get_many_finds_those_who_are_there(storage: CustomerStorage) -> None:
    storage.set_many([ADA, ALAN])
    found = storage.get_many(["2", "3", "1"])
    assert sorted(found, key=lambda customer: customer.customer_id) == [ADA, ALAN]
    assert storage.get_many([]) == []


def test_add_many_adds_and_leaves_who_is_there(storage: CustomerStorage) -> None:
    storage.set(ADA)
    assert storage.add_many([Customer("1", "Augusta", "King"), ALAN]) == [ADA]
    assert contents(storage) == {"1": ADA, "2": ALAN}
    assert storage.add_many([ADA, ALAN]) == []
    assert storage.add_many([]) == []


def test_delete_many_deletes_those_who_are_there(storage: CustomerStorage) -> None:
    storage.set_many([ADA, ALAN, Customer("3", "Grace", "Hopper")])
    assert storage.delete_many(["1", "3", "4"]) == 2
    assert contents(storage) == {"2": ALAN}
    assert storage.delete_many([]) == 0


def test_many_are_added_got_and_deleted(storage: CustomerStorage) -> None:
    many = [Customer(f"{number:04}", "x", "y") for number in range(2500)]
    assert storage.add_many(many) == []
    ids = [customer.customer_id for customer in many]
    assert set(storage.get_many(ids)) == set(many)
    assert storage.estimated_size() == 2500
    assert storage.delete_many(ids) == 2500


def test_threads_that_add_the_same_agree_on_one(storage: CustomerStorage) -> None:
    def add(writer: int) -> list[Customer]:
        return storage.add_many([Customer(str(n), f"{writer}", "") for n in range(50)])

    with ThreadPoolExecutor(4) as pool:
        in_the_way = list(pool.map(add, range(4)))
    found = contents(storage)
    assert len(found) == 50
    for writer, others in enumerate(in_the_way):
        lost = {customer.customer_id for customer in others}
        assert lost == {i for i, customer in found.items() if customer.first_name != f"{writer}"}


def test_ids_are_compared_to_the_letter(storage: CustomerStorage) -> None:
    similar = [
        "a",
        "A",
        "a ",
        " a",
        "\u00e1",
        "a\u0301",
        "\uff41",
        "1",
        "01",
        "a%",
        "a_",
        "a*",
        "a?",
        "[a]",
    ]
    storage.set_many(Customer(customer_id, customer_id, "") for customer_id in similar)
    for customer_id in similar:
        assert storage.get(customer_id) == Customer(customer_id, customer_id, "")
    assert storage.delete("a*")
    assert storage.add_many([Customer(customer_id, "", "") for customer_id in similar[:3]]) != []
    assert storage.delete_many(["A"]) == 1
    assert len(contents(storage)) == len(similar) - 2


def test_another_instance_sees_and_changes_the_same(
    storage: CustomerStorage, open_storage: Callable[[], CustomerStorage]
) -> None:
    storage.set(ADA)
    other = open_storage()
    assert other.get("1") == ADA
    other.set(ALAN)
    assert storage.get("2") == ALAN


def test_no_batch_is_empty_or_unbounded(storage: CustomerStorage) -> None:
    storage.set_many(Customer(str(number), "x" * 256, "y" * 256) for number in range(5000))
    sizes = [len(batch) for batch in storage.stream()]
    assert sum(sizes) == 5000
    assert 1 <= min(sizes) <= max(sizes) <= 1000


def test_page_refuses_a_foreign_cursor(storage: CustomerStorage) -> None:
    with pytest.raises(BadCursorError):
        storage.page(10, "no such cursor")


def test_threads_write_without_losing_anything(storage: CustomerStorage) -> None:
    def write(writer: int) -> None:
        for number in range(20):
            storage.set(Customer(f"{writer}-{number}", "x", "y"))
            storage.set(Customer("shared", f"{writer}", f"{number}"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    found = contents(storage)
    assert len(found) == 8 * 20 + 1
    assert found["shared"].last_name == "19"


def test_check_reports_and_changes_nothing(storage: CustomerStorage) -> None:
    assert storage.check()
    assert contents(storage) == {}


@pytest.mark.hypothesis
def test_storage_behaves_like_a_dict(storage: CustomerStorage) -> None:
    class Machine(StorageMachine):
        def __init__(self) -> None:
            super().__init__(storage)

    few = max(20, settings().max_examples // 10)  # each has many steps
    run_state_machine_as_test(Machine, settings=settings(max_examples=few, stateful_step_count=20))


@given(st.text(encodable))
def test_cursor_survives_its_encoding(cursor: str) -> None:
    assert decode_cursor(encode_cursor(cursor)) == cursor


@given(st.text(encodable))
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    with suppress(BadCursorError):
        assert encode_cursor(decode_cursor(text)) == text


@given(st.binary())
def test_any_body_is_a_customer_or_refused(body: bytes) -> None:
    with pytest.raises(InvalidRecordError):
        Customer.from_json(body)
