"""What measures: a project's `make bench`, and the table of docs/performance.md."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.load import Sample
from benchmarks.table import Row, Target

from .bake import Bake
from .conftest import Render

needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="there is no wrk")


@needs_wrk
@pytest.mark.slow
def test_bench_counts_what_a_running_service_answers(installed: Callable[[str], Bake]) -> None:
    bake = installed("default")
    with bake.serve("serve") as server:
        port = server.url.rpartition(":")[2]
        done = bake.run("./bench.sh", environ={"PORT": port})
    assert done.returncode == 0, done.stderr
    rates = [float(line.split()[1]) for line in done.stdout.splitlines() if "Requests/sec" in line]
    assert len(rates) == 2
    assert min(rates) > 0


@needs_wrk
def test_bench_of_a_service_that_does_not_run_fails(render: Render) -> None:
    done = render("default", {}).run("./bench.sh", environ={"PORT": "9"})
    assert done.returncode != 0
    assert "unable to connect" in done.stdout + done.stderr


def test_bench_without_wrk_says_what_to_install(render: Render, tmp_path: Path) -> None:
    (tmp_path / "sh").symlink_to("/bin/sh")
    done = render("default", {}).run("./bench.sh", environ={"PATH": str(tmp_path)})
    assert done.returncode == 1
    assert done.stderr == "wrk is missing: install it, as by apt-get install wrk\n"


def test_table_says_which_target_is_not_met() -> None:
    ours, limit = Sample((80.0, 82.0, 81.0)), Sample((100.0,))
    row = str(Row("GET", "/s", ours, limit=limit, targets=[Target(0.85, "limit", limit)]))
    assert row == "| GET |  | 81/s ± 1 % | 100/s | ≥ 0.85 of limit | 0.81 | **not met** |"


def test_target_is_not_met_with_errors() -> None:
    assert Target(10).is_met(Sample((20.0,)))
    assert not Target(10).is_met(Sample((20.0,), errors=1))
    assert not Target(10, at_most=True).is_met(Sample((20.0,)))
