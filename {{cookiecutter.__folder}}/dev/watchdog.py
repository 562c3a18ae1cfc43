"""Ends what its owner leaves behind; `processes.py` starts it.

Usage: watchdog.py FOLDER. Standard input is a pipe that only the owner, and a server that is just
starting, hold open. Its lines are `+N`: end N when the pipe closes, and `-N`: no longer do. As in
kill(2), a negative N is a process group.
"""

import os
import shutil
import signal
import sys
import time

SECONDS_TO_END = 2.0


def send(number: int, target: int) -> bool:
    """Send a signal (0: none, just try); returns whether someone is there to get it."""
    try:
        os.kill(target, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def main(folder: str) -> None:
    """Wait for the owner's end; then end what is listed and delete the folder."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)

    targets: set[int] = set()
    for line in sys.stdin:
        (targets.add if line[0] == "+" else targets.discard)(int(line[1:]))

    groups = {target for target in targets if target < 0}
    children = targets - groups
    for group in groups:
        send(signal.SIGKILL, group)
    for child in children:
        send(signal.SIGTERM, child)  # it may have children of its own to end

    deadline = time.monotonic() + SECONDS_TO_END
    while time.monotonic() < deadline and (children or os.path.exists(folder)):
        # More than once: a killed server may be just writing a file.
        shutil.rmtree(folder, ignore_errors=True)
        children = {child for child in children if send(0, child)}
        time.sleep(0.01)
    for child in children:
        send(signal.SIGKILL, child)


main(sys.argv[1])
