"""A terminal: commands that run in it, and what stands on its screen, with the times."""

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

COLUMNS = 82  # so that no question of the template's is longer
ROWS = 50
PATIENCE_SECONDS = 300
# What moves the cursor, deletes or colours; anything else of the kind is passed over.
CONTROL = re.compile(r"\x1b\[(?P<numbers>[\d;?]*)(?P<kind>[A-Za-z])|\x1b\].*?\x1b\\|[\r\n\b]")
OFF = {0: range(1000), 22: (1, 2), 24: (4,), 39: range(30, 38), 49: range(40, 48)}

Chunk = tuple[float, str]


class Cell(NamedTuple):
    """A character, how it looks, as the numbers of ECMA-48, and when it came."""

    character: str
    style: tuple[int, ...]
    at: float


@dataclass(slots=True)
class Screen:
    """What was printed, as a terminal shows it: lines that may be written over."""

    lines: list[list[Cell]] = field(default_factory=lambda: [[]])
    _column: int = 0
    _style: tuple[int, ...] = ()

    def feed(self, at: float, text: str) -> None:
        """Print a text at a moment."""
        begin = 0
        for control in CONTROL.finditer(text):
            self._write(at, text[begin : control.start()])
            begin = control.end()
            match control["kind"] or control[0]:
                case "\n":
                    self._begin_line()
                case "\r":
                    self._column = 0
                case "\b":
                    self._column = max(0, self._column - 1)
                case "K":
                    kept = 0 if control["numbers"] == "2" else self._column
                    del self.lines[-1][kept:]
                case "m":
                    self._colour(control["numbers"])
        self._write(at, text[begin:])

    def feed_line(self, at: float, text: str) -> None:
        """Print a text at the beginning of a line, as a shell does with its prompt."""
        if self._column:
            self._begin_line()
        self.feed(at, text)

    def _write(self, at: float, text: str) -> None:
        for character in text:
            if self._column == COLUMNS:
                self._begin_line()
            line = self.lines[-1]
            line += [Cell(" ", (), at)] * (self._column - len(line))
            line[self._column : self._column + 1] = [Cell(character, self._style, at)]
            self._column += 1

    def _begin_line(self) -> None:
        self.lines.append([])
        self._column = 0

    def _colour(self, numbers: str) -> None:
        style = set(self._style)
        for number in (int(number or 0) for number in numbers.split(";")):
            style -= set(OFF.get(number, ()))
            if number not in OFF:
                style.add(number)
        self._style = tuple(sorted(style))


class Terminal:
    """A command that runs in a terminal of its own."""

    def __init__(self, process: subprocess.Popen[bytes], output: int) -> None:
        self._process = process
        self._output = output
        self._decode = getincrementaldecoder("utf-8")(errors="replace").decode

    def read(self, quiet: float) -> Iterator[Chunk]:
        """What is printed, with the time, until the command ends or is quiet for some seconds."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while select.select([self._output], [], [], quiet)[0]:
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"{self._process.args!r} prints without end")
            try:
                got = os.read(self._output, 65536)
            except OSError:  # so Linux says that the other side has closed it
                return
            if not got:
                return
            yield time.monotonic(), self._decode(got)

    def read_until(self, is_enough: Callable[[str], object]) -> list[Chunk]:
        """What is printed until there is enough of it, or the command ends."""
        chunks: list[Chunk] = []
        for chunk in self.read(quiet=PATIENCE_SECONDS):
            chunks.append(chunk)
            if is_enough("".join(text for _, text in chunks)):
                break
        return chunks

    def press_enter(self) -> None:
        """Type a newline."""
        os.write(self._output, b"\n")

    def wait(self) -> None:
        """Wait for the end of the command.

        Raises:
            subprocess.CalledProcessError: It has failed.
        """
        if status := self._process.wait():
            raise subprocess.CalledProcessError(status, self._process.args)


@contextmanager
def run(command: Sequence[str], folder: Path, environ: Mapping[str, str]) -> Iterator[Terminal]:
    """Start a command in a terminal; it is ended in the end, with all that it started."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (ROWS, COLUMNS))
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**environ, "TERM": "xterm-256color"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=20)
        os.close(ours)
