"""The customer: the record and its rules."""

import json
import re
from collections.abc import Mapping
from typing import Annotated, NoReturn, Self

import msgspec

MAX_ID_LENGTH = 128
MAX_NAME_LENGTH = 256

# `/` would end the ID in a URL; a control character (Unicode category Cc) has no place in a line.
_FORBIDDEN_IN_ID = re.compile("[/\x00-\x1f\x7f-\x9f]")

# The same for readers of the API's description: patterns of JSON Schema, that is of ECMA-262.
_ID_PATTERN = r"^[^/\u0000-\u001f\u007f-\u009f]*$"
_NAME_PATTERN = r"^[^\u0000]*$"


class InvalidCustomerError(ValueError):
    """A record that breaks the rules. The message is one line that names the field."""


class Customer(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A customer, as it is stored and as it is answered."""

    customer_id: Annotated[
        str,
        msgspec.Meta(
            min_length=1,
            max_length=MAX_ID_LENGTH,
            extra_json_schema={
                "description": "Any text without `/`, control characters and lone surrogates.",
                "examples": ["7"],
                "pattern": _ID_PATTERN,
            },
        ),
    ] = msgspec.field(name="customerID")
    first_name: Annotated[
        str,
        msgspec.Meta(
            max_length=MAX_NAME_LENGTH,
            extra_json_schema={
                "description": "Any text without NUL and lone surrogates.",
                "examples": ["Ada"],
                "pattern": _NAME_PATTERN,
            },
        ),
    ] = msgspec.field(name="firstName")
    last_name: Annotated[
        str,
        msgspec.Meta(
            max_length=MAX_NAME_LENGTH,
            extra_json_schema={
                "description": "Any text without NUL and lone surrogates.",
                "examples": ["Lovelace"],
                "pattern": _NAME_PATTERN,
            },
        ),
    ] = msgspec.field(name="lastName")

    @classmethod
    def from_fields(cls, fields: Mapping[str, object]) -> Self:
        """Make a customer of untrusted fields; further ones are ignored.

        Raises:
            InvalidCustomerError: Names the first field that is missing, or else the first that is
                wrong.
        """
        for name in cls.__struct_encode_fields__:
            if name not in fields:
                raise InvalidCustomerError(f"{name} required")
        return cls(*(_checked_text(name, fields[name]) for name in cls.__struct_encode_fields__))

    def check(self) -> None:
        """Check a customer that was decoded without the rules for its characters.

        Raises:
            InvalidCustomerError: It breaks one.
        """
        check_customer_id(self.customer_id)
        _checked_text("firstName", self.first_name)
        _checked_text("lastName", self.last_name)

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """Make a customer of an untrusted JSON object.

        Raises:
            InvalidCustomerError: The text is not JSON, not an object, or breaks a rule.
        """
        try:
            # Not msgspec: it refuses a lone surrogate without saying in which field.
            fields = _DECODER.decode(text.decode())
        except (ValueError, RecursionError):
            raise InvalidCustomerError("the body must be JSON, encoded as UTF-8") from None
        if not isinstance(fields, dict):
            raise InvalidCustomerError("the body must be a JSON object")
        return cls.from_fields(fields)


def check_customer_id(value: str) -> str:
    """Return a customer ID that keeps the rules.

    Raises:
        InvalidCustomerError: It breaks one.
    """
    return _checked_text("customerID", value)


def _checked_text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidCustomerError(f"{name} must be a string")
    longest = MAX_ID_LENGTH if name == "customerID" else MAX_NAME_LENGTH
    if len(value) > longest:
        raise InvalidCustomerError(f"{name} must have at most {longest} characters")
    if "\0" in value:
        raise InvalidCustomerError(f"{name} must not contain a NUL character")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidCustomerError(f"{name} must not contain a lone surrogate") from None
    if name == "customerID" and not value:
        raise InvalidCustomerError("customerID must not be empty")
    if name == "customerID" and _FORBIDDEN_IN_ID.search(value):
        raise InvalidCustomerError("customerID must not contain / or a control character")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
