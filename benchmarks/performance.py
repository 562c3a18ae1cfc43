"""Each rendered service beside a naive version and beside what is possible, in one run.

Writes what it measured into docs/performance.md, and draws docs/growth.svg. With `--quick` it
measures less, and prints it only.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import redis

from benchmarks.growth_picture import Line, Panel, draw
from benchmarks.load import (
    KEY,
    Load,
    Sample,
    by_turns,
    render,
    rounds_of,
    serve_other,
    serve_ours,
    warm_up,
)
from benchmarks.page import machine, put_in
from tests.bake import TEMPLATE, Bake, Server, clean_environ
from tests.databases import databases_of
from tests.failovers import SERVERS, Cluster, cluster_of

PAGE = TEMPLATE / "docs" / "performance.md"
PICTURE = TEMPLATE / "docs" / "growth.svg"
HEAD = (
    "| what | naive | this template | limit | target | reached | |\n|---|---|---|---|---|---|---|"
)


class Plan(NamedTuple):
    """How much is measured.

    Attributes:
        sizes: Numbers of customers.
        clients: Numbers of clients that send one request after the other.
        rounds: How often each service has its turn.
        seconds: How long a turn takes.
        all: Whether what takes minutes is measured, too.
    """

    sizes: tuple[int, ...] = (1_000, 10_000, 100_000)
    clients: tuple[int, ...] = (1, 8, 64)
    rounds: int = 5
    seconds: int = 2
    all: bool = True


QUICK = Plan((1_000,), (1, 8), 1, 1, all=False)


class Target(NamedTuple):
    """What is to be reached.

    Attributes:
        bound: A ratio, or a value in the row's unit.
        name: What the ratio is to.
        of: What was measured of that; None if the target is a value.
        at_most: Whether less is better.
    """

    bound: float
    name: str = ""
    of: Sample | None = None
    at_most: bool = False

    def reached(self, sample: Sample) -> float:
        """The ratio, or the value."""
        return sample.median / self.of.median if self.of else sample.median

    def is_met(self, sample: Sample) -> bool:
        """Whether that is enough, and nothing failed."""
        reached = self.reached(sample)
        good = reached <= self.bound if self.at_most else reached >= self.bound
        return good and not sample.errors


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    what: str
    unit: str
    ours: Sample
    naive: Sample | None = None
    limit: Sample | None = None
    targets: Sequence[Target] = ()

    def __str__(self) -> str:
        """The line, in Markdown."""
        wanted = [
            f"{'≤' if target.at_most else '≥'} {target.bound:g}"
            + (f" of {target.name}" if target.of else f" {self.unit}")
            for target in self.targets
        ]
        reached = [f"{_short(target.reached(self.ours))}" for target in self.targets]
        met = ["met" if target.is_met(self.ours) else "**not met**" for target in self.targets]
        cells = [
            self.what,
            *(_cell(sample, self.unit) for sample in (self.naive, self.ours, self.limit)),
            *("<br>".join(lines) for lines in (wanted, reached, met)),
        ]
        return f"| {' | '.join(cells)} |"


@dataclass
class Report:
    """What was measured."""

    plan: Plan
    rows: list[Row] = field(default_factory=list)
    rates: dict[tuple[str, int, int], Mapping[str, Sample]] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        """Add a line, and show it at once."""
        self.rows.append(row)
        print(row, flush=True)

    def drive(
        self,
        servers: Mapping[str, Server],
        script: str,
        size: int,
        clients: int,
        before: Callable[[], object] = lambda: None,
    ) -> dict[str, Sample]:
        """Drive services by turns."""
        load = Load(script, size, clients, self.plan.seconds)
        return by_turns(servers, load, self.plan.rounds, before)

    def add_reads_and_writes(
        self, storage: str, servers: Mapping[str, Server], size: int, bound: float
    ) -> None:
        """Drive services by turns with reads and writes, which are to reach a part of the limit."""
        for clients in self.plan.clients:
            for request, script in (("GET /get/<id>", "get.lua"), ("POST /set", "set.lua")):
                found = self.drive(servers, script, size, clients)
                targets = [Target(bound, "limit", found["limit"])]
                self.add_rates(f"`{request}`, {storage}", size, clients, found, targets)

    def add_rates(
        self,
        what: str,
        size: int,
        clients: int,
        found: Mapping[str, Sample],
        targets: Sequence[Target],
    ) -> None:
        """Add what the services reached."""
        self.rates[what, size, clients] = found
        number = "1 client" if clients == 1 else f"{clients} clients"
        text = f"{what}, {size:,} customers, {number}"
        self.add(Row(text, "/s", found["ours"], found.get("naive"), found.get("limit"), targets))


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}" if value < 10 else f"{value:.0f}"


def _cell(sample: Sample | None, unit: str) -> str:
    if sample is None:
        return ""
    spread = f" ± {sample.spread * 50:.0f} %" if len(sample.values) > 1 else ""
    errors = f", {sample.errors:,} errors" if sample.errors else ""
    return f"{_short(sample.median)} {unit}{spread}{errors}".replace(" /s", "/s")


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
    command = (".venv/bin/flask", "customers", "import", "--on-conflict", "overwrite", str(file))
    done = bake.run(*command, environ={"FLASK_APP": "run", **environ})
    if done.returncode:
        raise RuntimeError(done.stderr)


# --- JSON ----------------------------------------------------------------------------------------


def measure_json(report: Report, folder: Path) -> Bake:
    """GET and POST of the JSON project."""
    bake = render("json", folder / "json")
    for size in report.plan.sizes:
        naive_file = folder / f"naive-{size}.json"
        environ = {"DATA_PATH": str(folder / f"ours-{size}" / "customers.json")}
        Path(environ["DATA_PATH"]).parent.mkdir()
        fill(bake, environ, size, folder)
        text = json.dumps(customers(size))
        naive_file.write_text(text)
        with ExitStack() as stack:
            servers = {
                "ours": stack.enter_context(serve_ours(bake, environ)),
                "naive": stack.enter_context(
                    serve_other(bake, "naive_json", {"DATA_PATH": str(naive_file)})
                ),
                "limit": stack.enter_context(serve_other(bake, "limit", {"LIMIT": "constant"})),
            }
            warm_up(servers.values(), size)
            for clients in report.plan.clients:
                found = report.drive(servers, "get.lua", size, clients)
                targets = json_get_targets(found, size)
                report.add_rates("`GET /get/<id>`, JSON", size, clients, found, targets)
            del servers["limit"]
            if size > 10_000:
                continue
            limit = file_exchanges(report.plan, Path(environ["DATA_PATH"]))
            before = partial(naive_file.write_text, text)
            for clients in report.plan.clients:
                found = report.drive(servers, "set.lua", size, clients, before)
                found["limit"] = limit
                targets = json_set_targets(report, found, size, clients)
                report.add_rates("`POST /set`, JSON", size, clients, found, targets)
    return bake


def json_get_targets(found: Mapping[str, Sample], size: int) -> list[Target]:
    """What `GET /get/<id>` of the JSON project is to reach."""
    targets = [Target(0.85, "limit", found["limit"])]
    if size in (1_000, 100_000):
        targets.append(Target({1_000: 3, 100_000: 100}[size], "naive", found["naive"]))
    return targets


def json_set_targets(
    report: Report, found: Mapping[str, Sample], size: int, clients: int
) -> list[Target]:
    """What `POST /set` of the JSON project is to reach."""
    if clients == 1:
        return [Target(3 if size == 1_000 else 6, "naive", found["naive"])]
    return [Target(2, "one client", report.rates["`POST /set`, JSON", size, 1]["ours"])]


def file_exchanges(plan: Plan, file: Path) -> Sample:
    """How often a second a file's text can be exchanged durably, by one process."""
    code = """
import os, sys, time
path, seconds = sys.argv[1], float(sys.argv[2])
text = open(path, "rb").read()
folder = os.open(os.path.dirname(path), os.O_RDONLY)
began, count = time.perf_counter(), 0
while time.perf_counter() < began + seconds:
    with open(path + ".limit", "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".limit", path + ".written")
    os.fsync(folder)
    count += 1
print(count / (time.perf_counter() - began))
"""
    return rounds_of(plan.rounds, lambda: float(_python(code, str(file), str(plan.seconds))))


