"""Draws what was printed in two terminals as a moving SVG."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import escape
from itertools import groupby
from typing import NamedTuple

from scripts.terminal import COLUMNS, Cell, Chunk, Screen

# Seconds.
TYPING = 0.018  # for each character
GRAIN = 0.1  # what comes within it comes at once


class Typed(NamedTuple):
    """A line of a command: where it stands, and when it is typed."""

    pane: int
    row: int
    column: int
    length: int
    at: float


@dataclass(slots=True)
class Session:
    """Two terminals, one below the other, and what is seen in them at which moment."""

    screens: tuple[Screen, Screen] = field(default_factory=lambda: (Screen(), Screen()))
    typed: list[Typed] = field(default_factory=list)
    now: float = 0.0
    second_opens_at: float = 0.0

    def type(self, pane: int, command: str) -> None:
        """Type a command."""
        screen = self.screens[pane]
        for prompt, line in zip("$>", command.split("\n"), strict=False):
            screen.feed_line(self.now, f"\x1b[2m{prompt}\x1b[m ")
            screen.feed(self.now, f"\x1b[1m{line}\x1b[m\n")
            self.typed.append(Typed(pane, len(screen.lines) - 2, 2, len(line), self.now))
            self.now += len(line) * TYPING
        self.now += 0.2

    def show(self, pane: int, chunks: Iterable[Chunk], at_most: float) -> None:
        """Show what a command has printed, in less time if it took longer."""
        chunks = list(chunks)
        if not chunks:
            return
        begin, end = chunks[0][0], chunks[-1][0]
        pace = min(1.0, at_most / max(end - begin, 1e-9))
        for at, text in chunks:
            self.screens[pane].feed(self.now + (at - begin) * pace, text)
        self.now += (end - begin) * pace

    def wait(self, seconds: float) -> None:
        """Let the readers read."""
        self.now += seconds


# How it is drawn, in pixels.
MARGIN = 16
LETTER, LINE = 8.4, 18
WIDTH = round(COLUMNS * LETTER) + 2 * MARGIN
ROWS = 24
ROWS_BELOW = 11  # of the second terminal, once it is open
STYLE = """
    text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace;
      fill: #1f2328; white-space: pre }
    .paper { fill: #f6f8fa } .edge { fill: none; stroke: #d1d9e0 } .cursor { fill: #59636e }
    .s1 { font-weight: 600 } .s2 { fill: #59636e } .s31 { fill: #cf222e } .s32 { fill: #1a7f37 }
    .s33 { fill: #9a6700 } .s35 { fill: #8250df } .s36 { fill: #1b7c83 }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc } .paper { fill: #0d1117 } .edge { stroke: #3d444d }
      .cursor { fill: #9198a1 } .s2 { fill: #9198a1 } .s31 { fill: #ff7b72 } .s32 { fill: #3fb950 }
      .s33 { fill: #d29922 } .s35 { fill: #bc8cff } .s36 { fill: #39c5cf }
    }
    .a { animation-duration: %ss; animation-iteration-count: infinite;
      animation-timing-function: step-end }
    .typing { visibility: hidden }
    @media (prefers-reduced-motion: reduce) { .a { animation: none !important } }
"""
HIDDEN, SHOWN = "visibility:hidden", "visibility:visible"
TITLE = "A terminal: the template is rendered, and the project is tested, run, and asked by curl"


@dataclass(slots=True)
class Drawing:
    """The parts of the picture, and the moments at which they come.

    Without its animations it is the last moment.
    """

    session: Session
    parts: list[str] = field(default_factory=list)
    keyframes: dict[str, str] = field(default_factory=dict)

    def animate(self, name: str, frames: Iterable[tuple[float, str]]) -> str:
        """The class of a part that changes: a style from each moment on.

        At the end it has the style that it has without animation.
        """
        steps = "".join(f"{self._percent(at)}{{{style}}}" for at, style in frames)
        self.keyframes[name] = f".{name}{{animation-name:{name}}}@keyframes {name}{{{steps}}}"
        return f"a {name}"

    def pane(self, pane: int, top: float, heights: list[tuple[float, int]]) -> None:
        """Draw a terminal.

        Args:
            pane: Which one.
            top: Where it begins.
            heights: How many rows of it are seen from which moment on.
        """
        screen = self.session.screens[pane]
        lines = screen.lines if screen.lines[-1] else screen.lines[:-1]
        scroll = list(scrolled(lines, heights))
        moves = [(at, f"transform:translateY({-LINE * rows}px)") for at, rows in scroll]
        kind = self.animate(f"pane{pane}", moves)
        self.parts.append(f'<g id="terminal-{pane + 1}" class="{kind}" style="{moves[-1][1]}">')
        coming: dict[float, list[str]] = {}
        for row, line in enumerate(lines):
            for at, text in texts(line, top + LINE * row):
                coming.setdefault(at, []).append(text)
        for at, together in sorted(coming.items()):
            frames = [(0.0, HIDDEN), (at, SHOWN)]
            kind = self.animate(f"m{round(at / GRAIN)}", frames)
            self.parts += [f'<g class="{kind}">', *together, "</g>"]
        for typed in self.session.typed:
            if typed.pane == pane:
                self._typing(typed, top + LINE * typed.row)
        self.parts.append("</g>")

    def _typing(self, typed: Typed, y: float) -> None:
        """Cover a command, and move the cover to the right while it is typed."""
        begin, end = moment(typed.at), typed.at + typed.length * TYPING
        width = LETTER * typed.length
        name = f"t{round(begin / GRAIN)}"
        shown = self.animate(f"{name}c", [(0.0, HIDDEN), (begin, SHOWN), (end, HIDDEN)])
        steps = f"transform:none;animation-timing-function:steps({typed.length})"
        moved = f"transform:translateX({width:g}px)"
        moving = self.animate(name, [(0.0, "transform:none"), (begin, steps), (end, moved)])
        x = MARGIN + LETTER * typed.column
        self.parts.append(
            f'<g class="typing {shown}"><g class="{moving}">'
            f'<rect class="paper" x="{x:g}" y="{y:g}" width="{width + LETTER:g}" height="{LINE}"/>'
            f'<rect class="cursor" x="{x:g}" y="{y + 2:g}" width="{LETTER:g}" height="{LINE - 3}"/>'
            "</g></g>"
        )

    def _percent(self, at: float) -> str:
        return f"{100 * at / self.session.now:.4g}%"


def texts(line: list[Cell], y: float) -> Iterator[tuple[float, str]]:
    """The parts of a line that come at once and look alike, and when they come."""
    column = 0
    for (style, at), group in groupby(line, lambda cell: (cell.style, moment(cell.at))):
        text = "".join(cell.character for cell in group)
        begin, column = column + len(text) - len(text.lstrip()), column + len(text)
        if text := text.strip():
            kind = " ".join(f"s{number}" for number in style)
            yield (
                at,
                f'<text class="{kind}" x="{MARGIN + LETTER * begin:g}" '
                f'y="{y + LINE - 5:g}" textLength="{LETTER * len(text):g}">'
                f"{escape(text, quote=False)}</text>",
            )


def moment(at: float) -> float:
    """The moment at which something is seen that came at another one."""
    return round(at / GRAIN) * GRAIN


def scrolled(
    lines: list[list[Cell]], heights: list[tuple[float, int]]
) -> Iterator[tuple[float, int]]:
    """By how many rows a terminal is scrolled from which moment on, so that its end is seen."""
    moments = {at for at, _ in heights} | {moment(cell.at) for line in lines for cell in line}
    before = None
    for now in sorted(moments):
        filled = max(
            (row for row, line in enumerate(lines, 1) if line and moment(line[0].at) <= now),
            default=0,
        )
        rows = next(rows for at, rows in reversed(heights) if at <= now)
        if (scroll := max(0, filled - rows)) != before:
            yield now, scroll
        before = scroll


def draw(session: Session) -> str:
    """The text of the picture."""
    height, below = ROWS * LINE + 2 * MARGIN, (ROWS - ROWS_BELOW) * LINE + MARGIN
    opens = moment(session.second_opens_at)
    drawing = Drawing(session)
    first = drawing.parts
    drawing.pane(0, MARGIN, [(0.0, ROWS), (opens, ROWS - ROWS_BELOW)])
    drawing.parts = []
    drawing.pane(1, below + MARGIN / 2, [(0.0, ROWS_BELOW)])
    second = drawing.animate("second", [(0.0, HIDDEN), (opens, SHOWN)])
    style = STYLE % f"{session.now:.3g}" + "\n".join(drawing.keyframes.values())
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}" role="img" xml:space="preserve">',
            f"<title>{TITLE}</title>",
            f"<style>{style}</style>",
            f'<clipPath id="all"><rect width="{WIDTH}" height="{height}" rx="8"/></clipPath>',
            f'<clipPath id="rows"><path d="M0 {MARGIN}H{WIDTH}V{height}H0"/></clipPath>',
            f'<g clip-path="url(#all)"><rect class="paper" width="{WIDTH}" height="{height}"/>',
            '<g clip-path="url(#rows)">',
            *first,
            "</g>",
            f'<g class="{second}">',
            f'<rect class="paper" y="{below}" width="{WIDTH}" height="{height}"/>',
            f'<path class="edge" d="M0 {below}.5H{WIDTH}"/>',
            *drawing.parts,
            "</g></g>",
            f'<rect class="edge" x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>',
            "</svg>",
            "",
        ]
    )
