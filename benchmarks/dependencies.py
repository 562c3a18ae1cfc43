"""What each runtime dependency costs: packages that it brings, their size, time at a cold start.

Each backend's project gets an environment as its image has it: the runtime dependencies, the
server, and bytecode. This is measured of each dependency that `pyproject.toml` names:

- What it brings: the packages that would go with it, because no other dependency needs them but
  those that need it themselves.
- Its size: the files that the RECORDs of it and of those packages list, without bytecode.
- Its cold-start cost: the median of the time that `import run`, which calls `create_app`, spends on
  importing it and those packages, by `python -X importtime`, in many fresh processes. Each module's
  own time counts for the dependency that it belongs to; a module of the standard library, or of a
  package that several bring, counts for the one that imports it first. It is measured in several
  situations, as some dependencies are imported only where they are needed.

Prints the table of `docs/dependencies.md`, with the reasons that stand there, and what is said
below it.
"""

import json
import re
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import NamedTuple

from tests.bake import TEMPLATE, Bake, run_in, tool

PYTHON = "3.13"  # the image's and Lambda's
ROUNDS = 21
BACKENDS = {"json": "JSON file", "redis": "Redis", "sql": "SQL"}
PAGE = TEMPLATE / "docs" / "dependencies.md"
SERVICE = "the service"

# A module of `python -X importtime`: its own microseconds, two spaces for each importer, its name.
IMPORTED = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|( +)(\S+)")
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


class Situation(NamedTuple):
    """A start of a project: which one, when that is, with which variable, by which code."""

    backend: str
    when: str = ""
    variable: str = "APP_ENV=development"
    code: str = "import run"


USUAL = (
    Situation("json"),
    Situation("redis", variable="REDIS_SENTINELS=127.0.0.1:26379"),
    Situation("sql"),
)
OTHERS = (
    Situation("json", "with `CORS_ORIGINS`", "CORS_ORIGINS=https://shop.example.org"),
    Situation("json", "for the server itself", code="import granian.cli"),
    Situation("sql", "to migrate", code="import run; run.run_alembic_upgrade()"),
    Situation("sql", "with PostgreSQL", "DATABASE_URL=postgresql://127.0.0.1/customers"),
    Situation("sql", "with MySQL", "DATABASE_URL=mysql://127.0.0.1/customers"),
)

# Milliseconds for each owner: of its own modules, and of the standard library's (True).
Cost = dict[tuple[str, bool], float]


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


def start(project: Project, owners: Mapping[str, str], situation: Situation) -> Cost:
    """Start a project in a fresh process; what was imported, and for whom."""
    command = [project.bake.python, "-X", "importtime", "-c", situation.code]
    environ = dict([situation.variable.split("=")])
    output = succeed(project.bake.path, *command, environ=environ)
    cost: Cost = defaultdict(float)
    importers: list[str] = []  # the owner of each importer, the outermost first
    # Who imports stands below what it imports.
    for microseconds, indent, name in reversed(IMPORTED.findall(output)):
        del importers[len(indent) // 2 :]
        module = name.partition(".")[0]
        owner = owners.get(module, importers[-1] if importers else "")
        if name == "run":
            owner = SERVICE
        importers.append(owner)
        cost[owner, module in sys.stdlib_module_names] += int(microseconds) / 1000
    return cost


def total(cost: Cost, *owners: str) -> float:
    """Milliseconds of some owners; of all if none is named, but for the interpreter itself."""
    return sum(ms for (owner, _), ms in cost.items() if owner in owners or (owner and not owners))


def median(costs: Iterable[Cost], *owners: str) -> float:
    """The median of the milliseconds of some owners, or of all."""
    return statistics.median(total(cost, *owners) for cost in costs)


def cell(name: str, backends: list[str], costs: Mapping[Situation, list[Cost]]) -> str:
    """A dependency's cold-start cost, and where it has one."""
    imports = {s: c for s, c in costs.items() if s.backend in backends and median(c, name)}
    usual = [s for s in USUAL if s in imports]
    never = [s.backend for s in USUAL if s.backend in backends and s not in imports]
    texts = []
    if usual:
        texts.append(f"{median([c for s in usual for c in imports[s]], name):.0f} ms")
    if never:
        where = f" with {', '.join(BACKENDS[backend] for backend in never)}" if usual else ""
        others = [
            f", {median(imports[s], name):.0f} ms {s.when}"
            for s in OTHERS
            if s in imports and s.backend in never
        ]
        texts.append(f"0{where}{''.join(others)}")
    return "; ".join(texts)


def reasons() -> dict[str, str]:
    """The reasons that the page gives."""
    rows = re.findall(r"^\| `([\w-]+)`[^|]*\|[^|]*\|([^|]*)\|", PAGE.read_text(), re.MULTILINE)
    return {name: reason.strip() for name, reason in rows}


def report(projects: Mapping[str, Project], costs: Mapping[Situation, list[Cost]]) -> None:
    """Print the table and what is said below it, as Markdown."""
    reason = reasons()
    backends: dict[str, list[str]] = {}
    for server in (False, True):
        for backend, project in projects.items():
            for name in sorted(project.direct(server)):
                if backend not in backends.setdefault(name, []):
                    backends[name].append(backend)
    print("| dependency | backends | reason | brings | size | cold-start cost |")
    print("|---|---|---|---|---|---|")
    for name, where in backends.items():
        project = projects[where[0]]
        brings = sorted(project.brings(name))
        if any(sorted(projects[backend].brings(name)) != brings for backend in where):
            raise RuntimeError(f"{name} brings different packages to {where}")
        print(
            f"| `{name}` {project.packages[name].version} "
            f"| {', '.join(BACKENDS[backend] for backend in where)} | {reason.get(name, '')} "
            f"| {len(brings)}{': ' if brings else ''}{', '.join(brings)} "
            f"| {project.size(name):.2f} MB | {cell(name, where, costs)} |"
        )
    print("\nNot in the package for AWS Lambda:")
    for name, where in backends.items():
        if absent := [BACKENDS[b] for b in where if not projects[b].is_on_lambda(name)]:
            print(f"- `{name}` ({', '.join(absent)})")
    print("\nAll of `import run`:")
    for situation in USUAL:
        found = costs[situation]
        library = statistics.median(
            sum(ms for (owner, is_library), ms in cost.items() if owner and is_library)
            for cost in found
        )
        print(
            f"- {BACKENDS[situation.backend]}: {median(found):.0f} ms, {library:.0f} ms of it the "
            f"standard library's modules, and {median(found, SERVICE):.0f} ms the service's own"
        )


def main() -> None:
    """Measure all of them by turns."""
    with tempfile.TemporaryDirectory() as folder:
        projects = {backend: set_up(backend, Path(folder) / backend) for backend in BACKENDS}
        owners = {backend: project.owners() for backend, project in projects.items()}
        costs: dict[Situation, list[Cost]] = {situation: [] for situation in (*USUAL, *OTHERS)}
        for number in range(ROUNDS + 1):
            for situation, found in costs.items():
                cost = start(projects[situation.backend], owners[situation.backend], situation)
                if number > 0:  # the first one compiled the project
                    found.append(cost)
        report(projects, costs)


if __name__ == "__main__":
    main()
