"""Comparing the customers of a file with those of the storage."""

from collections.abc import Callable
from dataclasses import dataclass, field

from ..spooled_set import SpooledSet
from ..storage import CustomerStorage, in_batches
from .progress import Progress
from .records import Entry, quoted
from .source import Source, first_of_each
from .summary import Summary

MOST_TOLD = 100


@dataclass(slots=True)
class Comparison:
    """A file and a storage.

    Attributes:
        source: The file.
        storage: The storage.
        complain: Is told each thing that is wrong with the file, and the first differences, in one
            line each.
        progress: Makes what shows how far it is, of what is being done and of how much of it.
        in_file: The customers of the file.
        in_storage: The customers of the storage.
    """

    source: Source
    storage: CustomerStorage
    complain: Callable[[str], None]
    progress: Callable[[str, int], Progress]
    in_file: Summary = field(default_factory=Summary)
    in_storage: Summary = field(default_factory=Summary)
    _differences: int = 0

    def run(self) -> bool:
        """Whether both hold the same customers, and the file nothing else.

        Raises:
            StorageUnavailableError: The storage cannot be read.
            OSError: The file cannot be read.
        """
        with SpooledSet() as seen:
            file_is_sound = self._read_file(seen)
            self._read_storage()
            if self.in_file == self.in_storage:
                return file_is_sound
            self._tell_differences(seen)
            return False

    def _read_file(self, seen: SpooledSet) -> bool:
        is_sound = True
        reader = self.source.reader()
        with self.progress("reading the file", self.source.size) as progress:
            for entry in first_of_each(reader, seen):
                if entry.customer is None:
                    is_sound = False
                    self.complain(str(entry))
                elif reader.summary.customers % self.storage.bulk_size == 0:
                    progress.show(reader.offset, reader.summary.customers)
        self.in_file = reader.summary
        return is_sound

    def _read_storage(self) -> None:
        with self.progress("reading the storage", self.storage.estimated_size()) as progress:
            for batch in self.storage.stream():
                for customer in batch:
                    self.in_storage.add(customer)
                progress.show(self.in_storage.customers, self.in_storage.customers)

    def _tell_differences(self, seen: SpooledSet) -> None:
        with self.progress("comparing", self.source.size) as progress:
            reader = self.source.reader()
            customers = (entry for entry in reader if entry.customer is not None)
            for batch in in_batches(customers, self.storage.bulk_size):
                self._compare(batch)
                progress.show(reader.offset, reader.summary.customers)
        for found in self.storage.stream():
            for customer in found:
                if customer.customer_id not in seen:
                    key = quoted(customer.customer_id)
                    self._tell(f"{key}: is in the storage, and not in the file")
        if self._differences > MOST_TOLD:
            self.complain(f"and {self._differences - MOST_TOLD:,} more differences")

    def _tell(self, difference: str) -> None:
        self._differences += 1
        if self._differences <= MOST_TOLD:
            self.complain(difference)

    def _compare(self, batch: list[Entry]) -> None:
        ids = [entry.key for entry in batch if entry.key is not None]
        there = {customer.customer_id: customer for customer in self.storage.get_many(ids)}
        for entry in batch:
            found = there.get(entry.key or "")
            if found is None:
                self._tell(str(entry._replace(problem="is not in the storage")))
            elif found != entry.customer:
                self._tell(str(entry._replace(problem="has other names in the storage")))
