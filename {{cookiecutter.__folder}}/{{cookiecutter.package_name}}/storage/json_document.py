"""The text of the customers' file, and how to find and change customers in it.

The text is a JSON object with one customer a line, sorted by ID (by code point):

    {
      "1": {"customerID":"1","firstName":"Ada","lastName":"Lovelace"},
      "2": {"customerID":"2","firstName":"Alan","lastName":"Turing"}
    }

A JSON string never holds a line end, so a customer is found by searching for its line, and changed
by exchanging its line: neither needs the rest of the text to be parsed.
"""

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import groupby, pairwise
from typing import IO

import msgspec

from ..customers import Customer
from ..record import MAY_BREAK_A_RULE, InvalidRecordError

BLOCK_BYTES = 8192  # how much is searched, or decoded, at once

_WHITE_SPACE = re.compile(r"[ \t\n\r]*")

_decoder = msgspec.json.Decoder(dict[str, Customer])


class ForeignTextError(ValueError):
    """Text that is not a JSON object of customers. The message is one line that names the place."""


class JsonDocument:
    """Customers as text. Does not change: `changed` gives another document."""

    __slots__ = ("_ids", "_lines", "_starts")

    def __init__(self, lines: bytes = b"") -> None:
        """Take lines as `_line` writes them, one after the other, sorted, each ID once."""
        self._lines = lines
        self._starts: list[int] = []  # where each block starts: at a line
        self._ids: list[str] = []  # the ID on that line
        start = 0 if lines else -1
        while start >= 0:
            self._starts.append(start)
            end = lines.find(b"\n", start + 1)
            self._ids.extend(_decode(lines[start:] if end < 0 else lines[start:end]))
            start = lines.find(b"\n", start + BLOCK_BYTES)

    @classmethod
    def parse(cls, text: bytes, known: "JsonDocument | None" = None) -> "JsonDocument":
        """Read a file's text, which may also have been written by hand.

        Args:
            text: The text.
            known: A document that the text may resemble: what is the same is not checked again.

        Raises:
            ForeignTextError: It is not a JSON object of customers.
        """
        if text.startswith(b"{\n") and text.endswith(b"}\n}\n"):
            try:
                document = cls(b"".join((memoryview(text)[1:-3], b",")))
                if document._is_sound(known or cls()):
                    return document
            except (msgspec.DecodeError, UnicodeDecodeError):
                pass  # not of our writing: read it the slow way, which names the place
        customers = sorted(_read_foreign(text), key=lambda customer: customer.customer_id)
        return cls(b"".join(map(_line, customers)))

    def write(self, file: IO[bytes]) -> None:
        """Write the text."""
        file.write(b"{")
        file.write(memoryview(self._lines)[:-1])
        file.write(b"\n}\n")

    def __len__(self) -> int:
        """How many customers there are."""
        return self._lines.count(b"\n")

    def find(self, customer_id: str) -> Customer | None:
        """The customer with this ID."""
        start, end = self._span(customer_id, self._ids_in)
        return _decode(self._lines[start:end])[customer_id] if start < end else None

    def find_many(self, customer_ids: Iterable[str]) -> dict[str, Customer]:
        """Those of some customers who are there, by their IDs."""
        found: dict[str, Customer] = {}
        for position, ids in groupby(sorted(customer_ids), self._block_of):
            if position >= 0:
                block = _decode(self._block_text(position))
                found.update(
                    (customer_id, block[customer_id]) for customer_id in ids if customer_id in block
                )
        return found

    def batches(self, after: str | None = None) -> Iterator[list[Customer]]:
        """Customers in the order of their IDs, in batches; those behind `after` if it is given."""
        block = 0 if after is None else max(0, self._block_of(after))
        for position in range(block, len(self._starts)):
            batch = list(_decode(self._block_text(position)).values())
            if after is not None and position == block:
                batch = [customer for customer in batch if customer.customer_id > after]
            if batch:
                yield batch

    def changed(self, changes: Mapping[str, Customer | None]) -> "JsonDocument":
        """The document with customers added or replaced, or deleted where None is given."""
        pieces = []
        kept = 0
        ids_of = lru_cache(maxsize=1)(self._ids_in)  # changes of one block come one after the other
        for customer_id, customer in sorted(changes.items(), key=lambda change: change[0]):
            start, end = self._span(customer_id, ids_of)
            pieces.append(self._lines[kept:start])
            if customer is not None:
                pieces.append(_line(customer))
            kept = end
        return JsonDocument(b"".join([*pieces, self._lines[kept:]]))

    def _block(self, position: int) -> tuple[int, int]:
        """Where a block starts and ends."""
        is_last = position + 1 == len(self._starts)
        return self._starts[position], len(self._lines) if is_last else self._starts[position + 1]

    def _block_of(self, customer_id: str) -> int:
        """Which block an ID belongs to, -1 if it stands before the first."""
        return bisect_right(self._ids, customer_id) - 1

    def _block_text(self, position: int) -> bytes:
        start, end = self._block(position)
        return self._lines[start:end]

    def _ids_in(self, position: int) -> list[str]:
        return list(_decode(self._block_text(position)))

    def _span(self, customer_id: str, ids_of: Callable[[int], list[str]]) -> tuple[int, int]:
        """Where the line of this ID starts and ends; twice the place it would take if not there."""
        position = self._block_of(customer_id)
        if position < 0:
            return 0, 0
        first, last = self._block(position)
        start = self._lines.find(_line_head(customer_id), first, last)
        if start >= 0:
            end = self._lines.find(b"\n", start + 1, last)
            return start, last if end < 0 else end
        ids = ids_of(position)
        start = first
        for _ in range(bisect_left(ids, customer_id)):
            start = self._lines.find(b"\n", start + 1, last)
            if start < 0:
                return last, last
        return start, start

    def _is_sound(self, known: "JsonDocument") -> bool:
        """Whether the lines are what `_line` writes, keep the rules, and are sorted.

        The blocks that `known` has as well, at its start and at its end, are passed over, but for
        those next to the others.
        """
        low, high = 0, len(self._starts)
        while low < high and self._is_same_block(low, known, 0):
            low += 1
        shift = len(known._lines) - len(self._lines)
        while low < high and self._is_same_block(high - 1, known, shift):
            high -= 1
        before = ""
        for position in range(max(0, low - 1), min(high + 1, len(self._starts))):
            first, end = self._block(position)
            lines = self._lines[first:end]
            customers = list(_decode(lines).values())
            ids = [before, *(customer.customer_id for customer in customers)]
            if b"".join(map(_line, customers)) != lines or any(a >= b for a, b in pairwise(ids)):
                return False
            if MAY_BREAK_A_RULE.search(lines):
                try:
                    for customer in customers:
                        customer.check()
                except InvalidRecordError:
                    return False
            before = ids[-1]
        return True

    def _is_same_block(self, position: int, known: "JsonDocument", shift: int) -> bool:
        start, end = self._block(position)
        return start + shift >= 0 and known._lines.startswith(
            self._lines[start:end], start + shift, end + shift
        )