def _python(code: str, *arguments: str, python: str = sys.executable, folder: str = ".") -> str:
    """What Python prints, in a process of its own."""
    return subprocess.run(
        [python, "-c", code, *arguments],
        cwd=folder,
        env=clean_environ({"APP_ENV": "production", "ALLOW_ANONYMOUS": "1"}),
        capture_output=True,
        text=True,
        check=True,
    ).stdout


# --- Redis ---------------------------------------------------------------------------------------


def measure_redis(report: Report, folder: Path) -> Bake:
    """GET, POST and the list of the Redis project."""
    bake = render("redis", folder / "redis")
    with cluster_of(bake, SERVERS["Valkey 9"]) as cluster:
        environ = {**cluster.environ, "REDIS_DB": "1"}
        with ExitStack() as stack:
            servers = {
                "ours": stack.enter_context(serve_ours(bake, environ)),
                "naive": stack.enter_context(serve_other(bake, "naive_redis", cluster.environ)),
                "limit": stack.enter_context(
                    serve_other(bake, "limit", {**environ, "LIMIT": "redis"})
                ),
            }
            for size in report.plan.sizes:
                fill(bake, environ, size, folder)
                fill_naive(cluster, size)
                warm_up(servers.values(), size)
                if size != 10_000:
                    report.add_reads_and_writes("Redis", servers, size, 0.85)
                measure_redis_list(report, servers, cluster, size)
    return bake


