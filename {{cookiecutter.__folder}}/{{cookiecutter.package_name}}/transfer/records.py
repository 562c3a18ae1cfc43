"""Files of customers: one JSON object, as people keep it by hand, or JSON Lines.

Both are read and written piece by piece. JSON Lines (https://jsonlines.org) that were exported
begin with a line that says so, and end with one that has the count and the checksum, so that a file
that was cut off is not taken for whole.
"""

import json
import re
from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain
from pathlib import PurePath
from typing import IO, NamedTuple, NoReturn

import msgspec

from ..customers import Customer
from ..record import MAY_BREAK_A_RULE, InvalidRecordError
from .summary import Summary, counted

LONGEST_RECORD = 64 * 1024  # bytes of a line, characters of a member
PIECE_BYTES = 256 * 1024

HEADER = b'{"format":"customers","version":1}\n'
_CUT_OFF = "the file ends here, before its end: it was cut off"

_SPACE = re.compile(r"[ \t\n\r]*")  # RFC 8259, section 2


class Format(StrEnum):
    """How a file holds customers."""

    JSON = "json"
    JSONL = "jsonl"


_SUFFIXES = {".json": Format.JSON, ".jsonl": Format.JSONL, ".ndjson": Format.JSONL}


def format_of(file: str) -> Format | None:
    """The format that a file's name tells; `-`, a standard stream, is JSON Lines."""
    return Format.JSONL if file == "-" else _SUFFIXES.get(PurePath(file).suffix.lower())


class _Closing(msgspec.Struct, forbid_unknown_fields=True):
    """The last line of exported JSON Lines."""

    customers: int
    checksum: str


class _DoubledFields(dict[str, object]):
    """An object with two fields of one name."""


class _UnreadableError(ValueError):
    """Text behind which a reader does not find its way. The message is one line."""

    def __init__(self, problem: str, line: int) -> None:
        super().__init__(problem)
        self.line = line


class Record(NamedTuple):
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

    def __iter__(self) -> Iterator[Record]:
        """The records, and one without a customer for each thing that is wrong."""
        for record in self._lines() if self.format is Format.JSONL else self._members():
            if record.customer is not None:
                self.summary.add(record.customer)
            yield record

    def _lines(self) -> Iterator[Record]:
        self.file.seek(0)
        is_export = self.file.readline(len(HEADER)) == HEADER
        if is_export and self.offset == 0:
            self.offset, self.line = len(HEADER), 2
        self.file.seek(self.offset)
        while text := self.file.readline(LONGEST_RECORD + 1):
            line = self.line
            is_whole = self._pass(text)
            if not is_whole:
                yield Record(line, None, None, f"longer than {LONGEST_RECORD} bytes")
            elif is_export and text.startswith(b'{"customers":'):
                yield from self._closing(line, text)
                return
            elif text.strip():
                yield self._line(line, text)
        if is_export:
            yield Record(self.line, None, None, _CUT_OFF)
        elif self.offset == 0:
            yield Record(self.line, None, None, "the file is empty")

    def _pass(self, text: bytes) -> bool:
        """Go to the next line; False if the text is not a whole line, as that is too long."""
        piece = text
        self.line += 1
        self.offset += len(text)
        while len(piece) > LONGEST_RECORD and not piece.endswith(b"\n"):
            piece = self.file.readline(LONGEST_RECORD + 1)
            self.offset += len(piece)
        return len(text) <= LONGEST_RECORD

    def _closing(self, line: int, text: bytes) -> Iterator[Record]:
        try:
            closing = msgspec.json.decode(text, type=_Closing)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            yield Record(line, None, None, _CUT_OFF)
            return
        told = (closing.customers, closing.checksum)
        if told != (self.summary.customers, self.summary.checksum):
            problem = (
                f"the closing line tells of {counted(closing.customers)} and another checksum than "
                f"that of the {self.summary.customers:,} above; if you changed the file by hand, "
                "take its first and last line away"
            )
            yield Record(line, None, None, problem)
        if self.file.read(1):
            yield Record(self.line, None, None, "there is more text behind the closing line")

    def _line(self, line: int, text: bytes) -> Record:
        if b"\\" not in text:
            try:
                customer = _CUSTOMER.decode(text)
                if MAY_BREAK_A_RULE.search(text):
                    customer.check()
            except (msgspec.MsgspecError, UnicodeDecodeError, InvalidRecordError):
                pass  # find out what is wrong
            else:
                if text.count(b'"') == msgspec.json.encode(customer).count(b'"'):
                    return Record(line, customer.customer_id, customer)
                # else a field may be doubled
        try:
            entry = _DECODER.decode(text.decode())
        except UnicodeDecodeError:
            return Record(line, None, None, "not UTF-8")
        except json.JSONDecodeError as error:
            if text.startswith(b"\xef\xbb\xbf"):
                return Record(line, None, None, _BYTE_ORDER_MARK)
            return Record(line, None, None, f"column {error.colno}: {error.msg}")
        except (ValueError, RecursionError) as error:
            return Record(line, None, None, _told(error))
        return self._record(line, None, entry)

    def _record(self, line: int, key: str | None, entry: object) -> Record:
        try:
            if not isinstance(entry, dict):
                raise InvalidRecordError("a customer must be a JSON object")
            if key is None and isinstance(entry.get("customerID"), str):
                key = entry["customerID"]
            if isinstance(entry, _DoubledFields):
                raise InvalidRecordError("a field stands there twice")
            customer = Customer.from_fields(entry)
            if key != customer.customer_id:
                raise InvalidRecordError("the key and its customerID differ")
        except InvalidRecordError as error:
            return Record(line, key, None, str(error))
        if entry.keys() - set(Customer.__struct_encode_fields__):
            self.with_other_fields += 1
        return Record(line, key, customer)

    def _members(self) -> Iterator[Record]:
        window = _Window(self.file, self.offset, self.line)
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
                raise _UnreadableError("there is more text behind the object", window.line)
        except _UnreadableError as error:
            yield Record(error.line, None, None, str(error))

    def _member(self, window: "_Window") -> Record:
        window.token()
        line = window.line
        window.is_utf8 = True
        key = window.value()
        if not isinstance(key, str):
            raise _UnreadableError("a customer ID in quotes should stand here", line)
        window.take(":")
        entry = window.value()
        self.offset, self.line = window.offset, window.line
        if not window.is_utf8:
            return Record(line, None, None, "not UTF-8")
        return self._record(line, key, entry)


