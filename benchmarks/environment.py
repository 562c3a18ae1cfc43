"""A rendered project with what it needs at run time, and what each package there brings."""

import json
import re
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import NamedTuple

from tests.bake import TEMPLATE, Bake, run_in, tool

PYTHON = "3.13"  # the image's and Lambda's

# A line of `uv pip compile`: a package, its version, and who needs it.
RESOLVED = re.compile(r"(\S+)==(\S+) +# via (.+)")


class Package(NamedTuple):
    """An installed package.

    Attributes:
        version: Its version.
        needed_by: The packages that need it; `(pyproject.toml)` behind a name is the project.
        size: Bytes.
        modules: The modules and packages that it has for an import.
    """

    version: str
    needed_by: frozenset[str]
    size: int
    modules: frozenset[str]

    @property
    def is_direct(self) -> bool:
        """Whether the project itself needs it."""
        return any("pyproject.toml" in name for name in self.needed_by)

    @property
    def is_server(self) -> bool:
        """Whether only the server group needs it."""
        return any("pyproject.toml:server" in name for name in self.needed_by)


class Project(NamedTuple):
    """A rendered project with its environment."""

    bake: Bake
    packages: Mapping[str, Package]

    def reach(self, names: Iterable[str]) -> set[str]:
        """Some packages, and all that they need."""
        found = set(names)
        while more := {n for n, p in self.packages.items() if p.needed_by & found} - found:
            found |= more
        return found

    def direct(self, server: bool) -> set[str]:
        """The packages that the project itself needs, with or without the server."""
        return {n for n, p in self.packages.items() if p.is_direct and server >= p.is_server}

    def brings(self, name: str) -> set[str]:
        """The packages that would go with a dependency and with those that need it."""
        direct = self.direct(server=self.packages[name].is_server)
        others = {other for other in direct if name not in self.reach({other})}
        return self.reach({name}) - direct - self.reach(others)

    def owners(self) -> dict[str, str]:
        """Which dependency each module of it, and of what it alone brings, belongs to."""
        return {
            module: name
            for name in sorted(self.direct(server=True), key=lambda n: self.packages[n].is_server)
            for package in (name, *self.brings(name))
            for module in self.packages[package].modules
        }

    def size(self, name: str) -> float:
        """Megabytes of a dependency and of what it alone brings."""
        return sum(self.packages[one].size for one in (name, *self.brings(name))) / 1e6

    def is_on_lambda(self, name: str) -> bool:
        """Whether a dependency is in the package for AWS Lambda."""
        excluded = json.loads(self.bake.read("zappa_settings.json"))["dev"].get("exclude_glob", [])
        package = self.packages[name]
        return not package.is_server and package.modules.isdisjoint(excluded)


def set_up(backend: str, folder: Path) -> Project:
    """Render a project, and install what it needs at run time."""
    answers = ["--no-input", "-o", str(folder), f"storage_backend={backend}", "use_zappa=yes"]
    succeed(Path(), sys.executable, "-m", "cookiecutter", str(TEMPLATE), *answers)
    (path,) = folder.iterdir()
    bake = Bake(backend, path, {})
    uv = tool("uv")
    succeed(path, uv, "venv", "--quiet", "--python", PYTHON, ".venv")
    named = ("pyproject.toml", "--group", "server", "--python", bake.python)
    succeed(
        path,
        *(uv, "pip", "compile", *named, "--output-file", "requirements.txt"),
        *("--quiet", "--no-header", "--annotation-style", "line"),
    )
    succeed(
        path,
        *(uv, "pip", "sync", "requirements.txt", "--python", bake.python),
        *("--quiet", "--compile-bytecode"),
    )
    resolved = RESOLVED.findall(bake.read("requirements.txt"))
    return Project(bake, {name: installed(bake, name, *rest) for name, *rest in resolved})


def installed(bake: Bake, name: str, version: str, needed_by: str) -> Package:
    """Look at an installed package."""
    (site_packages,) = bake.path.glob(".venv/lib/*/site-packages")
    (found,) = distributions(name=name, path=[str(site_packages)])
    files = [file for file in found.files or [] if file.suffix != ".pyc"]
    return Package(
        version,
        frozenset(needed_by.split(", ")),
        sum(Path(str(file.locate())).stat().st_size for file in files),
        frozenset(
            file.parts[0].partition(".")[0] for file in files if file.suffix in (".py", ".so")
        ),
    )


def succeed(folder: Path, *command: str, environ: Mapping[str, str] | None = None) -> str:
    """Run a command that must succeed; what it printed."""
    done = run_in(folder, *command, environ=environ)
    if done.returncode != 0:
        raise RuntimeError(f"{command}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr
