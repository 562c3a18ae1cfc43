"""Text of the customers' file by somebody else: read, or refused with the place of the mistake."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.storage.json_by_hand import (
    ForeignTextError,
    read_by_hand,
)
from {{ cookiecutter.package_name }}.storage.json_document import JsonDocument

from .strategies import customers

# As the service writes it.
LINE = '  "ID": {"customerID":"ID","firstName":"First","lastName":"Last"}'
CANONICAL = "{\n" + ",\n".join(LINE.replace('"ID"', f'"{n:05}"') for n in range(300)) + "\n}\n"
OTHER_FIELDS = "a field besides customerID, firstName, lastName"


def member(key: str, **changes: object) -> str:
    """One member of the file's object, with fields that differ from Ada's."""
    ada = {"customerID": "1", "firstName": "Ada", "lastName": "Lovelace"}
    return f"{json.dumps(key)}: {json.dumps({**ada, **changes})}"


@given(st.lists(customers), st.sampled_from([None, 4]))
def test_text_of_any_layout_is_read(stored: list[Customer], indent: int | None) -> None:
    by_id = {customer.customer_id: customer for customer in stored}
    text = json.dumps(json.loads(msgspec.json.encode(by_id)), indent=indent)
    assert read_by_hand(text.encode()) == by_id


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
        ('{"1": []}', "line 1, column 2: this customer is not a JSON object"),
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


def test_byte_order_mark_of_an_editor_is_passed_over() -> None:
    text = "\ufeff{" + member("1") + "}"
    assert list(read_by_hand(text.encode())) == ["1"]
