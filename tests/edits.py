"""Changes of files that must be as they are expected."""

from pathlib import Path


def replace_in(file: Path, old: str, new: str, count: int = -1) -> None:
    """Replace a text that a file must hold."""
    text = file.read_text(encoding="utf-8")
    assert old in text, f"{file} does not hold {old!r}"
    file.write_text(text.replace(old, new, count), encoding="utf-8")


def insert_behind(file: Path, lines: str, new: str) -> None:
    """Insert lines behind others that a file must hold."""
    replace_in(file, lines, lines + new)


def append_to(file: Path, text: str) -> None:
    """Write a text at the end of a file."""
    with file.open("a", encoding="utf-8") as end:
        end.write(text)
