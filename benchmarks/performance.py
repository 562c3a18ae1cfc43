"""Each rendered service beside a naive version and beside what is possible, in one run.

Writes what it measured into docs/performance.md, and draws docs/growth.svg. With `--quick` it
measures less, and prints it only.
"""

import argparse
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.costs import (
    measure_first_test,
    measure_memory,
    measure_rendering,
    measure_retry,
    measure_start,
)
from benchmarks.growth_picture import LEGEND, Line, Panel, draw
from benchmarks.page import machine, put_in
from benchmarks.requests import measure_json, measure_redis, measure_sql
from benchmarks.table import HEAD, QUICK, Plan, Report
from tests.bake import TEMPLATE

PAGE = TEMPLATE / "docs" / "performance.md"
PICTURE = TEMPLATE / "docs" / "growth.svg"


def panels(report: Report) -> list[Panel]:
    """Growth over customers, and over clients."""
    found = []
    for what in dict.fromkeys(what for what, _, _ in report.rates):
        for axis, label in (
            ("customers", "customers, with 8 clients"),
            ("clients", "clients, with 1,000 customers"),
        ):
            points: dict[str, list[tuple[float, float]]] = {kind: [] for kind in LEGEND}
            for (request, size, clients), samples in report.rates.items():
                if request == what and (clients == 8 if axis == "customers" else size == 1_000):
                    at = size if axis == "customers" else clients
                    for kind, sample in samples.items():
                        points[kind].append((at, sample.median))
            lines = [Line(kind, points[kind]) for kind in LEGEND if len(points[kind]) > 1]
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
