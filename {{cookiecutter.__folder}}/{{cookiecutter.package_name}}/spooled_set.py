"""A set of customer IDs that may be larger than the memory for it."""

import sqlite3
from contextlib import suppress
from types import TracebackType
from typing import Self

MOST_IN_MEMORY = 50_000
CACHE_KIB = 8192


class SpooledSet:
    """Remembers texts: some in memory, many in a temporary file that ends with it.

    The file is an unnamed one of SQLite (https://sqlite.org/inmemorydb.html#temp_db), in the folder
    for temporary files. Use it in a `with`.
    """

    def __init__(self, most_in_memory: int = MOST_IN_MEMORY) -> None:
        """Keep up to `most_in_memory` texts in memory."""
        self._most_in_memory = most_in_memory
        self._few: set[str] = set()
        self._file: sqlite3.Connection | None = None

    def add(self, text: str) -> bool:
        """Remember a text; False if it was known.

        Raises:
            OSError: There is no room for a temporary file.
        """
        if self._file is None and len(self._few) < self._most_in_memory:
            known = text in self._few
            self._few.add(text)
            return not known
        try:
            if self._file is None:
                self._file = self._moved_to_file()
            added = self._file.execute("INSERT OR IGNORE INTO texts VALUES (?)", (text,))
        except sqlite3.Error as error:
            raise OSError(f"no room in the folder for temporary files ({error})") from error
        return added.rowcount > 0

    def __contains__(self, text: str) -> bool:
        """Whether a text is remembered."""
        if self._file is None:
            return text in self._few
        found = self._file.execute("SELECT 1 FROM texts WHERE text = ?", (text,)).fetchone()
        return found is not None

    def close(self) -> None:
        """Forget all."""
        self._few.clear()
        if self._file is not None:
            with suppress(sqlite3.Error):
                self._file.close()

    def __enter__(self) -> Self:
        """Use it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Forget all."""
        self.close()

    def _moved_to_file(self) -> sqlite3.Connection:
        # Whoever streams may go on in another thread.
        file = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for statement in (
            "PRAGMA journal_mode = OFF",
            f"PRAGMA cache_size = -{CACHE_KIB}",
            "CREATE TABLE texts (text TEXT PRIMARY KEY) WITHOUT ROWID",
            "BEGIN",
        ):
            file.execute(statement)
        file.executemany("INSERT INTO texts VALUES (?)", ((text,) for text in self._few))
        self._few.clear()
        return file
