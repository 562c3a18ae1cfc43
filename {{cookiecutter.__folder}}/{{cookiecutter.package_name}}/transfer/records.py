"""Files of customers: one JSON object, as people keep it by hand, or JSON Lines.

Both are read piece by piece. JSON Lines (https://jsonlines.org) that were exported
begin with a line that says so, and end with one that has the count and the checksum, so that a file
that was cut off is not taken for whole.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePath
from typing import IO, NamedTuple

import msgspec

from ..customers import Customer
from ..record import MAY_BREAK_A_RULE, InvalidRecordError
from .json_text import (
    BYTE_ORDER_MARK,
    CUT_OFF,
    DECODER,
    LONGEST_RECORD,
    DoubledFields,
    UnreadableError,
    Window,
    told,
)
from .summary import Summary, counted

HEADER = b'{"format":"customers","version":1}\n'


class Format(StrEnum):
    """How a file holds customers."""

    JSON = "json"
    JSONL = "jsonl"


_SUFFIXES = {".json": Format.JSON, ".jsonl": Format.JSONL, ".ndjson": Format.JSONL}


def format_of(file: str) -> Format | None:
    """The format that a file's name tells; `-`, a standard stream, is JSON Lines."""
    return Format.JSONL if file == "-" else _SUFFIXES.get(PurePath(file).suffix.lower())


class Closing(msgspec.Struct, forbid_unknown_fields=True):
    """The last line of exported JSON Lines."""

    customers: int
    checksum: str


def quoted(customer_id: str) -> str:
    """A customer ID for a person: in quotes, and without a character that a terminal would obey."""
    return json.dumps(customer_id[:200])


class Entry(NamedTuple):
    """A place in a file where a customer stands or should stand.

    Attributes:
        line: The number of the line on which it begins.
        key: The customer's ID, as far as it can be told.
        customer: The customer, None if the record breaks a rule.
        problem: What is wrong, in one line.
    """

    line: int
    key: str | None
    customer: Customer | None
    problem: str = ""

    def __str__(self) -> str:
        """The place and the problem, without a character that a terminal would obey."""
        key = "" if self.key is None else f", {quoted(self.key)}"
        return f"line {self.line}{key}: {self.problem}"


@dataclass(slots=True)
class RecordReader:
    """Reads the records of a file, from its start or from where another reader stopped.

    Attributes:
        file: The file, which can be read from any byte on.
        format: How it holds customers.
        offset: How many bytes lie before what is read next: it begins with a record.
        line: The number of the line that is read next.
        summary: The customers that were read, from the file's start on.
        with_other_fields: How many of them have fields that are not kept.
    """

    file: IO[bytes]
    format: Format
    offset: int = 0
    line: int = 1
    summary: Summary = field(default_factory=Summary)
    with_other_fields: int = 0

    def __iter__(self) -> Iterator[Entry]:
        """The records, and one without a customer for each thing that is wrong."""
        for entry in self._lines() if self.format is Format.JSONL else self._members():
            if entry.customer is not None:
                self.summary.add(entry.customer)
            yield entry

    def _lines(self) -> Iterator[Entry]:
        self.file.seek(0)
        is_export = self.file.readline(len(HEADER)) == HEADER
        if is_export and self.offset == 0:
            self.offset, self.line = len(HEADER), 2
        self.file.seek(self.offset)
        while text := self.file.readline(LONGEST_RECORD + 1):
            line = self.line
            is_whole = self._pass(text)
            if not is_whole:
                yield Entry(line, None, None, f"longer than {LONGEST_RECORD} bytes")
            elif is_export and text.startswith(b'{"customers":'):
                yield from self._closing(line, text)
                return
            elif text.strip():
                yield self._line(line, text)
        if is_export:
            yield Entry(self.line, None, None, CUT_OFF)
        elif self.offset == 0:
            yield Entry(self.line, None, None, "the file is empty")

    def _pass(self, text: bytes) -> bool:
        """Go to the next line; False if the text is not a whole line, as that is too long."""
        piece = text
        self.line += 1
        self.offset += len(text)
        while len(piece) > LONGEST_RECORD and not piece.endswith(b"\n"):
            piece = self.file.readline(LONGEST_RECORD + 1)
            self.offset += len(piece)
        return len(text) <= LONGEST_RECORD

    def _closing(self, line: int, text: bytes) -> Iterator[Entry]:
        try:
            closing = msgspec.json.decode(text, type=Closing)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            yield Entry(line, None, None, CUT_OFF)
            return
        told = (closing.customers, closing.checksum)
        if told != (self.summary.customers, self.summary.checksum):
            problem = (
                f"the closing line tells of {counted(closing.customers)} and another checksum than "
                f"that of the {self.summary.customers:,} above; if you changed the file by hand, "
                "take its first and last line away"
            )
            yield Entry(line, None, None, problem)
        if self.file.read(1):
            yield Entry(self.line, None, None, "there is more text behind the closing line")

    def _line(self, line: int, text: bytes) -> Entry:
        if b"\\" not in text:
            try:
                customer = _CUSTOMER.decode(text)
                if MAY_BREAK_A_RULE.search(text):
                    customer.check()
            except (msgspec.MsgspecError, UnicodeDecodeError, InvalidRecordError):
                pass  # find out what is wrong
            else:
                if text.count(b'"') == msgspec.json.encode(customer).count(b'"'):
                    return Entry(line, customer.customer_id, customer)
                # else a field may be doubled
        try:
            entry = DECODER.decode(text.decode())
        except UnicodeDecodeError:
            return Entry(line, None, None, "not UTF-8")
        except json.JSONDecodeError as error:
            if text.startswith(b"\xef\xbb\xbf"):
                return Entry(line, None, None, BYTE_ORDER_MARK)
            return Entry(line, None, None, f"column {error.colno}: {error.msg}")
        except (ValueError, RecursionError) as error:
            return Entry(line, None, None, told(error))
        return self._record(line, None, entry)

    def _record(self, line: int, key: str | None, entry: object) -> Entry:
        try:
            if not isinstance(entry, dict):
                raise InvalidRecordError("a customer must be a JSON object")
            if key is None and isinstance(entry.get("customerID"), str):
                key = entry["customerID"]
            if isinstance(entry, DoubledFields):
                raise InvalidRecordError("a field stands there twice")
            customer = Customer.from_fields(entry)
            if key != customer.customer_id:
                raise InvalidRecordError("the key and its customerID differ")
        except InvalidRecordError as error:
            return Entry(line, key, None, str(error))
        if entry.keys() - set(Customer.__struct_encode_fields__):
            self.with_other_fields += 1
        return Entry(line, key, customer)

    def _members(self) -> Iterator[Entry]:
        window = Window(self.file, self.offset, self.line)
        try:
            if self.offset == 0:
                window.take("{")
                if window.token() != "}":
                    yield self._member(window)
            while window.token() == ",":
                window.take(",")
                yield self._member(window)
            window.take("}")
            if window.token():
                raise UnreadableError("there is more text behind the object", window.line)
        except UnreadableError as error:
            yield Entry(error.line, None, None, str(error))

    def _member(self, window: Window) -> Entry:
        window.token()
        line = window.line
        window.is_utf8 = True
        key = window.value()
        if not isinstance(key, str):
            raise UnreadableError("a customer ID in quotes should stand here", line)
        window.take(":")
        entry = window.value()
        self.offset, self.line = window.offset, window.line
        if not window.is_utf8:
            return Entry(line, None, None, "not UTF-8")
        return self._record(line, key, entry)


_CUSTOMER = msgspec.json.Decoder(Customer)
