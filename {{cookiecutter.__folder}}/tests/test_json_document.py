"""The text of the customers' file: found in, changed, and read whoever wrote it."""

import io
import json
from itertools import chain

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.storage.json_document import (
    ForeignTextError,
    JsonDocument,
)

from .strategies import damaged, encodable, ids, texts

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


@given(contents, st.sampled_from([None, 0, 4]))
def test_text_of_another_layout_reads_the_same(
    stored: dict[str, Customer], indent: int | None
) -> None:
    by_hand = json.dumps(json.loads(msgspec.json.encode(stored)), indent=indent).encode()
    assert text_of(JsonDocument.parse(by_hand)) == text_of(document_of(stored))


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


def member(key: str, **changes: object) -> str:
    """One member of the file's object, with fields that differ from Ada's."""
    ada = {"customerID": "1", "firstName": "Ada", "lastName": "Lovelace"}
    return f"{json.dumps(key)}: {json.dumps({**ada, **changes})}"


CANONICAL = text_of(document_of(many(300))).decode()
OTHER_FIELDS = "a field besides customerID, firstName, lastName"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1, column 1: Expecting value"),
        ('{\n  "1": {"customerID":"1","fir', "line 2, column 26: Unterminated string starting at"),
        (CANONICAL[:-20], "line 301, column 54: Unterminated string starting at"),
        (CANONICAL[:-2], "line 302, column 1: Expecting ',' delimiter"),
        (CANONICAL + "x", "line 303, column 1: Extra data"),
        (
            CANONICAL.replace('"00200": {', '"00200": [', 1),
            "line 202, column 25: Expecting ',' delimiter",
        ),
        ("[]", "line 1: not a JSON object"),
        ("null", "line 1: not a JSON object"),
        ("7", "line 1: not a JSON object"),
        ('{"1": []}', "line 1, column 2: this customer is not a JSON object"),
        ('{\n "1": "Ada"}', "line 2, column 2: this customer is not a JSON object"),
        ("{\n" + member("2") + "}", "line 2, column 1: the key and its customerID differ"),
        (
            CANONICAL.replace('"customerID":"00200"', '"customerID":"00201"'),
            "line 202, column 3: the key and its customerID differ",
        ),
        (
            "{" + member("1") + ",\n" + member("1") + "}",
            "line 2, column 1: this customer ID stands in the file twice",
        ),
        (
            CANONICAL.replace('"00200"', '"00199"'),
            "line 202, column 3: this customer ID stands in the file twice",
        ),
        ('{"1": {"customerID":"1","firstName":"Ada"}}', "line 1, column 2: lastName required"),
        ("{" + member("1", age=36) + "}", f"line 1, column 2: {OTHER_FIELDS}"),
        (
            CANONICAL.replace('"First","lastName":"Last"}\n}', '7,"lastName":"Last"}\n}'),
            "line 301, column 3: firstName must be a string",
        ),
        (
            "{" + member("a/b", customerID="a/b") + "}",
            "line 1, column 2: customerID must not contain / or a control character",
        ),
        (
            CANONICAL.replace("00200", "00200/"),
            "line 202, column 3: customerID must not contain / or a control character",
        ),
        (
            CANONICAL.replace("00200", "00200\x85"),
            "line 202, column 3: customerID must not contain / or a control character",
        ),
        (
            CANONICAL.replace('"Last"}\n}', '"a\\u0000"}\n}'),
            "line 301, column 3: lastName must not contain a NUL character",
        ),
        (
            CANONICAL.replace('"Last"}\n}', '"a\\ud800"}\n}'),
            "line 301, column 3: lastName must not contain a lone surrogate",
        ),
        (
            CANONICAL.replace('"Last"}\n}', f'"{"x" * 257}"' + "}\n}"),
            "line 301, column 3: lastName must have at most 256 characters",
        ),
        (
            '{"": {"customerID":"","firstName":"","lastName":""}}',
            "line 1, column 2: customerID must not be empty",
        ),
        ('{"a":' + "[" * 100_000, "nested too deeply"),
        ('{"a":' + "1" * 5000 + "}", "a number has too many digits"),
    ],
)
def test_foreign_text_is_refused_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(ForeignTextError) as refused:
        JsonDocument.parse(text.encode())
    assert str(refused.value) == problem


@pytest.mark.parametrize("text", [b'{\n"1": "\xff"}', "{}\n".encode("utf-16"), b"\x00\x01\xfe"])
def test_text_that_is_not_utf8_is_refused_with_its_line(text: bytes) -> None:
    with pytest.raises(ForeignTextError, match=r"^line [12]"):
        JsonDocument.parse(text)


@given(st.binary() | st.text(encodable).map(str.encode))
def test_any_text_is_read_or_refused(text: bytes) -> None:
    try:
        document = JsonDocument.parse(text)
    except ForeignTextError as refusal:
        problem = str(refusal)
    else:
        problem = ""
        assert json.loads(text_of(document)) == json.loads(text)
    assert "\n" not in problem


damaged_texts = damaged(CANONICAL).map(str.encode)


@given(damaged_texts)
def test_damaged_text_is_read_as_json_reads_it_or_refused(text: bytes) -> None:
    try:
        document = JsonDocument.parse(text)
    except ForeignTextError:
        return
    assert json.loads(text_of(document)) == json.loads(text)


@given(damaged_texts)
def test_knowing_a_similar_document_does_not_change_what_is_read(text: bytes) -> None:
    outcomes = []
    for known in (None, JsonDocument.parse(CANONICAL.encode())):
        try:
            outcomes.append(text_of(JsonDocument.parse(text, known)).decode())
        except ForeignTextError as refusal:
            outcomes.append(str(refusal))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("moved", ["00000", "00150", "00299"])
def test_line_moved_in_a_known_document_is_sorted_in_again(moved: str) -> None:
    lines = CANONICAL[2:-3].split(",\n")
    (line,) = [line for line in lines if line.startswith(f'  "{moved}"')]
    rest = [other for other in lines if other != line]
    known = JsonDocument.parse(CANONICAL.encode())
    for place in (0, 1, 150, 298, 299):
        text = "{\n" + ",\n".join([*rest[:place], line, *rest[place:]]) + "\n}\n"
        assert text_of(JsonDocument.parse(text.encode(), known)).decode() == CANONICAL


def test_byte_order_mark_of_an_editor_is_passed_over() -> None:
    text = "\ufeff{" + member("1") + "}"
    assert len(JsonDocument.parse(text.encode())) == 1


def test_unsorted_lines_are_sorted() -> None:
    first, *middle, last = CANONICAL[2:-3].split(",\n")
    shuffled = "{\n" + ",\n".join([last, *middle, first]) + "\n}\n"
    assert text_of(JsonDocument.parse(shuffled.encode())).decode() == CANONICAL
