"""Ends what its owner leaves behind; `processes.py` starts it.

Usage: watchdog.py FOLDER. Standard input is a pipe that only the owner, and a server that is just
starting, hold open. Its lines are `+N S`: end N with signal S when the pipe closes, and `-N`: no
longer do. As in kill(2), a negative N is a process group.
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
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)

    targets: dict[int, int] = {}
    for line in sys.stdin:
        target, *number = map(int, line[1:].split())
        if line[0] == "+":
            targets[target] = number[0]
        else:
            targets.pop(target, None)

    for target, ending in targets.items():
        send(ending, target)
    # The others may have children of their own to end, and need their files for that.
    left = {target for target, ending in targets.items() if ending != signal.SIGKILL}

    deadline = time.monotonic() + SECONDS_TO_END
    while time.monotonic() < deadline and (left := {one for one in left if send(0, one)}):
        time.sleep(0.01)
    for target in left:
        send(signal.SIGKILL, target)

    deadline = time.monotonic() + SECONDS_TO_END
    while time.monotonic() < deadline and os.path.exists(folder):
        # More than once: a killed server may be just writing a file.
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.01)


main(sys.argv[1])
