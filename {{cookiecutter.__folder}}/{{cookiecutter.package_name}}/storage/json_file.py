"""Customers in one JSON file that people can read, written by many threads and processes."""

import errno
import logging
import os
import shutil
import stat
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
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
from .json_document import ForeignTextError, JsonDocument

DEFAULT_PATH = Path(__file__).parents[2] / "customers.json"

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
        self._path = path.resolve()
        self._retry = retry
        self._loaded = _Loaded(version=None)
        self._loading = threading.Lock()
        self._lock_path = Path(f"{self._path}.lock")
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
        return str(self._path)

    def get(self, customer_id: str) -> Customer | None:
        """One customer, or None if there is no such ID."""
        return self._read().find(customer_id)

    def get_many(self, customer_ids: Sequence[str]) -> list[Customer]:
        """Those of some customers who are there."""
        return list(self._read().find_many(customer_ids).values())

    def set_many(self, customers: Iterable[Customer]) -> None:
        """Add customers, replacing those with the same IDs, all of them or none."""
        changes = {customer.customer_id: customer for customer in customers}
        self._write(_Change(changes, self._retry.give_up_at()))

    def add_many(self, customers: Sequence[Customer]) -> list[Customer]:
        """Add those customers whose IDs are not there, in one write; those who differ from them."""
        wanted = {customer.customer_id: customer for customer in customers}
        change = self._write(_Change(wanted, self._retry.give_up_at(), only_add=True))
        return [customer for customer in change.found if customer != wanted[customer.customer_id]]

    def delete_many(self, customer_ids: Sequence[str]) -> int:
        """Delete customers, in one write; how many of them were there."""
        change = _Change(dict.fromkeys(customer_ids), self._retry.give_up_at())
        return len(self._write(change).found)

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
        for name, needed in (("folder", self._path.parent), ("lock", self._lock_path)):
            if needed.exists() and not os.access(needed, os.W_OK):
                raise StorageUnavailableError(f"{self._path.name}: its {name} cannot be written to")
        return Report({"storage": "JSON file", "file": self.place, "customers": customers})

    def close(self) -> None:
        """Nothing is held open."""

    def _read(self) -> JsonDocument:
        try:
            return self._retry.call(self._load, _is_transient).document
        except OSError as error:
            raise self._unavailable(error) from error

    def _load(self) -> _Loaded:
        """What the file holds, parsed if the file is not the one that was parsed last."""
        loaded = self._loaded
        if loaded.version != self._version():
            with self._loading:
                loaded = self._loaded
                if loaded.version != self._version():
                    loaded = self._loaded = self._parse()
        if loaded.problem:
            raise StorageUnavailableError(f"{self._path.name}: {loaded.problem}")
        return loaded

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
        return change

    def _write_together(self, changes: list[_Change]) -> None:
        """Write changes of several threads at once, and note how it went.

        Those that come while the lock is awaited are added to them.

        While the lock is held elsewhere, only those fail whose time is up; the others are not done.
        """
        give_up_at = min(change.give_up_at for change in changes)
        ended = changes
        problem = f"{self._path.name}: the write failed"
        try:
            if self._retry.call(
                lambda: self._write_once(changes, give_up_at), _is_transient, give_up_at
            ):
                self._retry.call(lambda: sync_folder(self._path.parent), _is_transient, give_up_at)
            problem = ""
        except Timeout:
            problem = f"{self._path.name}: another process holds its lock"
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
        self._version()  # before the lock, which would make the folder if it is missing
        lock = FileLock(self._lock_path)
        self._lock_retry.call(
            lambda: lock.acquire(timeout=0), lambda error: isinstance(error, Timeout), give_up_at
        )
        try:
            with self._turn:
                changes += self._waiting
                self._waiting = []
            with suppress(FileNotFoundError):
                # Opening makes a network file system tell what other hosts wrote (nfs(5),
                # "Close-to-open cache consistency").
                os.close(os.open(self._path, os.O_RDONLY))
            loaded = self._load()
            merged: dict[str, Customer | None] = {}
            for change in changes:
                change.found.clear()  # of the attempt before
                may_stay = change.only_add or None in change.customers.values()
                there = loaded.document.find_many(change.customers) if may_stay else {}
                for customer_id, customer in change.customers.items():
                    if customer is None or change.only_add:
                        known = merged.get(customer_id, there.get(customer_id))
                        if known is not None:
                            change.found.append(known)
                        if (known is None) == (customer is None):
                            continue  # there is none to delete, or one where one is to be added
                    merged[customer_id] = customer
            if merged:
                self._replace_file(loaded, loaded.document.changed(merged))
            return bool(merged)
        finally:
            lock.release()

    def _replace_file(self, old: _Loaded, document: JsonDocument) -> None:
        """Put a new file in the place of the old one, its text on the disk before that."""
        beside = f"{self._path}.tmp"
        try:
            with open(beside, "wb") as file:
                modified = time.time_ns()
                if old.version:
                    shutil.copymode(self._path, beside)
                    # Later than the old file's time even if the clock is coarse, or went back.
                    modified = max(modified, old.version[-1] + 1000)
                document.write(file)
                file.flush()
                os.fsync(file.fileno())
            os.utime(beside, ns=(modified, modified))
            version = _version_of(os.stat(beside))
            if self._version() != old.version:
                raise OSError(errno.ESTALE, "edited just now")  # so read it again
            os.replace(beside, self._path)
        except OSError:
            with suppress(OSError):
                os.unlink(beside)
            raise
        self._loaded = _Loaded(version, document)

    def _unavailable(self, error: OSError) -> StorageUnavailableError:
        reason = error.strerror or type(error).__name__
        return StorageUnavailableError(f"{self._path.name}: {reason}")


def sync_folder(folder: Path) -> None:
    """Put renames on the disk. Windows has no such call; NTFS keeps a journal of renames."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # what has no such call
            raise
    finally:
        os.close(descriptor)


def _version_of(info: os.stat_result) -> tuple[int, ...]:
    return info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns


def _is_transient(error: Exception) -> bool:
    """Whether an error passes by itself: a stale handle (NFS), or an open file (Windows)."""
    return isinstance(error, OSError) and (
        error.errno == errno.ESTALE or getattr(error, "winerror", None) in _TRANSIENT_ON_WINDOWS
    )