def _line_head(customer_id: str) -> bytes:
    return b"\n  " + msgspec.json.encode(customer_id) + b": "


def _line(customer: Customer) -> bytes:
    return _line_head(customer.customer_id) + msgspec.json.encode(customer) + b","


def _decode(lines: bytes) -> dict[str, Customer]:
    return _decoder.decode(b"{" + lines[:-1] + b"}")


def _read_foreign(text: bytes) -> Iterable[Customer]:
    """Read a JSON object of customers, whatever its layout, and name the place of a mistake."""
    try:
        decoded = text.decode("utf-8-sig")
        whole = json.loads(decoded)
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise ForeignTextError(f"line {line}: not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ForeignTextError(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise ForeignTextError("nested too deeply") from None
    except ValueError:
        raise ForeignTextError("a number has too many digits") from None
    if not isinstance(whole, dict):
        raise ForeignTextError("line 1: not a JSON object")
    customers: dict[str, Customer] = {}
    for position, customer_id, entry in _members(decoded):
        try:
            if customer_id in customers:
                raise InvalidRecordError("this customer ID stands in the file twice")
            customers[customer_id] = _entry(customer_id, entry)
        except InvalidRecordError as error:
            line = decoded.count("\n", 0, position) + 1
            column = position - decoded.rfind("\n", 0, position)
            raise ForeignTextError(f"line {line}, column {column}: {error}") from None
    return customers.values()


def _members(text: str) -> Iterator[tuple[int, str, object]]:
    """The members of a JSON object, each with its position. The text is known to be valid JSON."""
    scan = json.JSONDecoder().raw_decode
    position = _next_token(text, 0)
    while text[position := _next_token(text, position + 1)] != "}":
        key, end = scan(text, position)
        value, end = scan(text, _next_token(text, _next_token(text, end) + 1))
        yield position, key, value
        position = _next_token(text, end)
        if text[position] == "}":
            break


def _next_token(text: str, position: int) -> int:
    """Where the white space (RFC 8259, section 2) from `position` on ends."""
    match = _WHITE_SPACE.match(text, position)
    return match.end() if match else position


def _entry(customer_id: str, entry: object) -> Customer:
    if not isinstance(entry, dict):
        raise InvalidRecordError("this customer is not a JSON object")
    customer = Customer.from_fields(entry)
    if customer.customer_id != customer_id:
        raise InvalidRecordError("the key and its customerID differ")
    if entry.keys() - set(Customer.__struct_encode_fields__):
        known = ", ".join(Customer.__struct_encode_fields__)
        raise InvalidRecordError(f"a field besides {known}")
    return customer
