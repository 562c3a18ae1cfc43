"""The port: what the service asks of a storage, whichever it is."""

import base64
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar, Self, TypeVar

from flask import Flask

from ..config import Environment
from ..customers import Customer
from ..retry import RetryPolicy

T = TypeVar("T")


class StorageUnavailableError(Exception):
    """The storage cannot be used now. The message is one line that says why, without data."""


class BadCursorError(ValueError):
    """A cursor that this storage did not give out."""

    def __init__(self) -> None:
        super().__init__("cursor is not one that this service gave out")


@dataclass(frozen=True, slots=True)
class Page:
    """Some customers, and the cursor of the page after them, None if there is none."""

    customers: list[Customer]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Report:
    """How a storage is: facts by their names, and a line about each thing that should be mended."""

    facts: Mapping[str, object]
    warnings: Sequence[str] = ()


class CustomerStorage(ABC):
    """Where customers are kept. Safe to use from several threads and several processes.

    Every method raises StorageUnavailableError when the storage cannot be used within the retry
    deadline. A write that returned is kept, whatever happens to the process afterwards.

    Attributes:
        bulk_size: How many customers who writes many of them should give at once.
    """

    bulk_size: ClassVar[int] = 1000

    @classmethod
    @abstractmethod
    def from_environment(cls, environment: Environment, retry: RetryPolicy) -> Self:
        """Make the storage that the configuration describes. Opens nothing yet.

        Raises:
            ConfigError: A variable is missing or malformed.
        """

    def init_app(self, app: Flask) -> None:  # noqa: B027, most storages have nothing to add
        """Add what the storage brings to the application, such as commands."""

    @property
    @abstractmethod
    def place(self) -> str:
        """Which storage this is, as an operator tells it from others: without secrets."""

    @abstractmethod
    def get(self, customer_id: str) -> Customer | None:
        """One customer, or None if there is no such ID."""

    @abstractmethod
    def get_many(self, customer_ids: Sequence[str]) -> list[Customer]:
        """Those of some customers who are there, in no order."""

    @abstractmethod
    def set_many(self, customers: Iterable[Customer]) -> None:
        """Add customers, replacing those with the same IDs; the last one with an ID stays."""

    def set(self, customer: Customer) -> None:
        """Add a customer, or replace the one with the same ID."""
        self.set_many([customer])

    @abstractmethod
    def add_many(self, customers: Sequence[Customer]) -> list[Customer]:
        """Add those customers whose IDs are not there. The IDs that are given must differ.

        Returns:
            What is there and differs from what was to be added.
        """

    @abstractmethod
    def delete_many(self, customer_ids: Sequence[str]) -> int:
        """Delete customers; how many of them were there."""

    def delete(self, customer_id: str) -> bool:
        """Delete a customer; False if there is no such ID."""
        return self.delete_many([customer_id]) > 0

    @abstractmethod
    def stream(self) -> Iterator[list[Customer]]:
        """Every customer, in batches of a bounded size, none of which is empty."""

    @abstractmethod
    def page(self, limit: int, cursor: str | None) -> Page:
        """At most `limit` customers, from the start or from where `cursor` says.

        Raises:
            BadCursorError: The cursor is not one of this storage's.
        """

    @abstractmethod
    def estimated_size(self) -> int:
        """About how many customers there are, at small cost; 0 only if there is none."""

    @abstractmethod
    def check(self) -> Report:
        """What is there, for an operator, if customers can be read and written."""

    @abstractmethod
    def close(self) -> None:
        """Give back what the storage holds open."""


def in_batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Items in lists of up to `size`."""
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch


def encode_cursor(cursor: str) -> str:
    """A storage's cursor as opaque text for a URL (RFC 4648, base64url without padding)."""
    return base64.urlsafe_b64encode(cursor.encode()).decode().rstrip("=")


def decode_cursor(text: str) -> str:
    """The storage's cursor that `encode_cursor` made opaque.

    Raises:
        BadCursorError: The text is not of that form.
    """
    try:
        cursor = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except ValueError:
        raise BadCursorError from None
    if encode_cursor(cursor) != text:
        raise BadCursorError
    return cursor
