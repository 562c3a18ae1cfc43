"""Storages that give customers in the order of their IDs, by code point."""

from abc import abstractmethod
from collections.abc import Iterator

from ..customers import Customer, check_customer_id
from ..record import InvalidRecordError
from . import BadCursorError, CustomerStorage, Page

BATCH = 1000

_CURSOR = "after:"


class OrderedStorage(CustomerStorage):
    """Lists customers by asking for those behind an ID."""

    @abstractmethod
    def after(self, customer_id: str, count: int) -> list[Customer]:
        """The first customers behind an ID, which may be empty, in the order of their IDs.

        Args:
            customer_id: The ID. Nobody needs to have it.
            count: How many customers at most.
        """

    def stream(self) -> Iterator[list[Customer]]:
        """Every customer, in the order of their IDs.

        Each batch is a read of its own, so that a slow client holds nothing up.
        """
        last = ""
        while batch := self.after(last, BATCH):
            yield batch
            if len(batch) < BATCH:
                return
            last = batch[-1].customer_id

    def page(self, limit: int, cursor: str | None) -> Page:
        """At most `limit` customers, in the order of their IDs."""
        found = self.after("" if cursor is None else _id_in(cursor), limit + 1)
        if len(found) <= limit:
            return Page(found, None)
        return Page(found[:limit], _CURSOR + found[limit - 1].customer_id)


def _id_in(cursor: str) -> str:
    if not cursor.startswith(_CURSOR):
        raise BadCursorError
    try:
        return check_customer_id(cursor.removeprefix(_CURSOR))
    except InvalidRecordError:
        raise BadCursorError from None
