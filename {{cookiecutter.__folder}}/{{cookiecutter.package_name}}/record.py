"""Records: what all kinds of them have in common, and the rules for their fields."""

import json
import re
from collections.abc import Mapping
from typing import Annotated, NoReturn, Self

import msgspec

MAX_ID_LENGTH = 128
MAX_TEXT_LENGTH = 256

# `/` would end the ID in a URL; a control character (Unicode category Cc) has no place in a line.
_FORBIDDEN_IN_ID = re.compile("[/\x00-\x1f\x7f-\x9f]")

# What a record that breaks a rule for characters cannot be without in JSON. Another one that has
# it, such as a name with a `/`, is to be checked.
MAY_BREAK_A_RULE = re.compile(rb"[/\\\x7f]|\xc2[\x80-\x9f]")

# The same for readers of the API's description: patterns of JSON Schema, that is of ECMA-262.
Id = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=MAX_ID_LENGTH,
        description="Any text without `/`, control characters and lone surrogates.",
        extra_json_schema={"pattern": r"^[^/\u0000-\u001f\u007f-\u009f]*$"},
    ),
]
Text = Annotated[
    str,
    msgspec.Meta(
        max_length=MAX_TEXT_LENGTH,
        description="Any text without NUL and lone surrogates.",
        extra_json_schema={"pattern": r"^[^\u0000]*$"},
    ),
]


class InvalidRecordError(ValueError):
    """A record that breaks the rules. The message is one line that names the field."""


def _json_name(name: str) -> str:
    """What a field is called in JSON: `customer_id` is `customerID`."""
    first, *others = name.split("_")
    return first + "".join("ID" if part == "id" else part.capitalize() for part in others)


class Record(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename=_json_name,
    forbid_unknown_fields=True,
    omit_defaults=True,
):
    """What the service keeps. A field is an `Id`, if its name ends in `_id`, or else a `Text`.

    A `Text` that may be missing has the default "", and is left out where it is empty.
    """

    @classmethod
    def from_fields(cls, fields: Mapping[str, object]) -> Self:
        """Make a record of untrusted fields; further ones are ignored.

        Raises:
            InvalidRecordError: Names the first field that is missing, or else the first that is
                wrong.
        """
        names = cls.__struct_encode_fields__
        for name in names[: len(names) - len(cls.__struct_defaults__)]:
            if name not in fields:
                raise InvalidRecordError(f"{name} required")
        return cls(*(checked_text(name, fields.get(name, "")) for name in names))

    def check(self) -> None:
        """Check a record that was decoded without the rules for its characters.

        Raises:
            InvalidRecordError: It breaks one.
        """
        values = msgspec.structs.astuple(self)
        for name, value in zip(self.__struct_encode_fields__, values, strict=True):
            checked_text(name, value)

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """Make a record of an untrusted JSON object.

        Raises:
            InvalidRecordError: The text is not JSON, not an object, or breaks a rule.
        """
        try:
            # Not msgspec: it refuses a lone surrogate without saying in which field.
            fields = _DECODER.decode(text.decode())
        except (ValueError, RecursionError):
            raise InvalidRecordError("the body must be JSON, encoded as UTF-8") from None
        if not isinstance(fields, dict):
            raise InvalidRecordError("the body must be a JSON object")
        return cls.from_fields(fields)


def checked_text(name: str, value: object) -> str:
    """The value of a field, if it keeps the field's rules.

    Raises:
        InvalidRecordError: It breaks one.
    """
    if not isinstance(value, str):
        raise InvalidRecordError(f"{name} must be a string")
    is_id = name.endswith("ID")
    longest = MAX_ID_LENGTH if is_id else MAX_TEXT_LENGTH
    if len(value) > longest:
        raise InvalidRecordError(f"{name} must have at most {longest} characters")
    if "\0" in value:
        raise InvalidRecordError(f"{name} must not contain a NUL character")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidRecordError(f"{name} must not contain a lone surrogate") from None
    if is_id and not value:
        raise InvalidRecordError(f"{name} must not be empty")
    if is_id and _FORBIDDEN_IN_ID.search(value):
        raise InvalidRecordError(f"{name} must not contain / or a control character")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
