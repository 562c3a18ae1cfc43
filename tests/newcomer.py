"""Somebody who has Python, git, make and uv, and nothing of the template."""

import os
from dataclasses import dataclass
from pathlib import Path

from .bake import TEMPLATE, clean_environ, tool
from .page_in_terminal import ADDRESS
from .updating import Workshop


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A home that is new. For the template's address, git goes to a clone of what lies here."""

    home: Path

    @classmethod
    def set_up(cls, workshop: Workshop, home: Path) -> "Newcomer":
        """Make a home.

        Args:
            workshop: Where the clone is.
            home: A folder that is not there yet.
        """
        commands = home / ".local" / "bin"
        commands.mkdir(parents=True)
        for name in ("uv", "uvx"):
            (commands / name).symlink_to(tool(name))
        (home / ".gitconfig").write_text(
            f'[url "{workshop.template}"]\n'
            f"\tinsteadOf = {ADDRESS}\n"
            f"\tinsteadOf = {ADDRESS}.git\n"  # as Cookiecutter writes out gh:
        )
        return cls(home)

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a terminal. What is downloaded is kept for the next newcomer."""
        return clean_environ(
            {
                "GIT_CONFIG_GLOBAL": str(self.home / ".gitconfig"),
                "GIT_CONFIG_NOSYSTEM": "1",
                "HOME": str(self.home),
                "PATH": f"{self.home / '.local' / 'bin'}:{os.environ['PATH']}",
                "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(TEMPLATE / ".cache" / "uv")),
            }
        )
