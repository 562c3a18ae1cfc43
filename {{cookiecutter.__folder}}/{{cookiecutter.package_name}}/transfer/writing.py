"""Files of customers, written piece by piece."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import IO

import msgspec

from ..customers import Customer
from .records import HEADER, Closing, Format
from .summary import Summary


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
    file.write(HEADER if file_format is Format.JSONL else b"")
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
        closing = Closing(summary.customers, summary.checksum)
        file.write(msgspec.json.encode(closing) + b"\n")
    else:
        file.write(b"\n}\n" if summary.customers else b"{}\n")
    yield summary