def fill_naive(cluster: Cluster, count: int) -> None:
    """Put customers where the naive version keeps them."""
    with client_of(cluster, 0) as client:
        entries = list(customers(count).items())
        for start in range(0, count, 1000):
            client.mset({key: json.dumps(one) for key, one in entries[start : start + 1000]})


def client_of(cluster: Cluster, database: int) -> "redis.Redis":
    """A client of the master."""
    master = cluster.master()
    return redis.Redis(master.host, master.port, db=database)


def measure_redis_list(
    report: Report, servers: Mapping[str, Server], cluster: Cluster, size: int
) -> None:
    """The list of all customers."""
    rounds = report.plan.rounds
    seconds = {
        "ours": rounds_of(rounds, lambda: seconds_to_list(servers["ours"])),
        "limit": rounds_of(rounds, lambda: seconds_to_scan(cluster)),
    }
    if size <= 10_000:
        seconds["naive"] = rounds_of(rounds, lambda: seconds_to_list(servers["naive"]))
    milliseconds = {name: sample.times(1000) for name, sample in seconds.items()}
    mine = milliseconds["ours"]
    targets = [Target(1.3, "limit", milliseconds["limit"], at_most=True)]
    if size <= 10_000:
        targets.append(Target(1 / 20, "naive", milliseconds["naive"], at_most=True))
    report.add(
        Row(
            f"`GET /`, Redis, {size:,} customers",
            "ms",
            mine,
            milliseconds.get("naive"),
            milliseconds["limit"],
            targets,
        )
    )


def seconds_to_list(server: Server) -> float:
    """How long `GET /` takes, to the last byte."""
    with server.client() as client:
        client.headers["Authorization"] = f"Bearer {KEY}"
        began = time.perf_counter()
        client.get("/", timeout=600).raise_for_status()
        return time.perf_counter() - began


def seconds_to_scan(cluster: Cluster) -> float:
    """How long a client takes to get every customer's text by SCAN and MGET."""
    with client_of(cluster, 1) as client:
        began = time.perf_counter()
        cursor = 0
        while True:
            cursor, keys = client.scan(cursor, match="customer:*", count=1000)
            client.mget(keys)
            if cursor == 0:
                return time.perf_counter() - began


# --- SQL -----------------------------------------------------------------------------------------


def measure_sql(report: Report, folder: Path) -> Bake:
    """GET and POST of the SQL project on PostgreSQL."""
    bake = render("sql", folder / "sql")
    with databases_of(bake, "postgresql", folder) as databases, ExitStack() as stack:
        environ = {"DATABASE_URL": databases.create("customers")}
        bake.run(".venv/bin/flask", "db", "upgrade", environ={"FLASK_APP": "run", **environ})
        servers = {
            "ours": stack.enter_context(serve_ours(bake, environ)),
            "limit": stack.enter_context(
                serve_other(bake, "limit", {**environ, "LIMIT": "postgresql"})
            ),
        }
        for size in report.plan.sizes:
            if size == 10_000:
                continue
            fill(bake, environ, size, folder)
            warm_up(servers.values(), size)
            report.add_reads_and_writes("PostgreSQL", servers, size, 0.8)
    return bake


