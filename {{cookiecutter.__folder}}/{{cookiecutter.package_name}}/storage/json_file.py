"""Customers in one JSON file that people can read, written by many threads and processes."""

import logging
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import ClassVar, Self

from filelock import FileLock, Timeout

from ..config import Environment
from ..customers import Customer
from ..retry import RetryPolicy
from . import Report, StorageUnavailableError
from .in_order import OrderedStorage
from .json_document import JsonDocument
from .json_on_disk import FileOnDisk, is_transient, sync_folder

DEFAULT_PATH = Path(__file__).parents[2] / "customers.json"


@dataclass(eq=False, slots=True)
class _Change:
    """What one caller wants written: a customer for each ID, or None to delete it."""

    customers: Mapping[str, Customer | None]
    give_up_at: float  # on the retry policy's clock
    only_add: bool = False  # whether customers who are there stay as they are
    found: list[Customer] = field(default_factory=list)  # who was there
    done: bool = False
    problem: str = ""


class JsonFileStorage(OrderedStorage):
    """Keeps customers in a file.

    A write exchanges the whole file for a new one, so that a reader, or a crash, meets either the
    old text or the new one. Threads that want to write at the same time share one such exchange;
    processes take turns by a lock on a file beside it. Reading takes no lock, and parses the file
    only after it changed, whoever changed it.
    """

    bulk_size: ClassVar[int] = 50_000  # as each write exchanges the whole file

    def __init__(self, path: Path, retry: RetryPolicy) -> None:
        """Use the file at `path`, which the first write makes if there is none."""
        self._file = FileOnDisk(path.resolve())
        self._retry = retry
        self._lock_path = Path(f"{self._file.path}.lock")
        self._turn = threading.Condition()  # guards the next two
        self._waiting: list[_Change] = []
        self._busy = False  # whether a thread writes for all that waited
        # A lock is held for milliseconds, so it is asked for often, and a line each time is noise.
        self._lock_retry = replace(
            retry, backoff=0.001, max_backoff=0.01, max_retries=None, log_level=logging.DEBUG
        )

    @classmethod
    def from_environment(cls, environment: Environment, retry: RetryPolicy) -> Self:
        """Use the file that DATA_PATH names."""
        return cls(Path(environment.text("DATA_PATH", str(DEFAULT_PATH))), retry)

    @property
    def place(self) -> str:
        """The file's path."""
        return str(self._file.path)

    def get(self, customer_id: str) -> Customer | None:
        """One customer, or None if there is no such ID."""
        return self._read().find(customer_id)

    def get_many(self, customer_ids: Sequence[str]) -> list[Customer]:
        """Those of some customers who are there."""
        return list(self._read().find_many(customer_ids).values())

    def set_many(self, customers: Iterable[Customer]) -> None:
        """Add customers, replacing those with the same IDs, all of them or none."""
        self._write({customer.customer_id: customer for customer in customers})

    def add_many(self, customers: Sequence[Customer]) -> list[Customer]:
        """Add those customers whose IDs are not there, in one write; those who differ from them."""
        wanted = {customer.customer_id: customer for customer in customers}
        found = self._write(wanted, only_add=True)
        return [customer for customer in found if customer != wanted[customer.customer_id]]

    def delete_many(self, customer_ids: Sequence[str]) -> int:
        """Delete customers, in one write; how many of them were there."""
        return len(self._write(dict.fromkeys(customer_ids)))

    def stream(self) -> Iterator[list[Customer]]:
        """Every customer, in the order of their IDs, as they were at the first batch."""
        yield from self._read().batches()

    def after(self, customer_id: str, count: int) -> list[Customer]:
        """The first customers behind an ID, in the order of their IDs."""
        return list(islice(chain.from_iterable(self._read().batches(customer_id)), count))

    def estimated_size(self) -> int:
        """How many customers there are."""
        return len(self._read())

    def check(self) -> Report:
        """Where the file is, and how many customers are in it."""
        customers = len(self._read())
        for name, needed in (("folder", self._lock_path.parent), ("lock", self._lock_path)):
            if needed.exists() and not os.access(needed, os.W_OK):
                raise StorageUnavailableError(
                    f"{self._file.path.name}: its {name} cannot be written to"
                )
        return Report({"storage": "JSON file", "file": self.place, "customers": customers})

    def close(self) -> None:
        """Nothing is held open."""

    def _read(self) -> JsonDocument:
        try:
            return self._retry.call(self._file.load, is_transient).document
        except OSError as error:
            raise self._unavailable(error) from error

    def _write(
        self, customers: Mapping[str, Customer | None], *, only_add: bool = False
    ) -> list[Customer]:
        """Have a change written, by this thread or by one that is about to write anyway.

        Returns:
            Who was there, if that matters to the change.
        """
        change = _Change(customers, self._retry.give_up_at(), only_add)
        with self._turn:
            self._waiting.append(change)
        while not change.done:
            with self._turn:
                self._turn.wait_for(lambda: change.done or not self._busy)
                if change.done:
                    break
                self._busy = True
                changes, self._waiting = self._waiting, []
            try:
                self._write_together(changes)
            finally:
                with self._turn:
                    self._busy = False
                    self._waiting[:0] = [other for other in changes if not other.done]
                    self._turn.notify_all()
        if change.problem:
            raise StorageUnavailableError(change.problem)
        return change.found

    def _write_together(self, changes: list[_Change]) -> None:
        """Write changes of several threads at once, and note how it went.

        Those that come while the lock is awaited are added to them.

        While the lock is held elsewhere, only those fail whose time is up; the others are not done.
        """
        give_up_at = min(change.give_up_at for change in changes)
        ended = changes
        problem = f"{self._file.path.name}: the write failed"
        try:
            if self._retry.call(
                lambda: self._write_once(changes, give_up_at), is_transient, give_up_at
            ):
                folder = self._file.path.parent
                self._retry.call(lambda: sync_folder(folder), is_transient, give_up_at)
            problem = ""
        except Timeout:
            problem = f"{self._file.path.name}: another process holds its lock"
            now = self._retry.clock() + self._lock_retry.backoff
            ended = [change for change in changes if change.give_up_at <= now]
        except StorageUnavailableError as error:
            problem = str(error)
        except OSError as error:
            problem = str(self._unavailable(error))
        finally:
            for change in ended:
                change.problem = problem
                change.done = True

    def _write_once(self, changes: list[_Change], give_up_at: float) -> bool:
        """Write changes, and say whether there was anything to write."""
        self._file.version()  # before the lock, which would make the folder if it is missing
        lock = FileLock(self._lock_path)  # a new one, as one from before a fork is refused
        self._lock_retry.call(
            lambda: lock.acquire(timeout=0), lambda error: isinstance(error, Timeout), give_up_at
        )
        try:
            with self._turn:
                changes += self._waiting
                self._waiting = []
            loaded = self._file.load_from_network()
            merged = _merged(changes, loaded.document)
            if merged:
                self._file.replace(loaded, loaded.document.changed(merged))
            return bool(merged)
        finally:
            lock.release()

    def _unavailable(self, error: OSError) -> StorageUnavailableError:
        reason = error.strerror or type(error).__name__
        return StorageUnavailableError(f"{self._file.path.name}: {reason}")


def _merged(changes: list[_Change], document: JsonDocument) -> dict[str, Customer | None]:
    """What changes, one after the other, make of a document; notes in each who was there."""
    merged: dict[str, Customer | None] = {}
    for change in changes:
        change.found = []  # not those of the attempt before
        may_stay = change.only_add or None in change.customers.values()
        there = document.find_many(change.customers) if may_stay else {}
        for customer_id, customer in change.customers.items():
            if customer is None or change.only_add:
                known = merged.get(customer_id, there.get(customer_id))
                if known is not None:
                    change.found.append(known)
                if (known is None) == (customer is None):
                    continue  # there is none to delete, or one where one is to be added
            merged[customer_id] = customer
    return merged
