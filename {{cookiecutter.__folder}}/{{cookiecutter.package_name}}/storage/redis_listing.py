"""Listing all customers, at once or in pages, by SCAN."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from ..customers import Customer, check_customer_id
from ..spooled_set import SpooledSet
from . import BadCursorError, Page, in_batches
from .redis_records import Records

BATCH = 1000


class Position(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How far a listing has come, in one run of one server: another one has another order.

    Attributes:
        run_id: The server's run; empty before the first SCAN.
        scan_cursor: Where SCAN goes on; 0 at both ends of a turn.
        pending: IDs that were found, and did not fit in the page.
        turn: Which of the prefixes is gone through.
    """

    run_id: str = ""
    scan_cursor: int = 0
    pending: tuple[str, ...] = ()
    turn: int = 0

    @property
    def at_end_of_turn(self) -> bool:
        """Whether SCAN has come to its end."""
        return bool(self.run_id) and self.scan_cursor == 0

    def at_end_of(self, turn: int) -> bool:
        """Whether SCAN has come to its end in that turn."""
        return self.at_end_of_turn and self.turn == turn


class Listing:
    """Goes through all keys that begin with a prefix, in one turn or in several."""

    def __init__(self, redis_command: Callable[..., Any], records: Records) -> None:
        self._redis_command = redis_command
        self._records = records

    def stream(self) -> Iterator[list[Customer]]:
        """Every customer, in no order.

        Those who are there all the time come once each, also if the master changes meanwhile. To
        that end the IDs that were seen are remembered, in a temporary file if they are many.
        """
        position = self._start()
        with SpooledSet() as seen:
            while not position.at_end_of(max(self._records.turns)):
                position = self._redis_command(self.scan, position, BATCH)
                fresh = [customer_id for customer_id in position.pending if seen.add(customer_id)]
                for ids in in_batches(fresh, BATCH):
                    if found := self._redis_command(self._records.listed, ids):
                        yield found

    def page(self, limit: int, cursor: str | None) -> Page:
        """At most `limit` customers, in the order of SCAN.

        A customer may come twice when the master has changed since the page before.
        """
        position = self._start() if cursor is None else _position_of(cursor)
        found: list[Customer] = []
        count = limit
        while True:
            while position.pending and len(found) < limit:
                ids = position.pending
                taken = limit - len(found)
                found += self._redis_command(self._records.listed, ids[:taken])
                position = msgspec.structs.replace(position, pending=ids[taken:])
            if position.at_end_of(self._records.last_turn_of_page) and not position.pending:
                return Page(found, None)
            if len(found) == limit:
                return Page(found, msgspec.json.encode(position).decode())
            position = self._redis_command(self.scan, position, count)
            if not position.pending:  # other keys lie between the customers
                count = min(2 * count, BATCH)

    def scan(self, position: Position, count: int) -> Position:
        """Go on from a position; what was found is `pending`.

        Another server starts it anew, and so does a turn that only another configuration has.
        """
        turn = position.turn + position.at_end_of_turn
        if turn not in self._records.turns:
            return self.scan(self._start(), count)
        prefix = self._records.turns[turn]
        run_id, scan_cursor, keys = self._records.scan(prefix, position.scan_cursor, count)
        if position.run_id not in ("", run_id):
            return self.scan(self._start(), count)
        return Position(run_id, scan_cursor, tuple(self._records.ids_in(keys, prefix)), turn)

    def _start(self) -> Position:
        return Position(turn=min(self._records.turns))


def _position_of(cursor: str) -> Position:
    try:
        position = msgspec.json.decode(cursor, type=Position)
        for customer_id in position.pending:
            check_customer_id(customer_id)
    except (msgspec.MsgspecError, ValueError):
        raise BadCursorError from None
    if not position.run_id or not 0 <= position.scan_cursor < 2**64:
        raise BadCursorError
    return position
