"""Services under load: the rendered one, a naive one and the limit, by turns on the same server."""

import json
import os
import re
import shutil
import statistics
import subprocess
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.bake import TEMPLATE, Bake, clean_environ
from tests.servers import Server, serve

KEY = "a-key-of-the-benchmark"
HERE = TEMPLATE / "benchmarks"


class Load(NamedTuple):
    """How a service is driven.

    Attributes:
        script: What is sent: a script of wrk's in this folder.
        customers: Among how many customers each request picks one.
        connections: How many clients send one request after the other.
        seconds: For how long.
    """

    script: str
    customers: int
    connections: int
    seconds: float


@dataclass(frozen=True)
class Sample:
    """What was measured in several rounds.

    Attributes:
        values: A rate per second, or seconds, or megabytes.
        errors: How many requests failed, in all rounds.
    """

    values: tuple[float, ...]
    errors: int = 0

    @property
    def median(self) -> float:
        """The one in the middle."""
        return statistics.median(self.values)

    def times(self, factor: float) -> "Sample":
        """The same in another unit."""
        return Sample(tuple(value * factor for value in self.values), self.errors)

    @property
    def spread(self) -> float:
        """How far the values are apart, as a part of the median."""
        return (max(self.values) - min(self.values)) / self.median


def rounds_of(rounds: int, measure: Callable[[], float]) -> Sample:
    """Measure something several times."""
    return Sample(tuple(measure() for _ in range(rounds)))


def drive(server: Server, load: Load) -> tuple[float, int]:
    """Requests per second that were answered well, and how many failed.

    Raises:
        SystemExit: There is no wrk.
    """
    program = shutil.which("wrk")
    if program is None:
        raise SystemExit("wrk is missing: install it, as by `apt-get install wrk`")
    command = [
        program,
        *("--threads", "1", "--connections", str(load.connections)),
        *("--duration", f"{load.seconds:.0f}s", "--timeout", "30s"),
        *("--header", f"Authorization: Bearer {KEY}", "--script", str(HERE / load.script)),
        server.url,
    ]
    environ = {**os.environ, "SIZE": str(load.customers)}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    requests, took = re.findall(r"(\d+) requests in ([\d.]+m?s)", done.stdout)[0]
    seconds = float(took[:-2]) / 1000 if took.endswith("ms") else float(took[:-1])
    refused = sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", done.stdout)))
    for kinds in re.findall(r"Socket errors: (.*)", done.stdout):
        refused += sum(map(int, re.findall(r"\d+", kinds)))
    return max(0, int(requests) - refused) / seconds, refused


def warm_up(servers: Iterable[Server], customers: int) -> None:
    """Drive each service for a moment, so that its connections and caches are there."""
    for server in servers:
        drive(server, Load("get.lua", customers, 8, 1))


def by_turns(
    servers: Mapping[str, Server],
    load: Load,
    rounds: int,
    before: Callable[[], object] = lambda: None,
) -> dict[str, Sample]:
    """Drive each service once a round."""
    found: dict[str, list[tuple[float, int]]] = {name: [] for name in servers}
    for _ in range(rounds):
        for name, server in servers.items():
            before()
            found[name].append(drive(server, load))
    return {
        name: Sample(tuple(rate for rate, _ in each), sum(errors for _, errors in each))
        for name, each in found.items()
    }


def serve_ours(bake: Bake, environ: Mapping[str, str]) -> AbstractContextManager[Server]:
    """Serve a rendered project as in production: with keys, logs, request IDs and safe headers."""
    return bake.serve("serve", APP_ENV="production", API_KEYS=KEY, **environ)


def serve_other(
    bake: Bake, module: str, environ: Mapping[str, str]
) -> AbstractContextManager[Server]:
    """Serve an application of this folder in a project's environment, by the same command."""
    script = bake.read("serve.sh")
    for old, new in (
        ("""$(python -c 'import run; print(min(run.app.config["STOP_SECONDS"], 1800))')""", "5"),
        ('cd "$(dirname "$0")"', f'cd "{HERE}"'),
        ("run:app", f"{module}:app"),
    ):
        if script.count(old) != 1:
            raise ValueError(f"serve.sh has no {old}")
        script = script.replace(old, new)
    path = f"{bake.path / '.venv/bin'}:{os.environ['PATH']}"
    environ = clean_environ({**environ, "PATH": path})
    return serve(["sh", "-c", script], bake.path, environ)


def customers(count: int) -> dict[str, dict[str, str]]:
    """Customers, by their IDs."""
    return {
        f"{n:06}": {"customerID": f"{n:06}", "firstName": "Ada", "lastName": f"Lovelace {n}"}
        for n in range(count)
    }


def fill(bake: Bake, environ: Mapping[str, str], count: int, folder: Path) -> None:
    """Put customers into the storage of a rendered project."""
    file = folder / f"{count}.json"
    file.write_text(json.dumps(customers(count)))
    bake.flask("customers", "import", "--on-conflict", "overwrite", str(file), environ=environ)


def printed_by(python: str, code: str, *arguments: str, folder: Path = TEMPLATE) -> str:
    """What code prints, in a process of its own.

    Args:
        python: Which Python runs it.
        code: The code.
        arguments: Its arguments.
        folder: Where it runs.
    """
    return subprocess.run(
        [python, "-c", code, *arguments],
        cwd=folder,
        env=clean_environ({"APP_ENV": "production", "ALLOW_ANONYMOUS": "1"}),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
