"""Somebody who follows a page in a terminal."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .bake import TEMPLATE, clean_environ, tool
from .git import git, unset_git
from .updating import Workshop

ADDRESS = "https://github.com/ORG/cookiecutter-flask-store"


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who follows a page in a terminal, and types what stands in its blocks.

    For the template's address, a clone of the template in a folder of the reader's own is used, and
    `uvx` runs what is installed here instead of downloading it. Every question is answered with
    Enter.
    """

    page: Path
    folder: Path
    workshop: Workshop

    @classmethod
    def of(cls, page: str, folder: Path, workshop: Workshop, **tags: str) -> "Reader":
        """Prepare a folder.

        Args:
            page: The page, from the template's folder.
            folder: Where the reader works.
            workshop: Where the template is from.
            tags: What the releases on the page are in the clone, as in `v0_1_0="main"`.
        """
        reader = cls(TEMPLATE / page, folder, workshop)
        folder.mkdir(exist_ok=True)
        (folder / "git").mkdir()
        workshop.git("clone", "--quiet", ".", str(reader.template))
        for name, commit in tags.items():
            tag = name.replace("_", ".")
            reader.git("tag", "--force", tag, f"origin/{commit}")
        (folder / "cookiecutter.yaml").write_text(
            f"cookiecutters_dir: {folder / 'cookiecutters'}\nreplay_dir: {folder / 'replay'}\n"
        )
        (folder / "bin").mkdir()
        uvx = folder / "bin" / "uvx"
        uvx.write_text(f'#!/bin/sh\nexec {Path(tool("python")).parent}/"$@"\n')
        uvx.chmod(0o755)
        return reader

    @property
    def template(self) -> Path:
        """The clone. Cookiecutter takes its address for git's as "git" stands in it."""
        return self.folder / "git" / "cookiecutter-flask-store"

    def git(self, *arguments: str) -> str:
        """Run a git command in the clone."""
        return git(self.template, *arguments, environ=self.workshop.environ)

    def blocks(self, section: str) -> list[str]:
        """The console blocks of a section of the page, the section's own parts included."""
        text = self.page.read_text(encoding="utf-8")
        found = re.search(rf"^(#+) {re.escape(section)}$", text, re.MULTILINE)
        assert found, f"{self.page.name} has no section {section!r}"
        rest = text[found.end() :]
        following = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
        blocks = re.findall(
            r"^```console\n(.*?)^```$",
            rest[: following.start()] if following else rest,
            re.MULTILINE | re.DOTALL,
        )
        assert blocks, f"{section!r} has no block"
        return blocks

    def run(self, folder: Path, *blocks: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Type blocks into one terminal, which ends at the first command that fails."""
        commands = "".join(blocks).replace(ADDRESS, f"file://{self.template}")
        return subprocess.run(
            ["env", *unset_git(), "sh", "-e", "-c", commands],
            cwd=folder,
            env=clean_environ(
                {
                    **self.workshop.environ,
                    "COOKIECUTTER_CONFIG": str(self.folder / "cookiecutter.yaml"),
                    "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
                    **environ,
                }
            ),
            input="\n" * 50,
            capture_output=True,
            text=True,
            check=False,
        )

    def follow(self, folder: Path, *blocks: str, **environ: str) -> str:
        """Type blocks that must succeed into one terminal; what they printed."""
        done = self.run(folder, *blocks, **environ)
        output = done.stdout + done.stderr
        assert done.returncode == 0, f"{''.join(blocks)}\n{output}"
        return output
