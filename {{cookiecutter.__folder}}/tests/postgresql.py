"""How the tests of `dev/` look at a PostgreSQL: connections, processes, shared memory."""

import os
from contextlib import suppress
from pathlib import Path

import psycopg


def connect(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


def shared_memory_of(folder: Path) -> str:
    """The ID of a running server's shared memory segment."""
    *_, segment = (folder / "data" / "postmaster.pid").read_text().splitlines()[6].split()
    return segment


def shared_memory() -> list[str]:
    """The IDs of the shared memory segments that there are (Linux)."""
    table = Path("/proc/sysvipc/shm")
    lines = table.read_text().splitlines()[1:] if table.exists() else []
    return [line.split()[1] for line in lines]


def processes_in(folder: Path) -> list[str]:
    """The processes that work in a folder, be it deleted; the server's children do (Linux)."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            if os.readlink(link).startswith(str(folder)):
                found.append(link.parent.name)
    return found
