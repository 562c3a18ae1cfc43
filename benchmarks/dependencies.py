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

import re
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.environment import Project, set_up, succeed
from tests.bake import TEMPLATE

ROUNDS = 21
BACKENDS = {"json": "JSON file", "redis": "Redis", "sql": "SQL"}
PAGE = TEMPLATE / "docs" / "dependencies.md"
SERVICE = "the service"

# A module of `python -X importtime`: its own microseconds, two spaces for each importer, its name.
IMPORTED = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|( +)(\S+)")


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
