"""A developer who follows a page literally: adds its lines, writes its files, runs its commands."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from .bake import run_in

# In the order of a page: a file to write or to change, or a block about it.
STEP = re.compile(
    r"`(?P<file>(?!/)[\w{}./-]*[./][\w{}-]+)`|^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.M | re.S
)


class Developer:
    """Someone who follows a page in a folder.

    A block of a diff is about the file that was named last, and about a section of it if it begins
    with `@@ heading @@`. One in another language is the whole of a new file. The commands of a
    console are run.

    Attributes:
        folder: Where the page is followed.
    """

    def __init__(
        self,
        folder: Path,
        page: str,
        environ: Mapping[str, str] | None = None,
        make: Mapping[str, Sequence[str]] | None = None,
        tools: str = ".venv/bin",
    ) -> None:
        """Take a page.

        Args:
            folder: Where it is followed.
            page: Its path in the folder.
            environ: Variables for the commands.
            make: What is run for targets of `make`: the tools that concern what was added.
            tools: Where the tools are that stand in `.venv/bin` on the page.
        """
        self.folder = folder
        self._page = page
        self._environ = environ
        self._make = make or {}
        self._tools = tools

    def follow(self, section: str) -> int:
        """Do what a section says, which states how many lines it adds; how many they were."""
        page = (self.folder / self._page).read_text(encoding="utf-8")
        text = section_of(page, f"## {section}")
        file = ""
        lines = 0
        for step in STEP.finditer(text):
            if step["file"]:
                file = step["file"]
            else:
                lines += self.do(step["kind"], file, step["text"])
        stated = [int(number) for number in re.findall(r"(\d+) lines", text)]
        assert stated == [lines] * bool(lines), f"{section}: {lines} lines"
        return lines

    def do(self, kind: str, file: str, text: str) -> int:
        """Do what a block says; how many lines it adds.

        Args:
            kind: The language of the block.
            file: The file that it is about.
            text: The block.
        """
        if kind == "console":
            for command in text.splitlines():
                self.run(command)
            return 0
        return self._change(file, text.splitlines()) if kind == "diff" else self._write(file, text)

    def run(self, command: str) -> None:
        """Run a command that must succeed, or what is run for a target of `make`."""
        commands = [command]
        if command.startswith("make "):
            targets = command.split()[1:]
            commands = [f".venv/bin/{tool}" for target in targets for tool in self._make[target]]
        for one in commands:
            here = one.replace(".venv/bin", self._tools)
            done = run_in(self.folder, "sh", "-ec", here, environ=self._environ)
            assert done.returncode == 0, f"{one}\n{done.stdout}{done.stderr}"

    def _write(self, file: str, text: str) -> int:
        path = self.folder / file
        assert not path.exists(), file
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return len(text.splitlines())

    def _change(self, file: str, lines: list[str]) -> int:
        """Put the lines with a plus into the file, where the page shows them; how many they are."""
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        where = text
        if lines[0].startswith("@@"):
            where = section_of(text, lines.pop(0).strip("@ "))
        before = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("+"))
        after = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("-"))
        assert where.count(before) == 1, f"{file}: {before}"
        path.write_text(text.replace(where, where.replace(before, after)), encoding="utf-8")
        return sum(line.startswith("+") for line in lines)


def section_of(text: str, heading: str) -> str:
    """The section of a page that has a heading of the second level."""
    (section,) = re.findall(rf"^{heading}\n.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return str(section)
