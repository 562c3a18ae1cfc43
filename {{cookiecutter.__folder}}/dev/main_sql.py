"""Run a command with a PostgreSQL beside it: `python -m dev COMMAND ARGS...`.

Without a command, the server is there until Ctrl-C. If DATABASE_URL is set, in the environment or
in `.env`, the command gets that database, and no server is started.
"""

import os
import sys

from dotenv import load_dotenv

from .postgresql import PostgreSQL
from .running import check, exit_with, replace, run_or_wait


def main(command: list[str]) -> int:
    """Run the command, or none; returns the exit status."""
    load_dotenv(".env")
    check(command)
    if os.environ.get("DATABASE_URL"):
        replace(command, "DATABASE_URL")
    with PostgreSQL() as server:
        print(
            "development: a PostgreSQL of its own, for as long as this runs",
            file=sys.stderr,
            flush=True,
        )
        return run_or_wait(command, server.environ, server.processes)


if __name__ == "__main__":
    exit_with(main)
