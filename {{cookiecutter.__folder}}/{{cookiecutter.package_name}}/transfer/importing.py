"""Bringing the customers of a file into the storage."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from ..customers import Customer
from ..spooled_set import SpooledSet
from ..storage import CustomerStorage, in_batches
from .journal import Checkpoint, Counts, Journal, Task
from .progress import Progress
from .records import Entry, RecordReader
from .source import Source, first_of_each
from .summary import Summary

Batch = dict[Customer, int]  # and the line on which each stands


class OnConflict(StrEnum):
    """What to do with a customer whose ID is there already, with other names."""

    FAIL = "fail"
    SKIP = "skip"
    OVERWRITE = "overwrite"


class ImportStoppedError(Exception):
    """An import cannot go on. The message is one line that says why."""


@dataclass(slots=True)
class Import:
    """One import.

    A customer who is there already, just so, is left alone whatever the options say: to import the
    same file twice does no harm.

    Attributes:
        source: The file.
        storage: Where its customers are brought.
        on_conflict: What to do with a customer who is there already, with other names.
        keep_going: Whether to import the others if something is wrong with one.
        delete_others: Whether to delete, at the end, who is not in the file.
        complain: Is told each thing that is wrong, in one line.
        progress: Makes what shows how far it is, of what is being done and of how much of it.
        counts: What has become of the customers.
        summary: The customers of the file, at the end.
        with_other_fields: How many of them have fields that are not kept.
    """

    source: Source
    storage: CustomerStorage
    on_conflict: OnConflict
    keep_going: bool
    delete_others: bool
    complain: Callable[[str], None]
    progress: Callable[[str, int], Progress]
    counts: Counts = field(default_factory=Counts)
    summary: Summary = field(default_factory=Summary)
    with_other_fields: int = 0
    _task: Task = field(init=False)
    _is_empty: bool = False  # whether nobody was there when it began

    def __post_init__(self) -> None:
        """Note what makes it the same import as another one."""
        options = (self.on_conflict.value, str(self.keep_going), str(self.delete_others))
        self._task = Task(self.storage.place, self.source.version, options)

    def last_checkpoint(self, journal: Journal) -> Checkpoint | None:
        """Where to go on, None if at the start: the last one imported must still be there."""
        found = journal.read(self._task)
        return found if found and self.storage.get(found.last_id) is not None else None

    def rehearse(self, *, ask: bool) -> None:
        """Read and check the whole file, and count what `run` would do; changes nothing.

        Args:
            ask: Whether to ask the storage who is there, too.

        Raises:
            StorageUnavailableError: The storage cannot be asked who is there.
            OSError: The file cannot be read.
        """
        self.counts = Counts()
        self._is_empty = self.storage.estimated_size() == 0
        reader = self.source.reader()
        with SpooledSet() as seen, self.progress("checking", self.source.size) as progress:
            for batch in self._batches(first_of_each(reader, seen)):
                missing, others = self._sorted_out(batch) if ask else (list(batch), [])
                self.counts.added += len(missing)
                if self.on_conflict is OnConflict.OVERWRITE:
                    self.counts.replaced += len(others)
                else:
                    self._leave(batch, others)
                progress.show(reader.offset, reader.summary.customers)
            if self.delete_others and ask:
                self.counts.deleted = sum(1 for _ in self._who_is_not_in(seen))
        self._note(reader)

    def run(self, journal: Journal, start: Checkpoint | None) -> None:
        """Import the file.

        Args:
            journal: What remembers how far it has come.
            start: Where to go on; at the file's start if None.

        Raises:
            ImportStoppedError: A customer is in the way who was not when the file was checked, or
                the file was changed.
            StorageUnavailableError: The storage cannot be used.
            OSError: The file cannot be read, or the journal cannot be written.
        """
        self.counts = start.counts if start else Counts()
        self._is_empty = self.storage.estimated_size() == 0
        with SpooledSet() as seen, self.progress("importing", self.source.size) as progress:
            reader = self._reader_from(start, seen)
            progress.go_on_from(reader.offset, reader.summary.customers)
            records = first_of_each(reader, seen) if self._must_remember else iter(reader)
            for batch in self._batches(records):
                if self.source.version != self._task.version:
                    raise ImportStoppedError("the file was changed while it was read")
                self._write(batch)
                journal.write(
                    Checkpoint(
                        self._task,
                        reader.offset,
                        reader.line,
                        reader.summary.customers,
                        reader.summary.checksum,
                        last_id=next(reversed(batch)).customer_id,
                        counts=self.counts,
                    )
                )
                progress.show(reader.offset, reader.summary.customers)
            if self.delete_others and not self.counts.refused:
                for ids in in_batches(self._who_is_not_in(seen), self.storage.bulk_size):
                    self.counts.deleted += self.storage.delete_many(ids)
        self._note(reader)

    @property
    def _must_remember(self) -> bool:
        """Whether the IDs in the file are needed while it is imported."""
        return self.keep_going or self.delete_others

    def _reader_from(self, start: Checkpoint | None, seen: SpooledSet) -> RecordReader:
        if start is None:
            return self.source.reader()
        if self._must_remember:
            done = self.source.reader()
            for entry in done:
                if entry.customer is not None:
                    seen.add(entry.customer.customer_id)
                if done.offset >= start.offset:
                    break
        summary = Summary(start.customers, int(start.checksum, 16))
        return self.source.reader(start.offset, start.line, summary)

    def _batches(self, records: Iterator[Entry]) -> Iterator[Batch]:
        """The customers with their lines; what is no customer is refused."""
        batch: Batch = {}
        for entry in records:
            if entry.customer is None:
                self._refuse(entry)
                continue
            batch[entry.customer] = entry.line
            if len(batch) == self.storage.bulk_size:
                yield batch
                batch = {}
        if batch:
            yield batch

    def _sorted_out(self, batch: Batch) -> tuple[list[Customer], list[Customer]]:
        """Who of a batch is not there, and who is there with other names; counts the unchanged."""
        if self._is_empty:
            return list(batch), []
        ids = [customer.customer_id for customer in batch]
        there = {customer.customer_id: customer for customer in self.storage.get_many(ids)}
        missing = [customer for customer in batch if customer.customer_id not in there]
        others = [c for c in batch if there.get(c.customer_id, c) != c]
        self.counts.unchanged += len(batch) - len(missing) - len(others)
        return missing, others

    def _write(self, batch: Batch) -> None:
        missing, others = self._sorted_out(batch)
        if self.on_conflict is OnConflict.OVERWRITE:
            self.storage.set_many(missing + others)
            self.counts.added += len(missing)
            self.counts.replaced += len(others)
            return
        came = {customer.customer_id for customer in self.storage.add_many(missing)}
        self.counts.added += len(missing) - len(came)
        self._leave(batch, others + [c for c in missing if c.customer_id in came])
        if self.counts.refused and not self.keep_going:
            raise ImportStoppedError("somebody changed customers meanwhile")

    def _leave(self, batch: Batch, others: list[Customer]) -> None:
        """Leave customers as they are who are there with other names than in the file."""
        if self.on_conflict is OnConflict.SKIP:
            self.counts.skipped += len(others)
            return
        for customer in others:
            problem = "is there already, with other names"
            self._refuse(Entry(batch[customer], customer.customer_id, None, problem))

    def _refuse(self, entry: Entry) -> None:
        self.counts.refused += 1
        self.complain(str(entry))

    def _who_is_not_in(self, seen: SpooledSet) -> Iterator[str]:
        """The IDs in the storage that are not among the file's."""
        for batch in self.storage.stream():
            yield from (c.customer_id for c in batch if c.customer_id not in seen)

    def _note(self, reader: RecordReader) -> None:
        self.summary = reader.summary
        self.with_other_fields = reader.with_other_fields
