"""The text of the customers' file: found in, changed, and read again."""

import io
import json
from itertools import chain

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.storage.json_by_hand import ForeignTextError
from {{ cookiecutter.package_name }}.storage.json_document import JsonDocument

from .strategies import damaged, ids, texts

contents = st.dictionaries(ids, st.tuples(texts, texts)).map(
    lambda names: {customer_id: Customer(customer_id, *pair) for customer_id, pair in names.items()}
)


def text_of(document: JsonDocument) -> bytes:
    file = io.BytesIO()
    document.write(file)
    return file.getvalue()


def document_of(customers: dict[str, Customer]) -> JsonDocument:
    return JsonDocument().changed(customers)


def found_in(document: JsonDocument) -> list[Customer]:
    return list(chain.from_iterable(document.batches()))


def many(count: int) -> dict[str, Customer]:
    return {f"{n:05}": Customer(f"{n:05}", "First", "Last") for n in range(count)}


def test_text_is_one_sorted_line_a_customer() -> None:
    document = document_of({"2": Customer("2", "Alan", "Turing"), "1": Customer("1", "Ada", "é")})
    assert text_of(document).decode() == (
        "{\n"
        '  "1": {"customerID":"1","firstName":"Ada","lastName":"é"},\n'
        '  "2": {"customerID":"2","firstName":"Alan","lastName":"Turing"}\n'
        "}\n"
    )


@given(contents)
def test_text_is_plain_json_of_the_customers(stored: dict[str, Customer]) -> None:
    assert json.loads(text_of(document_of(stored))) == json.loads(msgspec.json.encode(stored))


@given(contents)
def test_written_text_reads_back_the_same(stored: dict[str, Customer]) -> None:
    text = text_of(document_of(stored))
    assert text_of(JsonDocument.parse(text)) == text


@given(contents, st.dictionaries(ids, st.none() | st.tuples(texts, texts)))
def test_changes_are_those_of_a_dict(
    stored: dict[str, Customer], changes: dict[str, tuple[str, str] | None]
) -> None:
    changed = {i: None if names is None else Customer(i, *names) for i, names in changes.items()}
    document = document_of(stored).changed(changed)
    model = {i: customer for i, customer in {**stored, **changed}.items() if customer is not None}
    assert found_in(document) == [model[customer_id] for customer_id in sorted(model)]
    assert len(document) == len(model)
    for customer_id in {*stored, *changed}:
        assert document.find(customer_id) == model.get(customer_id)
    assert document.find_many(["0", *model, "~"]) == model


@given(contents, ids)
def test_batches_go_on_behind_any_id(stored: dict[str, Customer], after: str) -> None:
    rest = list(chain.from_iterable(document_of(stored).batches(after)))
    assert rest == [stored[customer_id] for customer_id in sorted(stored) if customer_id > after]


def test_large_document_is_searched_and_changed_in_every_place() -> None:
    stored = many(3000)
    document = document_of(stored)
    for customer_id in stored:
        assert document.find(customer_id) == stored[customer_id]
        assert document.find(customer_id + "x") is None
    for place in ("", "00000x", "01500x", "02999x"):
        assert len(document.changed({place or "0": Customer(place or "0", "a", "b")})) == 3001
    for customer_id in ("00000", "01500", "02999"):
        assert found_in(document.changed({customer_id: None})) == [
            stored[other] for other in stored if other != customer_id
        ]
    assert [c.customer_id for c in chain.from_iterable(document.batches("02990"))] == [
        f"{n:05}" for n in range(2991, 3000)
    ]


def test_changing_leaves_the_old_document_as_it_was() -> None:
    document = document_of(many(10))
    before = text_of(document)
    document.changed({"00003": None, "x": Customer("x", "a", "b")})
    assert text_of(document) == before


CANONICAL = text_of(document_of(many(300))).decode()


@given(damaged(CANONICAL).map(str.encode))
def test_damaged_text_is_read_as_json_reads_it_or_refused_whatever_is_known(text: bytes) -> None:
    outcomes: list[bytes | str] = []
    for known in (None, JsonDocument.parse(CANONICAL.encode())):
        try:
            outcomes.append(text_of(JsonDocument.parse(text, known)))
        except ForeignTextError as refusal:
            outcomes.append(str(refusal))
    assert outcomes[0] == outcomes[1]
    if isinstance(outcomes[0], bytes):
        assert json.loads(outcomes[0]) == json.loads(text)


@pytest.mark.parametrize("moved", ["00000", "00150", "00299"])
def test_line_that_was_moved_is_sorted_in_again(moved: str) -> None:
    lines = CANONICAL[2:-3].split(",\n")
    (line,) = [line for line in lines if line.startswith(f'  "{moved}"')]
    rest = [other for other in lines if other != line]
    for place in (0, 1, 150, 298, 299):
        text = "{\n" + ",\n".join([*rest[:place], line, *rest[place:]]) + "\n}\n"
        for known in (None, JsonDocument.parse(CANONICAL.encode())):
            assert text_of(JsonDocument.parse(text.encode(), known)).decode() == CANONICAL
