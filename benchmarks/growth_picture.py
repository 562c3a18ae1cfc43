"""Draws rates over customers and over clients as SVG, for a light and for a dark background."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from benchmarks.picture import picture, text

COLUMNS = 2
PANEL_WIDTH, PANEL_HEIGHT = 330, 150
LEFT, TOP = 80, 110
DISTANCE_X, DISTANCE_Y = 440, 230
LIGHT = """\
    polyline { fill: none; stroke-width: 2.5 }
    .ours { stroke: #0969da; fill: #0969da }
    .naive { stroke: #bc4c00; fill: #bc4c00 }
    .limit { stroke: #59636e; fill: #59636e; stroke-dasharray: 6 4 }
    polyline.ours, polyline.naive, polyline.limit { fill: none }
"""
DARK = """\
      .ours { stroke: #4493f8; fill: #4493f8 }
      .naive { stroke: #f0883e; fill: #f0883e }
      .limit { stroke: #9198a1; fill: #9198a1 }
"""
LEGEND = {"ours": "this template", "naive": "naive", "limit": "limit"}


class Line(NamedTuple):
    """What one kind of service reached, at several places of the axis."""

    kind: str
    points: Sequence[tuple[float, float]]


class Panel(NamedTuple):
    """One diagram, with logarithmic axes."""

    name: str
    axis: str
    lines: Sequence[Line]


def draw(title: str, panels: Sequence[Panel]) -> str:
    """Diagrams beside and below each other, as the text of an SVG file."""
    height = TOP + DISTANCE_Y * math.ceil(len(panels) / COLUMNS)
    parts = [*_legend()]
    for number, panel in enumerate(panels):
        left = LEFT + number % COLUMNS * DISTANCE_X
        parts += _panel(panel, left, TOP + number // COLUMNS * DISTANCE_Y)
    return picture(title, LEFT, height, parts, LIGHT, DARK)


def _legend() -> Iterator[str]:
    for number, (kind, name) in enumerate(LEGEND.items()):
        left = LEFT + 150 * number
        yield f'<polyline class="{kind}" points="{left},52 {left + 24},52"/>'
        yield text(left + 32, 56, name, "small")


def _panel(panel: Panel, left: float, top: float) -> Iterator[str]:
    bottom = top + PANEL_HEIGHT
    points = [point for line in panel.lines for point in line.points]
    places = sorted({x for x, _ in points})
    low = math.floor(math.log10(min(y for _, y in points)))
    high = math.ceil(math.log10(max(y for _, y in points)))

    def x(value: float) -> float:
        share = math.log(value / places[0]) / math.log(places[-1] / places[0])
        return round(left + share * PANEL_WIDTH, 1)

    def y(value: float) -> float:
        return round(bottom - (math.log10(value) - low) / (high - low) * PANEL_HEIGHT, 1)

    yield text(left, top - 14, panel.name, "name")
    for exponent in range(low, high + 1):
        yield f'<path class="grid" d="M{left} {y(10**exponent)}h{PANEL_WIDTH}"/>'
        yield text(left - 8, y(10**exponent) + 4, f"{10**exponent:,}", "small", "end")
    for place in places:
        yield f'<path class="grid" d="M{x(place)} {bottom}v5"/>'
        yield text(x(place), bottom + 18, f"{place:,.0f}", "small", "middle")
    yield text(left + PANEL_WIDTH / 2, bottom + 36, panel.axis, "small", "middle")
    for line in panel.lines:
        drawn = " ".join(f"{x(at)},{y(value)}" for at, value in line.points)
        yield f'<polyline class="{line.kind}" points="{drawn}"/>'
        for at, value in line.points:
            yield f'<circle class="{line.kind}" cx="{x(at)}" cy="{y(value)}" r="3"/>'