# --- Memory, start, retries, rendering -----------------------------------------------------------


def measure_memory(report: Report, bakes: Mapping[str, Bake], folder: Path) -> None:
    """How much more memory `GET /` needs at its peak for 100,000 customers than for 1,000."""
    with (
        cluster_of(bakes["redis"], SERVERS["Valkey 9"]) as cluster,
        databases_of(bakes["sql"], "postgresql", folder) as databases,
    ):
        environs = {
            "json": {"DATA_PATH": str(folder / "memory.json")},
            "redis": dict(cluster.environ),
            "sql": {"DATABASE_URL": databases.create("memory")},
        }
        migrated = {"FLASK_APP": "run", **environs["sql"]}
        bakes["sql"].run(".venv/bin/flask", "db", "upgrade", environ=migrated)
        for name, bake in bakes.items():
            peaks = []
            for size in (1_000, 100_000):
                fill(bake, environs[name], size, folder)
                with serve_ours(bake, {**environs[name], "WORKERS": "1"}) as server:
                    seconds_to_list(server)
                    peaks.append(server.memory("VmHWM"))
            less, more = peaks
            report.add(
                Row(
                    f"`GET /`, {name}: peak memory at 100,000 customers above that at 1,000, "
                    f"{less / 1e6:.0f} MB",
                    "MB",
                    Sample(((more - less) / 1e6,)),
                    targets=[Target(20, at_most=True)],
                )
            )


# What a service of each kind cannot do without.
NEEDED = {
    "json": "",
    "redis": "import redis.sentinel",
    "sql": "import flask_migrate, psycopg, sqlalchemy.dialects.postgresql",
}
START_RATIOS = {"json": 1.25, "redis": 1.15, "sql": 1.15}


def measure_start(report: Report, bakes: Mapping[str, Bake]) -> None:
    """How long a new process takes to import the application and to make it."""
    timed = "import time; began = time.perf_counter(); {}; print(time.perf_counter() - began)"
    environs: dict[str, dict[str, str]] = {
        "json": {},
        "redis": {"REDIS_SENTINELS": "127.0.0.1:1"},
        "sql": {"DATABASE_URL": "postgresql://127.0.0.1:1/none"},
    }
    for name, bake in bakes.items():
        needed = f"{NEEDED[name]}\nfrom flask import Flask\napp = Flask('bare')"
        starts = {
            "ours": "from run import app",
            "limit": f"exec({needed!r})",
        }
        found: dict[str, list[float]] = {kind: [] for kind in starts}
        for _ in range(3 * report.plan.rounds):
            for kind, code in starts.items():
                done = bake.run(
                    bake.python,
                    "-c",
                    timed.format(code),
                    environ={"APP_ENV": "production", "API_KEYS": KEY, **environs[name]},
                )
                found[kind].append(float(done.stdout) * 1000)
        limit = Sample(tuple(found["limit"]))
        report.add(
            Row(
                f"import and `create_app`, {name}; limit: bare Flask"
                + ("" if name == "json" else " and the client library"),
                "ms",
                Sample(tuple(found["ours"])),
                limit=limit,
                targets=[Target(START_RATIOS[name], "limit", limit, at_most=True)],
            )
        )


def measure_retry(report: Report, bake: Bake) -> None:
    """What a call through the retry policy costs when it succeeds at once."""
    code = f"""
import timeit
from {bake.path.name.replace("-", "_")}.retry import RetryPolicy
def attempt(): pass
policy = RetryPolicy()
names = {{"attempt": attempt, "call": policy.call, "is_transient": lambda error: False}}
with_it = min(timeit.repeat("call(attempt, is_transient)", globals=names, number=100_000, repeat=5))
without = min(timeit.repeat("attempt()", globals=names, number=100_000, repeat=5))
print((with_it - without) / 100_000 * 1e6)
"""
    run = partial(_python, code, python=bake.python, folder=str(bake.path))
    sample = rounds_of(report.plan.rounds, lambda: float(run()))
    report.add(Row("`RetryPolicy.call`, success", "µs", sample, targets=[Target(2, at_most=True)]))


