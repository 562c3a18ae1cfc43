"""Draws requests over time as SVG, to be read on a light and on a dark background."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from benchmarks.picture import picture, text

BIN_SECONDS = 0.1
LEFT, RIGHT = 70, 830
TOP = 92
PANEL_HEIGHT = 150
PANEL_DISTANCE = 212
WAITS = (0.001, 0.01, 0.1, 1, 10)  # the ends and the ticks of a logarithmic axis
LIGHT = """\
    .mark { stroke: #59636e; stroke-width: 1; stroke-dasharray: 4 3 }
    .answered { fill: #6cb2eb }
    .error { fill: #cf222e }
    .wait { fill: #7a3ea8 }
"""
DARK = """\
      .mark { stroke: #9198a1 }
      .answered { fill: #1f6feb }
      .error { fill: #ff7b72 }
      .wait { fill: #e2c5ff }
"""


class Moment(NamedTuple):
    """A request that was answered, at a time in seconds."""

    at: float
    waited: float
    is_error: bool


class Panel(NamedTuple):
    """What to draw of one service: its requests, and when there was a new master."""

    name: str
    moments: Sequence[Moment]
    new_master_at: float
    stall: float


def draw(title: str, panels: Sequence[Panel], span: tuple[float, float]) -> str:
    """Panels below each other, with the same axes, as the text of an SVG file."""
    most = max(count for panel in panels for count in _counts(panel.moments, span))
    height = TOP + PANEL_DISTANCE * len(panels)
    parts = [*_legend()]
    for number, panel in enumerate(panels):
        parts += _panel(panel, TOP + number * PANEL_DISTANCE, span, most)
    parts += [text((LEFT + RIGHT) / 2, height - 12, "seconds since the kill", "small", "middle")]
    return picture(title, LEFT, height, parts, LIGHT, DARK)


def _legend() -> Iterator[str]:
    yield f'<rect class="answered" x="{LEFT}" y="46" width="10" height="10"/>'
    yield text(LEFT + 16, 56, "requests answered in 0.1 s (left axis)", "small")
    yield f'<rect class="error" x="{LEFT + 258}" y="46" width="10" height="10"/>'
    yield text(LEFT + 274, 56, "of these errors", "small")
    yield f'<circle class="wait" cx="{LEFT + 393}" cy="51" r="3"/>'
    yield text(LEFT + 404, 56, "the longest wait of one of them (right axis)", "small")


class _Axes:
    """Where things stand in a panel whose upper end is given."""

    def __init__(self, top: float, span: tuple[float, float], most: int) -> None:
        self.top = top
        self.bottom = top + PANEL_HEIGHT
        self.first, self.last = span
        self.step = _tick_step(most)
        self.ceiling = math.ceil(most / self.step) * self.step

    def x(self, seconds: float) -> float:
        """Of a time."""
        share = (seconds - self.first) / (self.last - self.first)
        return round(LEFT + share * (RIGHT - LEFT), 1)

    def y(self, count: float) -> float:
        """Of a number of requests."""
        return round(self.bottom - count / self.ceiling * PANEL_HEIGHT, 1)

    def y_of_wait(self, seconds: float) -> float:
        """Of a wait, on the logarithmic axis."""
        share = math.log(max(seconds, WAITS[0]) / WAITS[0]) / math.log(WAITS[-1] / WAITS[0])
        return round(self.bottom - share * PANEL_HEIGHT, 1)

    def drawn(self) -> Iterator[str]:
        """The axes themselves."""
        for count in range(0, self.ceiling + 1, self.step):
            yield f'<path class="grid" d="M{LEFT} {self.y(count)}H{RIGHT}"/>'
            yield text(LEFT - 8, self.y(count) + 4, str(count), "small", "end")
        for wait in WAITS:
            label = f"{wait:g} s" if wait >= 1 else f"{wait * 1000:g} ms"
            yield text(RIGHT + 8, self.y_of_wait(wait) + 4, label, "small")
        for second in range(math.ceil(self.first), math.floor(self.last) + 1):
            yield f'<path class="grid" d="M{self.x(second)} {self.bottom}v5"/>'
            yield text(self.x(second), self.bottom + 18, str(second), "small", "middle")


def _panel(panel: Panel, top: float, span: tuple[float, float], most: int) -> Iterator[str]:
    axes = _Axes(top, span, most)
    errors = sum(moment.is_error for moment in panel.moments)
    yield text(LEFT, top - 12, panel.name, "name")
    told = f"no write acknowledged for {panel.stall:.1f} s, errors: {errors}"
    yield text(RIGHT, top - 12, told, "", "end")
    yield from axes.drawn()
    yield from _requests(panel, axes, span)
    for at in (0, panel.new_master_at):
        yield f'<path class="mark" d="M{axes.x(at)} {top}V{axes.bottom}"/>'
    yield text(axes.x(0) + 5, top + 16, "kill -9", "small")
    yield text(axes.x(panel.new_master_at) - 5, top + 34, "new master elected", "small", "end")


def _requests(panel: Panel, axes: _Axes, span: tuple[float, float]) -> Iterator[str]:
    width = round((RIGHT - LEFT) * BIN_SECONDS / (axes.last - axes.first) - 1, 1)
    answered = _counts(panel.moments, span)
    wrong = _counts([moment for moment in panel.moments if moment.is_error], span)
    for number, (count, errors) in enumerate(zip(answered, wrong, strict=True)):
        left = axes.x(axes.first + number * BIN_SECONDS)
        for kind, upper, lower in (("answered", count, errors), ("error", errors, 0)):
            if upper > lower:
                yield (
                    f'<rect class="{kind}" x="{left}" y="{axes.y(upper)}" width="{width}" '
                    f'height="{axes.y(lower) - axes.y(upper):.1f}"/>'
                )
    for number, wait in enumerate(_longest_waits(panel.moments, span)):
        if wait:
            middle = axes.x(axes.first + (number + 0.5) * BIN_SECONDS)
            yield f'<circle class="wait" cx="{middle}" cy="{axes.y_of_wait(wait)}" r="2.2"/>'


def _tick_step(most: int) -> int:
    """A round number of which two to five make the axis."""
    return next(step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if most <= 5 * step)


def _bins(moments: Sequence[Moment], span: tuple[float, float]) -> list[list[Moment]]:
    first, last = span
    bins: list[list[Moment]] = [[] for _ in range(round((last - first) / BIN_SECONDS))]
    for moment in moments:
        number = math.floor((moment.at - first) / BIN_SECONDS)
        if 0 <= number < len(bins):
            bins[number].append(moment)
    return bins


def _counts(moments: Sequence[Moment], span: tuple[float, float]) -> list[int]:
    return [len(within) for within in _bins(moments, span)]


def _longest_waits(moments: Sequence[Moment], span: tuple[float, float]) -> list[float]:
    return [max((one.waited for one in within), default=0) for within in _bins(moments, span)]
