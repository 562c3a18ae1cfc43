"""How far a long command is: a bar on a terminal, a quiet line now and then elsewhere."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TextIO

import click

from .summary import counted

SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Shows how many customers are done, how many a second, and how long the rest will take.

    Use it in a `with`.

    Attributes:
        what: What is being done.
    """

    def __init__(
        self,
        what: str,
        whole: int,
        stream: TextIO,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin.

        Args:
            what: What is being done, such as `importing`.
            whole: How much there is to do, in any unit.
            stream: Where it is shown.
            clock: Reads a clock that never goes back, in seconds.
        """
        self.what = what
        self._whole = max(whole, 1)
        self._stream = stream
        self._clock = clock
        self._started = self._shown = clock()
        self._done = 0
        self._first = (0, 0)  # what was done before this began
        self._customers = 0
        self._bar: Any = None
        if stream.isatty():
            self._bar = click.progressbar(
                length=self._whole, label=what, file=stream, item_show_func=lambda _: self._text()
            )

    def go_on_from(self, done: int, customers: int) -> None:
        """Say what was done before, which does not count for the rate.

        Args:
            done: How much of the whole is done.
            customers: How many customers are.
        """
        self._first = (done, customers)
        self.show(done, customers)

    def show(self, done: int, customers: int) -> None:
        """Say how far it is.

        Args:
            done: How much of the whole is done.
            customers: How many customers are.
        """
        step = min(done, self._whole) - self._done
        self._done += step
        self._customers = customers
        if self._bar is not None:
            self._bar.update(step, customers)
        elif self._clock() - self._shown >= SECONDS_BETWEEN_LINES:
            self._shown = self._clock()
            percent = 100 * self._done // self._whole
            left = self._seconds_left()
            rest = "" if left is None else f", about {left:.0f} s left"
            print(f"{self.what}: {self._text()}, {percent} %{rest}", file=self._stream, flush=True)

    def _text(self) -> str:
        rate = (self._customers - self._first[1]) / max(self._clock() - self._started, 0.001)
        return f"{counted(self._customers)}, {rate:,.0f}/s"

    def _seconds_left(self) -> float | None:
        done = self._done - self._first[0]
        if not done:
            return None
        return (self._clock() - self._started) * (self._whole - self._done) / done

    def __enter__(self) -> Self:
        """Show it."""
        if self._bar is not None:
            self._bar.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it."""
        if self._bar is not None:
            self._bar.__exit__(kind, error, trace)
