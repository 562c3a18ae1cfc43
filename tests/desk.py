"""A folder where someone calls Cookiecutter, and what they type."""

import subprocess
from pathlib import Path
from typing import NamedTuple

from .bake import TEMPLATE, clean_environ, tool
from .conftest import OPTIONS
from .hostile_answers import Case


def lines_at_the_prompts(answers: dict[str, str]) -> str:
    """What a person types who gives these answers, and just presses Enter for the rest."""
    lines = []
    for option, default in OPTIONS.items():
        if option.startswith("_"):
            continue
        answer = answers.get(option, "")
        chosen = isinstance(default, list) and answer in default
        lines.append(str(default.index(answer) + 1) if chosen else answer)
    return "".join(f"{line}\n" for line in lines)


class Desk(NamedTuple):
    """A folder where someone works, with other things in it."""

    path: Path

    @property
    def here(self) -> Path:
        """The folder in which they call cookiecutter."""
        return self.path / "work" / "here"

    def lay_out(self) -> None:
        """Make the folders, some of which an answer may aim at."""
        self.here.mkdir(parents=True)
        for evil in (self.path / "evil", self.path / "work" / "evil"):
            evil.mkdir()
            (evil / "theirs.txt").write_text("theirs")

    def contents(self) -> dict[str, bytes]:
        """Every file and folder, with what it holds."""
        return {
            path.relative_to(self.path).as_posix(): path.read_bytes() if path.is_file() else b""
            for path in self.path.rglob("*")
        }


def call_cookiecutter(
    desk: Desk, home: Path, *arguments: str, keys: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the command itself; its settings, replays and temporary files stay in that home."""
    temporary = home / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    return subprocess.run(
        [tool("cookiecutter"), str(TEMPLATE), *arguments],
        cwd=desk.here,
        env=clean_environ({"HOME": str(home), "TMPDIR": str(temporary)}),
        input=keys,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def answer(case: Case, desk: Desk, home: Path) -> subprocess.CompletedProcess[str]:
    """Give a case's answers to cookiecutter in the way that the case says."""
    if case.typed:
        return call_cookiecutter(desk, home, keys=lines_at_the_prompts(case.answers))
    options = [f"{option}={value}" for option, value in case.answers.items()]
    return call_cookiecutter(desk, home, "--no-input", *options)
