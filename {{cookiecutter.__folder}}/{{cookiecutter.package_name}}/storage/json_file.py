"""Customers in one JSON file that people can read, written by many threads and processes."""

import errno
import logging
import os
import shutil
import stat
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from ..config import Environment
from ..customers import Customer, InvalidCustomerError, check_customer_id
from ..retry import RetryPolicy
from . import BadCursorError, CustomerStorage, Page, StorageUnavailableError
from .json_document import ForeignTextError, JsonDocument

DEFAULT_PATH = Path(__file__).parents[2] / "customers.json"

_CURSOR = "after:"

# Another program has the file open just now: ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION and
# ERROR_LOCK_VIOLATION (https://learn.microsoft.com/windows/win32/debug/system-error-codes).
_TRANSIENT_ON_WINDOWS = (5, 32, 33)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What the file held when it had a certain version."""

    version: tuple[int, ...] | None
    document: JsonDocument = field(default_factory=JsonDocument)
    problem: str = ""


@dataclass(eq=False, slots=True)
class _Change:
    """What one caller wants written: a customer for each ID, or None to delete it."""

    customers: Mapping[str, Customer | None]
    found: bool = False  # whether the customer to delete was there
    done: bool = False
    problem: str = ""


class JsonFileStorage(CustomerStorage):
    """Keeps customers in a file.

    A write exchanges the whole file for a new one, so that a reader, or a crash, meets either the
    old text or the new one. Threads that want to write at the same time share one such exchange;
    processes take turns by a lock on a file beside it. Reading takes no lock, and parses the file
    only after it changed, whoever changed it.
    """

    def __init__(self, path: Path, retry: RetryPolicy) -> None:
        """Use the file at `path`, which the first write makes if there is none."""
        self._path = path.resolve()
        self._retry = retry
        self._loaded = _Loaded(version=None)
        self._loading = threading.Lock()
        self._waiting: list[_Change] = []
        self._waiting_lock = threading.Lock()
        self._writing = threading.Lock()
        self._file_lock = FileLock(f"{self._path}.lock", thread_local=False)
        # A lock is held for milliseconds, so it is asked for often, and a line each time is noise.
        self._lock_retry = replace(
            retry, backoff=0.001, max_backoff=0.01, max_retries=None, log_level=logging.DEBUG
        )

    @classmethod
    def from_environment(cls, environment: Environment, retry: RetryPolicy) -> Self:
        """Use the file that DATA_PATH names."""
        return cls(Path(environment.text("DATA_PATH", str(DEFAULT_PATH))), retry)

    def get(self, customer_id: str) -> Customer | None:
        """One customer, or None if there is no such ID."""
        return self._read().find(customer_id)

    def set_many(self, customers: Iterable[Customer]) -> None:
        """Add customers, replacing those with the same IDs, all of them or none."""
        self._write(_Change({customer.customer_id: customer for customer in customers}))

    def delete(self, customer_id: str) -> bool:
        """Delete a customer; False if there is no such ID."""
        return self._write(_Change({customer_id: None})).found

    def stream(self) -> Iterator[list[Customer]]:
        """Every customer, in the order of their IDs, as they were at the first batch."""
        yield from self._read().batches()

    def page(self, limit: int, cursor: str | None) -> Page:
        """At most `limit` customers, in the order of their IDs."""
        after = None
        if cursor is not None:
            after = cursor.removeprefix(_CURSOR)
            try:
                check_customer_id(after)
            except InvalidCustomerError:
                raise BadCursorError from None
            if after == cursor:
                raise BadCursorError
        found = list(islice(chain.from_iterable(self._read().batches(after)), limit + 1))
        if len(found) <= limit:
            return Page(found, None)
        return Page(found[:limit], _CURSOR + found[limit - 1].customer_id)

    def check(self) -> Mapping[str, object]:
        """Where the file is, and how many customers are in it."""
        customers = len(self._read())
        if not os.access(self._path.parent, os.W_OK):
            raise StorageUnavailableError(f"{self._path.name}: its folder cannot be written to")
        return {"storage": "JSON file", "file": str(self._path), "customers": customers}

    def close(self) -> None:
        """Nothing is held open."""

    def _read(self) -> JsonDocument:
        try:
            return self._retry.call(self._load, _is_transient)
        except OSError as error:
            raise self._unavailable(error) from error

    def _load(self) -> JsonDocument:
        """The file's document, parsed if the file is not the one that was parsed last."""
        loaded = self._loaded
        if loaded.version != self._version():
            with self._loading:
                loaded = self._loaded
                if loaded.version != self._version():
                    loaded = self._loaded = self._parse()
        if loaded.problem:
            raise StorageUnavailableError(f"{self._path.name}: {loaded.problem}")
        return loaded.document

    def _version(self) -> tuple[int, ...] | None:
        """Tells one content of the file from another; None if there is no file."""
        try:
            info = os.stat(self._path)
        except FileNotFoundError:
            if self._path.parent.is_dir():
                return None
            raise StorageUnavailableError(f"{self._path.name}: its folder does not exist") from None
        if not stat.S_ISREG(info.st_mode):
            raise StorageUnavailableError(f"{self._path.name}: not a regular file")
        return _version_of(info)

    def _parse(self) -> _Loaded:
        try:
            with open(self._path, "rb") as file:
                version = _version_of(os.fstat(file.fileno()))
                text = file.read()
        except FileNotFoundError:
            return _Loaded(version=None)
        try:
            return _Loaded(version, JsonDocument.parse(text, self._loaded.document))
        except ForeignTextError as error:
            return _Loaded(version, problem=str(error))

    def _write(self, change: _Change) -> _Change:
        """Have a change written, by this thread or by one that is about to write anyway."""
        give_up_at = self._retry.give_up_at()
        with self._waiting_lock:
            self._waiting.append(change)
        if not self._writing.acquire(timeout=self._retry.deadline):
            with self._waiting_lock, suppress(ValueError):
                self._waiting.remove(change)
                raise StorageUnavailableError(f"{self._path.name}: too many writes are waiting")
            self._writing.acquire()  # it is being written: the outcome is near
        try:
            if not change.done:
                self._write_waiting(give_up_at)
        finally:
            self._writing.release()
        if change.problem:
            raise StorageUnavailableError(change.problem)
        return change

    def _write_waiting(self, give_up_at: float) -> None:
        """Write the changes of all threads that wait, and tell each how it went."""
        with self._waiting_lock:
            changes, self._waiting = self._waiting, []
        problem = f"{self._path.name}: the write failed"
        try:
            self._retry.call(
                lambda: self._write_once(changes, give_up_at), _is_transient, give_up_at
            )
            problem = ""
        except StorageUnavailableError as error:
            problem = str(error)
        except OSError as error:
            problem = str(self._unavailable(error))
        finally:
            for change in changes:
                change.problem = problem
                change.done = True

    def _write_once(self, changes: Iterable[_Change], give_up_at: float) -> None:
        self._version()  # before the lock, which would make the folder if it is missing
        self._lock_retry.call(
            lambda: self._file_lock.acquire(timeout=0),
            lambda error: isinstance(error, Timeout),
            give_up_at,
        )
        try:
            with suppress(FileNotFoundError):
                # Opening makes a network file system tell what other hosts wrote (nfs(5),
                # "Close-to-open cache consistency").
                os.close(os.open(self._path, os.O_RDONLY))
            document = self._load()
            merged: dict[str, Customer | None] = {}
            for change in changes:
                for customer_id, customer in change.customers.items():
                    if customer is None:
                        known = merged.get(customer_id, document.find(customer_id))
                        change.found = known is not None
                    if customer is not None or change.found:
                        merged[customer_id] = customer
            if merged:
                self._replace_file(document.changed(merged))
        finally:
            self._file_lock.release()

    def _replace_file(self, document: JsonDocument) -> None:
        """Put a new file in the place of the old one, on the disk before this returns."""
        beside = f"{self._path}.tmp"
        try:
            with open(beside, "wb") as file:
                document.write(file)
                file.flush()
                modified = time.time_ns()
                with suppress(FileNotFoundError):
                    shutil.copymode(self._path, beside)
                    # Later than the old file's time even if the clock is coarse, or went back.
                    modified = max(modified, os.stat(self._path).st_mtime_ns + 1000)
                os.utime(beside, ns=(modified, modified))
                os.fsync(file.fileno())
                version = _version_of(os.fstat(file.fileno()))
            os.replace(beside, self._path)
        except OSError:
            with suppress(OSError):
                os.unlink(beside)
            raise
        self._loaded = _Loaded(version, document)
        _sync_folder(self._path.parent)

    def _unavailable(self, error: OSError) -> StorageUnavailableError:
        if isinstance(error, Timeout):
            return StorageUnavailableError(f"{self._path.name}: another process holds its lock")
        reason = error.strerror or type(error).__name__
        return StorageUnavailableError(f"{self._path.name}: {reason}")


def _version_of(info: os.stat_result) -> tuple[int, ...]:
    return info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns


def _is_transient(error: Exception) -> bool:
    """Whether an error passes by itself: a stale handle (NFS), or an open file (Windows)."""
    return isinstance(error, OSError) and (
        error.errno == errno.ESTALE or getattr(error, "winerror", None) in _TRANSIENT_ON_WINDOWS
    )


def _sync_folder(folder: Path) -> None:
    """Put a rename on the disk; Windows has no such call, and NTFS keeps a journal of renames."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
