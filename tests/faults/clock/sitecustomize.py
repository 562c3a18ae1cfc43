"""Lets a service's clock be wrong by what a file says; Python imports this at its start.

The clock that only goes on, time.monotonic(), is left alone: no system lets that one jump.
"""

import os
import time

_NANOSECONDS = 10**9
_MOST_DIGITS = 8
# Kept open, as the time is told also where no file can be opened.
_offset = os.open(os.environ["CLOCK_OFFSET"], os.O_RDONLY)
_right_time_ns = time.time_ns


def _wrong_time_ns() -> int:
    return _right_time_ns() + int(os.pread(_offset, _MOST_DIGITS, 0)) * _NANOSECONDS


def _wrong_time() -> float:
    return _wrong_time_ns() / _NANOSECONDS


time.time_ns = _wrong_time_ns
time.time = _wrong_time
