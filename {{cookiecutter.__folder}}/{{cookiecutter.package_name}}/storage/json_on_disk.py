"""The customers' file on the disk: read again once it has changed, and replaced as a whole."""

import errno
import os
import shutil
import stat
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from . import StorageUnavailableError
from .json_by_hand import ForeignTextError
from .json_document import JsonDocument

# Another program has the file open just now: ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION and
# ERROR_LOCK_VIOLATION (https://learn.microsoft.com/windows/win32/debug/system-error-codes).
_TRANSIENT_ON_WINDOWS = (5, 32, 33)

Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the file held when it had a certain version, None if there was no file."""

    version: Version | None
    document: JsonDocument = field(default_factory=JsonDocument)
    problem: str = ""


class FileOnDisk:
    """A file with a document in it.

    Each method raises OSError if the system refuses something, and StorageUnavailableError if the
    folder is missing or the file is not one of customers.
    """

    def __init__(self, path: Path) -> None:
        """Use the file at `path`, which need not be there yet."""
        self.path = path
        self._loaded = Loaded(version=None)
        self._loading = threading.Lock()

    def load(self) -> Loaded:
        """What the file holds, parsed if the file is not the one that was parsed last."""
        loaded = self._loaded
        if loaded.version != self.version():
            with self._loading:
                loaded = self._loaded
                if loaded.version != self.version():
                    loaded = self._loaded = self._parse()
        if loaded.problem:
            raise StorageUnavailableError(f"{self.path.name}: {loaded.problem}")
        return loaded

    def load_from_network(self) -> Loaded:
        """What the file holds, also if another host wrote it just now."""
        with suppress(FileNotFoundError):
            # Opening makes a network file system tell what other hosts wrote (nfs(5),
            # "Close-to-open cache consistency").
            os.close(os.open(self.path, os.O_RDONLY))
        return self.load()

    def version(self) -> Version | None:
        """Tells one content of the file from another; None if there is no file."""
        try:
            info = os.stat(self.path)
        except FileNotFoundError:
            if self.path.parent.is_dir():
                return None
            raise StorageUnavailableError(f"{self.path.name}: its folder does not exist") from None
        if not stat.S_ISREG(info.st_mode):
            raise StorageUnavailableError(f"{self.path.name}: not a regular file")
        return _version_of(info)

    def replace(self, old: Loaded, document: JsonDocument) -> None:
        """Put a new file in the place of the old one, its text on the disk before that."""
        beside = f"{self.path}.tmp"
        try:
            with open(beside, "wb") as file:
                modified = time.time_ns()
                if old.version:
                    shutil.copymode(self.path, beside)
                    # Later than the old file's time even if the clock is coarse, or went back.
                    modified = max(modified, old.version[-1] + 1000)
                document.write(file)
                file.flush()
                os.fsync(file.fileno())
            os.utime(beside, ns=(modified, modified))
            version = _version_of(os.stat(beside))
            if self.version() != old.version:
                raise OSError(errno.ESTALE, "edited just now")  # so read it again
            os.replace(beside, self.path)
        except OSError:
            with suppress(OSError):
                os.unlink(beside)
            raise
        self._loaded = Loaded(version, document)

    def _parse(self) -> Loaded:
        try:
            with open(self.path, "rb") as file:
                version = _version_of(os.fstat(file.fileno()))
                text = file.read()
        except FileNotFoundError:
            return Loaded(version=None)
        try:
            return Loaded(version, JsonDocument.parse(text, self._loaded.document))
        except ForeignTextError as error:
            return Loaded(version, problem=str(error))


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


def is_transient(error: Exception) -> bool:
    """Whether an error passes by itself: a stale handle (NFS), or an open file (Windows)."""
    return isinstance(error, OSError) and (
        error.errno == errno.ESTALE or getattr(error, "winerror", None) in _TRANSIENT_ON_WINDOWS
    )


def _version_of(info: os.stat_result) -> Version:
    return info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns
