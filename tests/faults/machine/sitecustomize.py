"""Lets a service believe that its machine is another; Python imports this at its start."""

import fcntl
import os
import time
from typing import Any

_NANOSECONDS = 10**9
_MOST_DIGITS = 8
# Kept open, as the time is told also where no file can be opened.
_offset = os.open(os.environ["CLOCK_OFFSET"], os.O_RDONLY)
_right_time_ns = time.time_ns


def _wrong_time_ns() -> int:
    return _right_time_ns() + int(os.pread(_offset, _MOST_DIGITS, 0)) * _NANOSECONDS


def _wrong_time() -> float:
    return _wrong_time_ns() / _NANOSECONDS


# The clock that only goes on, time.monotonic(), is left alone: no system lets that one jump.
time.time_ns = _wrong_time_ns
time.time = _wrong_time


def _keep_attributes(seconds: float) -> None:
    """See changes of files by others late, unless a lock is taken (nfs(5), acregmin)."""
    kept: dict[Any, tuple[float, os.stat_result]] = {}
    right_stat, right_flock = os.stat, fcntl.flock

    def stat(path: Any, **options: Any) -> os.stat_result:
        now = time.monotonic()
        if path not in kept or kept[path][0] < now:
            kept[path] = now + seconds, right_stat(path, **options)
        return kept[path][1]

    def flock(file: Any, operation: int) -> None:
        kept.clear()
        right_flock(file, operation)

    os.stat, fcntl.flock = stat, flock


if _seconds := os.environ.get("ATTRIBUTES_KEPT_SECONDS"):
    _keep_attributes(float(_seconds))
