"""The moving picture in README.md shows what its commands print today."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from scripts.moving_picture import LETTER, MARGIN, Session
from scripts.readme_picture import CURLS, PICTURE, RENDER, perform

from .bake import Bake

SVG = "{http://www.w3.org/2000/svg}"
KIBIBYTES = 60
# The first command of a terminal, and what belongs to it, and so on.
Shown = dict[str, list[str]]


def shown_in(lines: Iterable[str]) -> Shown:
    """Each command, and the lines that it printed, without empty ones."""
    shown: Shown = {}
    command = ""
    for line in filter(None, map(str.rstrip, lines)):
        if line.startswith("$ "):
            command = line.removeprefix("$ ")
            shown[command] = []
        elif line.startswith("> "):
            printed = shown.pop(command)
            command += "\n" + line.removeprefix("> ")
            shown[command] = printed
        else:
            shown[command].append(line)
    return shown


def shown_by_picture() -> Shown:
    """What the committed picture shows, at whichever moment."""
    shown: Shown = {}
    root = ElementTree.parse(PICTURE).getroot()  # noqa: S314, our own file
    for terminal in ("terminal-1", "terminal-2"):
        group = root.find(f".//{SVG}g[@id='{terminal}']")
        assert group is not None
        lines: dict[float, str] = {}
        for text in group.iter(f"{SVG}text"):
            y, column = float(text.attrib["y"]), (float(text.attrib["x"]) - MARGIN) / LETTER
            lines[y] = lines.get(y, "").ljust(round(column)) + "".join(text.itertext())
        shown |= shown_in(line for _, line in sorted(lines.items()))
    return shown


def without_numbers(lines: Iterable[str]) -> list[str]:
    """Lines without what differs from run to run: numbers, a folder, how far a row reaches."""
    changes: dict[str, str] = {
        r", \d+ skipped| \([\d:]+\)": "",
        r"\[\s*\d+%\]": "",
        r"^rootdir: .*/": "rootdir: ",
        r"\d+": "0",
        r"([-=_.])\1+": r"\1",
        r"\s+": " ",
    }
    for pattern, replacement in changes.items():
        lines = [re.sub(pattern, replacement, line).strip() for line in lines]
    return list(lines)


def lines_of_tests(shown: Iterable[str]) -> set[str]:
    """What a project's own tests print, but for the table of files that are not wholly covered."""
    lines = without_numbers(shown)
    rows = [row for row, line in enumerate(lines) if line == "-"]
    return {*lines[: rows[0]], *lines[rows[-1] :]}


@pytest.fixture(scope="module")
def picture() -> Shown:
    return shown_by_picture()


def test_picture_shows_each_command(picture: Shown) -> None:
    assert list(picture) == [RENDER, "cd customer-api", "make test", "make run", *CURLS]
    assert all(printed for command, printed in picture.items() if command != "cd customer-api")


@pytest.mark.slow
def test_commands_print_what_the_picture_shows(
    picture: Shown, installed: Callable[[str], Bake], tmp_path: Path
) -> None:
    installed("default")  # fills the cache of packages
    session = Session()
    perform(session, tmp_path, with_tests=False)
    today: Shown = {}
    for screen in session.screens:
        today |= shown_in("".join(cell.character for cell in line) for line in screen.lines)
    # What `make test` prints is compared where a test runs it: tests/test_hooks.py.
    assert today.keys() == picture.keys() - {"make test"}
    for command, printed in today.items():
        if command == "make run":
            assert without_numbers(printed) == without_numbers(picture[command])
        else:
            assert printed == picture[command]


def test_picture_names_nothing_of_the_machine_that_drew_it(picture: Shown) -> None:
    text = "\n".join(line for printed in picture.values() for line in printed)
    assert re.findall(r"(?<![\w/:>~])/(?!set|get/)\w+", text) == []
    assert set(re.findall(r":(\d{4,5})\b", text)) == {"5000"}


def test_picture_is_small_and_stands_still_for_who_wants_that() -> None:
    assert PICTURE.stat().st_size < KIBIBYTES * 1024
    text = PICTURE.read_text(encoding="utf-8")
    assert "@media (prefers-reduced-motion: reduce) { .a { animation: none" in text
    assert "<script" not in text