def measure_rendering(report: Report, folder: Path) -> None:
    """How long cookiecutter takes to render, beside an empty template."""
    empty = folder / "empty"
    (empty / "{{cookiecutter.name}}").mkdir(parents=True)
    (empty / "cookiecutter.json").write_text('{"name": "empty"}')
    (empty / "{{cookiecutter.name}}" / "README.md").write_text("{{cookiecutter.name}}\n")
    times: dict[Path, list[float]] = {TEMPLATE: [], empty: []}
    for number in range(2 * report.plan.rounds):
        for template, found in times.items():
            command = ["-m", "cookiecutter", "--no-input", "-o", str(folder / f"out-{number}")]
            began = time.perf_counter()
            subprocess.run(
                [sys.executable, *command, str(template)], check=True, capture_output=True
            )
            found.append(time.perf_counter() - began)
    limit = Sample(tuple(times[empty]))
    report.add(
        Row(
            "rendering; limit: an empty template",
            "s",
            Sample(tuple(times[TEMPLATE])),
            limit=limit,
            targets=[Target(1.2, "limit", limit, at_most=True)],
        )
    )


def measure_first_test(report: Report, folder: Path) -> None:
    """From the start of rendering to the first green test, and to the end of `make test`."""
    for backend, bound in (("json", 20), ("redis", 35), ("sql", 35)):
        began = time.perf_counter()
        bake = render(backend, folder / f"first-{backend}")
        with subprocess.Popen(
            ["make", "test"],
            cwd=bake.path,
            env=clean_environ({"PYTEST_ADDOPTS": "-v"}),
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout  # noqa: S101, for mypy
            first = next(time.perf_counter() for line in process.stdout if "PASSED" in line)
            rest = process.stdout.read()
        last = time.perf_counter()
        if process.returncode:
            raise RuntimeError(f"make test of {backend} failed: {rest[-5000:]}")
        what = f"{backend}: render, install from a warm cache, test to the"
        target = Target(bound, at_most=True)
        report.add(Row(f"{what} first green one", "s", Sample((first - began,)), targets=[target]))
        report.add(Row(f"{what} last one", "s", Sample((last - began,))))


# --- The page ------------------------------------------------------------------------------------


def panels(report: Report) -> list[Panel]:
    """Growth over customers, and over clients."""
    found = []
    kinds = {"ours": "this template", "naive": "naive", "limit": "limit"}
    for what in dict.fromkeys(what for what, _, _ in report.rates):
        for axis, label in (
            ("customers", "customers, with 8 clients"),
            ("clients", "clients, with 1,000 customers"),
        ):
            points: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
            for (request, size, clients), samples in report.rates.items():
                if request == what and (clients == 8 if axis == "customers" else size == 1_000):
                    at = size if axis == "customers" else clients
                    for kind, sample in samples.items():
                        points[kind].append((at, sample.median))
            lines = [Line(kind, points[kind]) for kind in kinds if len(points[kind]) > 1]
            if lines:
                found.append(Panel(what.replace("`", ""), label, lines))
    return found


def measured_on() -> str:
    """When, on what and by what it was measured."""
    wrk = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False).stdout
    return f"Measured on {datetime.now(UTC):%Y-%m-%d} on {machine()}, {' '.join(wrk.split()[:2])}."


def write(report: Report) -> None:
    """Put what was measured into the page, and draw the picture."""
    met = sum(target.is_met(row.ours) for row in report.rows for target in row.targets)
    total = sum(len(row.targets) for row in report.rows)
    table = "\n".join([HEAD, *map(str, report.rows)])
    text = f"{measured_on()} {met} of {total} targets are met.\n\n{table}\n"
    put_in(PAGE, text)
    PICTURE.write_text(draw("Requests per second", panels(report)))


def main() -> None:
    """Measure, and write it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="measure less, and print it only")
    quick = parser.parse_args().quick
    report = Report(QUICK if quick else Plan())
    print(HEAD, flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bakes = {
            "json": measure_json(report, folder),
            "redis": measure_redis(report, folder),
            "sql": measure_sql(report, folder),
        }
        measure_start(report, bakes)
        measure_retry(report, bakes["json"])
        measure_rendering(report, folder)
        if report.plan.all:
            measure_memory(report, bakes, folder)
            measure_first_test(report, folder)
    if not quick:
        write(report)


if __name__ == "__main__":
    main()
