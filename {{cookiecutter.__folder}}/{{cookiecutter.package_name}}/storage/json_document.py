"""The text of the customers' file, and how to find and change customers in it.

The text is a JSON object with one customer a line, sorted by ID (by code point):

    {
      "1": {"customerID":"1","firstName":"Ada","lastName":"Lovelace"},
      "2": {"customerID":"2","firstName":"Alan","lastName":"Turing"}
    }

A JSON string never holds a line end, so a customer is found by searching for its line, and changed
by exchanging the few kilobytes around it: neither needs the rest of the text to be parsed.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import groupby
from typing import IO

import msgspec

from ..customers import Customer
from ..record import MAY_BREAK_A_RULE, InvalidRecordError
from .json_by_hand import read_by_hand

BLOCK_BYTES = 8192  # how much is searched, decoded, or exchanged at once

_encode = msgspec.json.Encoder().encode
_customer = msgspec.json.Decoder(Customer)
_customers = msgspec.json.Decoder(dict[str, Customer])


class JsonDocument:
    """Customers as text. Does not change: `changed` gives another document."""

    __slots__ = ("_ids", "_lines", "_starts")

    def __init__(self, lines: bytes = b"") -> None:
        """Take lines as `_line` writes them, one after the other, sorted, each ID once."""
        self._lines = lines
        self._starts = [0]  # where each block starts: at a line
        self._ids = [""]  # the ID on that line; in the first block none comes before ""
        while (start := lines.find(b"\n", self._starts[-1] + BLOCK_BYTES)) >= 0:
            end = lines.find(b"\n", start + 1)
            self._starts.append(start)
            self._ids.extend(_decode(lines[start : end if end >= 0 else None]))

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
            with suppress(msgspec.DecodeError, UnicodeDecodeError, InvalidRecordError):
                document = cls(b"".join((memoryview(text)[1:-3], b",")))
                if document._is_sound(known or cls()):
                    return document
        return cls().changed(read_by_hand(text))

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
        block = self._block(self._position(customer_id))
        _, head, rest = block.partition(_head(customer_id))
        return _customer.decode(rest.partition(b"\n")[0][:-1]) if head else None

    def find_many(self, customer_ids: Iterable[str]) -> dict[str, Customer]:
        """Those of some customers who are there, by their IDs."""
        found: dict[str, Customer] = {}
        for position, ids in groupby(sorted(customer_ids), self._position):
            block = _decode(self._block(position))
            found.update((key, block[key]) for key in ids if key in block)
        return found

    def batches(self, after: str = "") -> Iterator[list[Customer]]:
        """Customers behind an ID, which may be empty, in the order of their IDs, in batches."""
        first = self._position(after)
        for position in range(first, len(self._starts)):
            batch = list(_decode(self._block(position)).values())
            if position == first:
                batch = [customer for customer in batch if customer.customer_id > after]
            if batch:
                yield batch

    def changed(self, changes: Mapping[str, Customer | None]) -> "JsonDocument":
        """The document with customers added or replaced, or deleted where None is given."""
        old = memoryview(self._lines)
        pieces: list[bytes | memoryview] = []
        kept = 0
        for position, ids in groupby(sorted(changes), self._position):
            start, end = self._bounds(position)
            block = self._lines[start:end]
            pieces += [old[kept:start], *_exchanged(block, {key: changes[key] for key in ids})]
            kept = end
        return JsonDocument(b"".join([*pieces, old[kept:]]))

    def _position(self, customer_id: str) -> int:
        """Which block an ID belongs to."""
        return bisect_right(self._ids, customer_id) - 1

    def _bounds(self, position: int) -> tuple[int, int]:
        """Where a block starts and ends."""
        is_last = position + 1 == len(self._starts)
        return self._starts[position], len(self._lines) if is_last else self._starts[position + 1]

    def _block(self, position: int) -> bytes:
        start, end = self._bounds(position)
        return self._lines[start:end]

    def _is_sound(self, known: "JsonDocument") -> bool:
        """Whether the lines are what `_line` writes, and are sorted.

        The blocks that `known` has as well, at its start and at its end, are passed over, but for
        those next to the others.

        Raises:
            InvalidRecordError: A customer breaks a rule.
            msgspec.DecodeError: A line is none of a customer.
        """
        low, high = 0, len(self._starts)
        while low < high and self._is_same_block(low, known, 0):
            low += 1
        shift = len(known._lines) - len(self._lines)
        while low < high and self._is_same_block(high - 1, known, shift):
            high -= 1
        before = ""
        for position in range(max(0, low - 1), min(high + 1, len(self._starts))):
            block = self._block(position)
            customers = list(_decode(block).values())
            ids = [before, *(customer.customer_id for customer in customers)]
            if b"".join(map(_line, customers)) != block or ids != sorted(set(ids)):
                return False
            if MAY_BREAK_A_RULE.search(block):
                for customer in customers:
                    customer.check()
            before = ids[-1]
        return True

    def _is_same_block(self, position: int, known: "JsonDocument", shift: int) -> bool:
        start, end = self._bounds(position)
        return start + shift >= 0 and known._lines.startswith(
            self._lines[start:end], start + shift, end + shift
        )


def _exchanged(block: bytes, changes: Mapping[str, Customer | None]) -> list[bytes]:
    """The lines of a block, with those of some customers exchanged, added, or taken away."""
    changed = {key: _line(customer) if customer else b"" for key, customer in changes.items()}
    if len(changed) == 1:
        ((key, line),) = changed.items()
        before, head, rest = block.partition(_head(key))
        if head:  # then this is quicker than to decode the block
            _, line_end, after = rest.partition(b"\n")
            return [before, line, line_end, after]
    texts = (b"\n" + text for text in block.split(b"\n")[1:])
    lines = dict(zip(_decode(block), texts, strict=True)) | changed
    return [lines[key] for key in sorted(lines)]


def _head(customer_id: str) -> bytes:
    return b"\n  %b: " % _encode(customer_id)


def _line(customer: Customer) -> bytes:
    return b"%b%b," % (_head(customer.customer_id), _encode(customer))


def _decode(lines: bytes) -> dict[str, Customer]:
    return _customers.decode(b"{" + lines[:-1] + b"}")
