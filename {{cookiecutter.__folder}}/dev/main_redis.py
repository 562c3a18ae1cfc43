"""Run a command with a Redis Sentinel cluster beside it: `python -m dev COMMAND ARGS...`.

Without a command, the cluster is there until Ctrl-C. If REDIS_SENTINELS is set, in the environment
or in `.env`, the command gets that cluster, and none is started.
"""

import os
import signal
import sys

from dotenv import load_dotenv

from .cluster import Cluster
from .processes import ServerError
from .running import check, replace, run, wait


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
        if command:
            return run(command, cluster.environ, cluster.processes)
        return wait(cluster.environ)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ServerError as error:
        sys.exit(f"development: {error}")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
