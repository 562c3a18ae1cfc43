"""Run a command with a Redis Sentinel cluster beside it: `python -m dev COMMAND ARGS...`.

Without a command, the cluster is there until Ctrl-C. If REDIS_SENTINELS is set, in the environment
or in `.env`, the command gets that cluster, and none is started.
"""

import os
import sys

from dotenv import load_dotenv

from .cluster import Cluster
from .running import check, exit_with, replace, run_or_wait


def main(command: list[str]) -> int:
    """Run the command, or none; returns the exit status."""
    load_dotenv(".env")
    check(command)
    if os.environ.get("REDIS_SENTINELS"):
        replace(command, "REDIS_SENTINELS")
    with Cluster(
        password=os.environ.get("REDIS_PASSWORD", ""),
        sentinel_password=os.environ.get("REDIS_SENTINEL_PASSWORD", ""),
    ) as cluster:
        print(
            "development: a Redis Sentinel cluster of its own, for as long as this runs;"
            f" REDIS_SENTINELS={cluster.environ['REDIS_SENTINELS']}",
            file=sys.stderr,
            flush=True,
        )
        return run_or_wait(command, cluster.environ, cluster.processes)


if __name__ == "__main__":
    exit_with(main)
