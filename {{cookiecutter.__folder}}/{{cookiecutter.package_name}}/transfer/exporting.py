"""Writing the customers of the storage into a file."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from ..storage import CustomerStorage
from .progress import Progress
from .records import Format
from .summary import Summary
from .writing import write_customers


def export_customers(
    storage: CustomerStorage,
    file: str,
    file_format: Format,
    *,
    overwrite: bool,
    progress: Callable[[str, int], Progress],
) -> Summary:
    """Write every customer of a storage into a file.

    Args:
        storage: Where the customers are.
        file: The file's path, or `-` for standard output.
        file_format: How the file is to hold them.
        overwrite: Whether a file of that name may be replaced.
        progress: Makes what shows how far it is, of what is being done and of how much of it.

    Returns:
        The customers that were written.

    Raises:
        FileExistsError: There is a file of that name.
        OSError: The file cannot be written, or the reader of the standard output is gone.
        StorageUnavailableError: The storage cannot be read.
    """
    summary = Summary()
    with (
        progress("exporting", storage.estimated_size()) as shown,
        _new_file(file, overwrite=overwrite) as opened,
    ):
        for summary in write_customers(opened, file_format, storage.stream()):
            shown.show(summary.customers, summary.customers)
    return summary


@contextmanager
def _new_file(file: str, *, overwrite: bool) -> Iterator[IO[bytes]]:
    """A file that is there under its name only when it is complete and on the disk."""
    if file == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(file)
    _refuse_existing(path, overwrite=overwrite)
    descriptor, beside = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".part", dir=path.parent)
    try:
        with open(descriptor, "wb") as opened:
            yield opened
            opened.flush()
            os.fsync(opened.fileno())
        _refuse_existing(path, overwrite=overwrite)  # it may have come meanwhile
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise


def _refuse_existing(path: Path, *, overwrite: bool) -> None:
    if not overwrite and os.path.lexists(path):
        raise FileExistsError(f"{path} is there already; choose another name, or add --overwrite")
