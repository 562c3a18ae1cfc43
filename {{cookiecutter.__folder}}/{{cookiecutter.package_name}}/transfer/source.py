"""The file that is imported or verified."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from ..spooled_set import SpooledSet
from .records import Entry, Format, RecordReader


@dataclass(frozen=True, slots=True)
class Source:
    """A file of customers that can be read more than once.

    Attributes:
        name: What a person calls it.
        file: The file.
        format: How it holds customers.
        is_stream: Whether it was a stream, of which nothing is left afterwards.
    """

    name: str
    file: IO[bytes]
    format: Format
    is_stream: bool

    @property
    def version(self) -> tuple[int, int]:
        """Tells one content from another: the size in bytes, and when it was written, in ns."""
        info = os.fstat(self.file.fileno())
        return info.st_size, info.st_mtime_ns

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return self.version[0]

    def reader(self, *position: Any) -> RecordReader:
        """Reads the records, from the start or from another reader's offset, line and summary."""
        return RecordReader(self.file, self.format, *position)


@contextmanager
def open_source(file: str, file_format: Format) -> Iterator[Source]:
    """Open a file. What can be read only once is copied into a temporary file first.

    Args:
        file: Its path, or `-` for standard input.
        file_format: How it holds customers.

    Raises:
        OSError: It cannot be read.
    """
    name = "standard input" if file == "-" else file
    with sys.stdin.buffer if file == "-" else open(file, "rb") as opened:
        if opened.seekable() and file != "-":
            yield Source(name, opened, file_format, is_stream=False)
            return
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(opened, copy)
            copy.flush()
            yield Source(name, copy, file_format, is_stream=True)


def first_of_each(records: RecordReader, seen: SpooledSet) -> Iterator[Entry]:
    """The records, but for customers whose ID stood in the file before: that is a problem."""
    for entry in records:
        if entry.customer is None or seen.add(entry.customer.customer_id):
            yield entry
        else:
            problem = "this customer ID stands in the file twice"
            yield Entry(entry.line, entry.key, None, problem)
