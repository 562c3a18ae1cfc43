"""What a service costs besides its requests: memory, the start, retries, rendering, first tests."""

import subprocess
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from benchmarks.load import KEY, Sample, fill, printed_by, rounds_of, serve_ours
from benchmarks.requests import seconds_to_list
from benchmarks.table import Report, Row, Target
from tests.bake import TEMPLATE, Bake, clean_environ, render_and_install
from tests.databases import databases_of, upgrade
from tests.failovers import SERVERS, cluster_of


def measure_memory(report: Report, bakes: Mapping[str, Bake], folder: Path) -> None:
    """How much more memory `GET /` needs at its peak for 100,000 customers than for 1,000."""
    with (
        cluster_of(bakes["redis"], SERVERS["Valkey 9"]) as cluster,
        databases_of(bakes["sql"], "postgresql", folder) as databases,
    ):
        environs = {
            "json": {"DATA_PATH": str(folder / "memory.json")},
            "redis": dict(cluster.environ),
            "sql": {"DATABASE_URL": upgrade(bakes["sql"], databases.create("memory"))},
        }
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
    run = partial(printed_by, bake.python, code, folder=bake.path)
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
        bake = render_and_install(backend, folder / f"first-{backend}")
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
