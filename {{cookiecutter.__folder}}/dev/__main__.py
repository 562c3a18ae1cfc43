"""Run a command with a Redis Sentinel cluster beside it: `python -m dev COMMAND ARGS...`.

Without a command, the cluster is there until Ctrl-C. If REDIS_SENTINELS is set, in the environment
or in `.env`, the command gets that cluster, and none is started.
"""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from types import FrameType

from dotenv import load_dotenv

from .cluster import Cluster, ClusterError

ENDING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
# When to pass on Ctrl-C: the terminal sends it to the command too, and a second one could disturb
# how that ends.
SIGINT_SECONDS = 2.0
# When to tell one that ignores Ctrl-C, as a script's jobs do. The development server also ends what
# it has started then, which a kill would leave behind.
SIGTERM_SECONDS = 3.0
KILL_SECONDS = 10.0


def main(command: list[str]) -> int:
    """Run the command, or none; returns the exit status."""
    load_dotenv(".env")
    if command and not shutil.which(command[0]):
        sys.exit(f"development: {command[0]}: command not found")
    if os.environ.get("REDIS_SENTINELS"):
        if not command:
            sys.exit("development: REDIS_SENTINELS is set, so there is nothing to start")
        os.execvp(command[0], command)  # noqa: S606, no shell

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
        return run(command, cluster) if command else wait(cluster)


def run(command: list[str], cluster: Cluster) -> int:
    """Run a command with the cluster's variables, and pass on what asks to end.

    Returns:
        The exit status, as a shell has it.
    """
    child = subprocess.Popen(command, env={**os.environ, **cluster.environ})  # noqa: S603
    cluster.processes.guard(child.pid)

    def pass_on(number: int, frame: FrameType | None) -> None:
        delay = SIGINT_SECONDS if number == signal.SIGINT else 0
        for seconds, sent in (
            (delay, number),
            (SIGTERM_SECONDS, signal.SIGTERM),
            (KILL_SECONDS, signal.SIGKILL),
        ):
            timer = threading.Timer(seconds, child.send_signal, [sent])
            timer.daemon = True
            timer.start()

    for ending in ENDING:
        signal.signal(ending, pass_on)
    status = child.wait()
    cluster.processes.unguard(child.pid)
    return status if status >= 0 else 128 - status


def wait(cluster: Cluster) -> int:
    """Print the cluster's variables for another terminal, and wait for Ctrl-C."""
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    for name, value in cluster.environ.items():
        print(f"export {name}={shlex.quote(value)}", flush=True)
    signal.sigwait(ENDING)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ClusterError as error:
        sys.exit(f"development: {error}")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
