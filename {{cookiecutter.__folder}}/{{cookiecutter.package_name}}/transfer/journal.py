"""How far an import has come, so that another one can go on there."""

import os
from contextlib import suppress
from pathlib import Path

import msgspec

from .source import Source


class Counts(msgspec.Struct):
    """What became of the customers of a file."""

    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    skipped: int = 0
    deleted: int = 0
    refused: int = 0

    def __str__(self) -> str:
        """For a person: what happened at all."""
        named = msgspec.structs.asdict(self).items()
        return ", ".join(f"{count:,} {name}" for name, count in named if count) or "nothing to do"


class Task(msgspec.Struct, frozen=True):
    """Which import it is: another file, storage or option makes another one."""

    place: str
    version: tuple[int, int]
    options: tuple[str, ...]


class Checkpoint(msgspec.Struct, forbid_unknown_fields=True):
    """How far an import has come.

    Attributes:
        task: Which import it is.
        offset: How many bytes of the file are done.
        line: The number of the line behind them.
        customers: How many customers they hold.
        checksum: The checksum of those.
        last_id: The last one's ID.
        counts: What became of them.
    """

    task: Task
    offset: int
    line: int
    customers: int
    checksum: str
    last_id: str
    counts: Counts


class Journal:
    """Remembers the last checkpoint in a small file beside the one that is imported.

    It is written after the storage has acknowledged a batch, so it may be behind, and never ahead.
    """

    def __init__(self, source: Source) -> None:
        """Take the journal of a file. A stream has none, and nothing is remembered of it."""
        self._path = None if source.is_stream else Path(f"{source.name}.importing")

    @property
    def works(self) -> bool:
        """Whether anything can be remembered."""
        return self._path is not None and os.access(self._path.parent, os.W_OK)

    def read(self, task: Task) -> Checkpoint | None:
        """The last checkpoint of an import, None if there is none."""
        if self._path is None:
            return None
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=Checkpoint)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return None
        return found if found.task == task else None

    def write(self, checkpoint: Checkpoint) -> None:
        """Remember a checkpoint.

        Raises:
            OSError: There is no room, for example.
        """
        if self._path is not None and self.works:
            beside = Path(f"{self._path}.tmp")
            beside.write_bytes(msgspec.json.encode(checkpoint))
            beside.replace(self._path)

    def forget(self) -> None:
        """The import is complete."""
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink()
