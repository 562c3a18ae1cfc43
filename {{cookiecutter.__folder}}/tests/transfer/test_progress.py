"""What a long command shows while it goes on."""

import io
from collections.abc import Callable

import pytest

from {{ cookiecutter.package_name }}.transfer.progress import Progress


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """What says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock() -> Clock:
    """The clock that the progress reads."""
    return Clock()


def test_elsewhere_than_on_a_terminal_there_is_a_line_now_and_then(clock: Clock) -> None:
    stream = io.StringIO()
    with Progress("importing", 1000, stream, clock) as progress:
        for second in range(31):
            clock.now = second
            progress.show(done=10 * second, customers=2 * second)
    assert stream.getvalue().splitlines() == [
        "importing: 20 customers, 2/s, 10 %, about 90 s left",
        "importing: 40 customers, 2/s, 20 %, about 80 s left",
        "importing: 60 customers, 2/s, 30 %, about 70 s left",
    ]


def test_what_takes_a_moment_shows_nothing(clock: Clock) -> None:
    stream = io.StringIO()
    with Progress("importing", 10, stream, clock) as progress:
        progress.show(10, 1)
    assert stream.getvalue() == ""


def test_rate_and_time_are_those_of_this_run(clock: Clock) -> None:
    stream = io.StringIO()
    with Progress("importing", 1000, stream, clock) as progress:
        progress.go_on_from(done=500, customers=5000)
        clock.now = 10
        progress.show(done=600, customers=6000)
    assert stream.getvalue() == "importing: 6,000 customers, 100/s, 60 %, about 40 s left\n"


@pytest.mark.parametrize("whole", [0, 5])
def test_estimate_that_was_too_low_does_no_harm(clock: Clock, whole: int) -> None:
    for stream in (io.StringIO(), Terminal()):
        with Progress("exporting", whole, stream, clock) as progress:
            clock.now += 10
            progress.show(done=7, customers=7)
        assert "7 customers" in stream.getvalue()
        assert "100" in stream.getvalue()


def test_terminal_shows_a_bar_with_rate_and_time_left(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    # click's bar reads the time by itself
    now: Callable[[], float] = lambda: 1_000_000 + clock.now  # noqa: E731, short
    monkeypatch.setattr("time.time", now)
    stream = Terminal()
    with Progress("importing", 100, stream, clock) as progress:
        for second in range(1, 6):
            clock.now = second
            progress.show(done=10 * second, customers=1000 * second)
    shown = stream.getvalue().replace("\x1b[?25l", "").split("\r")[-1]
    assert "importing  [" in shown
    assert "50%" in shown
    assert "00:00:05" in shown
    assert "5,000 customers, 1,000/s" in shown
