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


def _panel(panel: Panel, top: float, span: tuple[float, float], most: int) -> Iterator[str]:
    first, last = span
    bottom = top + PANEL_HEIGHT
    step = _tick_step(most)
    ceiling = math.ceil(most / step) * step

    def x(seconds: float) -> float:
        return round(LEFT + (seconds - first) / (last - first) * (RIGHT - LEFT), 1)

    def y(count: float) -> float:
        return round(bottom - count / ceiling * PANEL_HEIGHT, 1)

    def y_of_wait(seconds: float) -> float:
        share = math.log(max(seconds, WAITS[0]) / WAITS[0]) / math.log(WAITS[-1] / WAITS[0])
        return round(bottom - share * PANEL_HEIGHT, 1)

    errors = sum(moment.is_error for moment in panel.moments)
    yield text(LEFT, top - 12, panel.name, "name")
    told = f"no write acknowledged for {panel.stall:.1f} s, errors: {errors}"
    yield text(RIGHT, top - 12, told, "", "end")

    for count in range(0, ceiling + 1, step):
        yield f'<path class="grid" d="M{LEFT} {y(count)}H{RIGHT}"/>'
        yield text(LEFT - 8, y(count) + 4, str(count), "small", "end")
    for wait in WAITS:
        label = f"{wait:g} s" if wait >= 1 else f"{wait * 1000:g} ms"
        yield text(RIGHT + 8, y_of_wait(wait) + 4, label, "small")
    for second in range(math.ceil(first), math.floor(last) + 1):
        yield f'<path class="grid" d="M{x(second)} {bottom}v5"/>'
        yield text(x(second), bottom + 18, str(second), "small", "middle")

    width = round((RIGHT - LEFT) * BIN_SECONDS / (last - first) - 1, 1)
    answered = _counts(panel.moments, span)
    wrong = _counts([moment for moment in panel.moments if moment.is_error], span)
    for number, (count, errors) in enumerate(zip(answered, wrong, strict=True)):
        left = x(first + number * BIN_SECONDS)
        for kind, upper, lower in (("answered", count, errors), ("error", errors, 0)):
            if upper > lower:
                yield (
                    f'<rect class="{kind}" x="{left}" y="{y(upper)}" width="{width}" '
                    f'height="{y(lower) - y(upper):.1f}"/>'
                )
    for number, wait in enumerate(_longest_waits(panel.moments, span)):
        if wait:
            middle = x(first + (number + 0.5) * BIN_SECONDS)
            yield f'<circle class="wait" cx="{middle}" cy="{y_of_wait(wait)}" r="2.2"/>'

    for at in (0, panel.new_master_at):
        yield f'<path class="mark" d="M{x(at)} {top}V{bottom}"/>'
    yield text(x(0) + 5, top + 16, "kill -9", "small")
    yield text(x(panel.new_master_at) - 5, top + 34, "new master elected", "small", "end")


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