class _Window:
    """A part of a file's text, which is taken token by token.

    Attributes:
        offset: How many bytes of the file are taken.
        line: The number of the line that is taken next.
        is_utf8: Whether all is UTF-8 that was taken since this was last set.
    """

    def __init__(self, file: IO[bytes], offset: int, line: int) -> None:
        file.seek(offset)
        self.offset = offset
        self.line = line
        self.is_utf8 = True
        self._file = file
        self._decoder = getincrementaldecoder("utf-8")("surrogateescape")
        self._text = ""
        self._at = 0
        self._is_last = False

    def token(self) -> str:
        """The next character that is no white space, which is not taken; empty at the end."""
        while True:
            match = _SPACE.match(self._text, self._at)
            self._take(match.end() if match else self._at)
            if self._at < len(self._text) or self._is_last:
                return self._text[self._at : self._at + 1]
            self._read_on()

    def take(self, character: str) -> None:
        """Take a character.

        Raises:
            _UnreadableError: Another one stands there.
        """
        token = self.token()
        if token != character:
            self._refuse(f"{character} should stand here", self._at)
        self._take(self._at + 1)

    def value(self) -> object:
        """Take a JSON value.

        Raises:
            _UnreadableError: There is none, or it is too long.
        """
        self.token()
        while True:
            problem, position = "", len(self._text)
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                problem = error.msg
                position = len(self._text) if "Unterminated" in error.msg else error.pos
            except (ValueError, RecursionError) as error:
                self._refuse(_told(error), self._at)
            else:
                if end < len(self._text) or self._is_last:  # else a number may go on
                    self._take(end)
                    return value
            if self._is_last or len(self._text) - self._at > LONGEST_RECORD:
                self._refuse(problem, position)
            self._read_on()

    def _refuse(self, problem: str, position: int) -> NoReturn:
        line = self.line + self._text.count("\n", self._at, position)
        if position < len(self._text):
            character = self._text[position]
            if character == "\ufeff":
                problem = _BYTE_ORDER_MARK
            elif "\udc80" <= character <= "\udcff":  # what surrogateescape makes of such bytes
                problem = "not UTF-8"
        elif not self._is_last:
            problem = f"a customer longer than {LONGEST_RECORD} characters"
        elif self.offset or self._text:
            problem = _CUT_OFF
        else:
            problem = "the file is empty"
        raise _UnreadableError(problem, line)

    def _take(self, end: int) -> None:
        taken = self._text[self._at : end]
        try:
            self.offset += len(taken.encode())
        except UnicodeEncodeError:
            self.offset += len(taken.encode(errors="surrogateescape"))
            self.is_utf8 = False
        self.line += taken.count("\n")
        self._at = end

    def _read_on(self) -> None:
        piece = self._file.read(PIECE_BYTES)
        self._is_last = not piece
        self._text = self._text[self._at :] + self._decoder.decode(piece, final=self._is_last)
        self._at = 0


def write_customers(
    file: IO[bytes], file_format: Format, batches: Iterable[list[Customer]]
) -> Iterator[Summary]:
    """Write a file of customers.

    Args:
        file: Where to.
        file_format: How.
        batches: The customers, each once.

    Yields:
        The customers that were written so far, after each batch and at the end.

    Raises:
        OSError: There is no room, for example.
    """
    remaining = iter(batches)
    first = next(remaining, [])  # a storage that is down shows before anything is written
    summary = Summary()
    separator = b"{"
    if file_format is Format.JSONL:
        file.write(HEADER)
    for batch in chain([first], remaining):
        pieces: list[bytes] = []
        for customer in batch:
            summary.add(customer)
            text = msgspec.json.encode(customer)
            if file_format is Format.JSONL:
                pieces += (text, b"\n")
            else:
                key = msgspec.json.encode(customer.customer_id)
                pieces += (separator, b"\n  ", key, b": ", text)
                separator = b","
        file.write(b"".join(pieces))
        yield summary
    if file_format is Format.JSONL:
        closing = _Closing(summary.customers, summary.checksum)
        file.write(msgspec.json.encode(closing) + b"\n")
    else:
        file.write(b"\n}\n" if summary.customers else b"{}\n")
    yield summary


def quoted(customer_id: str) -> str:
    """A customer ID for a person: in quotes, and without a character that a terminal would obey."""
    return json.dumps(customer_id[:200])


def _fields(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    return fields if len(fields) == len(pairs) else _DoubledFields(fields)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _told(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


_BYTE_ORDER_MARK = "a byte-order mark: save the file as UTF-8 without it"
_CUSTOMER = msgspec.json.Decoder(Customer)
# Whole numbers as `float`, as a long one would not become an `int`.
_DECODER = json.JSONDecoder(
    object_pairs_hook=_fields, parse_int=float, parse_constant=_refuse_constant
)
