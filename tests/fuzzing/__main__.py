"""Runs the tests with Hypothesis for long, and tells how much they tried: `make fuzz` calls it."""

import argparse
import itertools
import json
import re
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from tests.bake import TEMPLATE, Bake, render_and_install, run_in, tool
from tests.conftest import OPTIONS
from tests.faults.page import keep

PLUGIN = Path(__file__).with_name("plugin")
STORAGES = "storages, each beside a dict for up to 20 changes; cursors; bodies"
FILE = "bytes of `customers.json`, and changes of it"
# What the tests of a module are about.
KINDS = {
    "test_any_json_file": FILE,
    "test_any_redis_value": "values and keys in Redis",
    "test_any_request": "requests: bodies, IDs, limits and cursors",
    "test_config": "values of environment variables",
    "test_fuzzed_answers": "answers to the template's questions",
    "test_json_by_hand": FILE,
    "test_json_document": FILE,
    "test_openapi": "records, beside the API's description of them",
    "test_records": "exported files, whole and broken",
    "test_redis_two_prefixes": STORAGES,  # the tests of the contract once more
    "test_retry": "retries, by a clock that is no real one",
    "test_storage_contract": STORAGES,
}


def main() -> None:
    """Run until enough was tried.

    Raises:
        SystemExit: Something failed. What, is printed.
    """
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000, help="how many at least")
    parser.add_argument("--seed", type=int, default=1, help="of the first round")
    asked = parser.parse_args()
    inputs: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        bakes = [
            render_and_install(backend, Path(name, backend))
            for backend in OPTIONS["storage_backend"]
        ]
        for seed in itertools.count(asked.seed):
            examples = max(100, (asked.inputs - inputs.total()) // 60)
            for bake in bakes:
                count(run_project(bake, seed, examples), inputs, failures)
            count(run_answers(seed, examples), inputs, failures)
            print(f"{inputs.total():,} inputs, {failures.total()} failures", flush=True)
            if inputs.total() >= asked.inputs or failures:
                break
    rows = [
        {"kind": kind, "inputs": inputs[kind], "failures": failures[kind]}
        for kind in sorted(inputs)
    ]
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    keep("fuzzed", "inputs", {"date": today, "seed": asked.seed, "rows": rows})
    raise SystemExit(bool(failures))


def run_project(bake: Bake, seed: int, examples: int) -> list[tuple[str, int, bool]]:
    """Run a project's own tests that use Hypothesis."""
    pytest = str(bake.path / ".venv/bin/pytest")
    return run_tests(bake.path, [pytest, "-n", "2"], seed, examples)


def run_answers(seed: int, examples: int) -> list[tuple[str, int, bool]]:
    """Run the template's own."""
    command = [tool("pytest"), "tests/test_fuzzed_answers.py"]
    return run_tests(TEMPLATE, command, seed, examples)


def run_tests(
    folder: Path, command: list[str], seed: int, examples: int
) -> list[tuple[str, int, bool]]:
    """Run tests; the name, the inputs and the failure of each that Hypothesis ran."""
    with tempfile.TemporaryDirectory() as counts:
        environ = {
            "EXAMPLES": str(examples),
            "PYTHONPATH": str(PLUGIN),
            "COUNT_INPUTS_IN": counts,
        }
        options = [
            "-m",
            "hypothesis",
            "-p",
            "count_inputs",
            f"--hypothesis-seed={seed}",
            "-p",
            "no:cacheprovider",
        ]
        done = run_in(folder, *command, *options, environ=environ)
        if done.returncode:
            print(done.stdout[-5000:], done.stderr[-2000:])
        lines = [line for file in Path(counts).iterdir() for line in file.read_text().splitlines()]
    return [tuple(json.loads(line)) for line in lines]


def count(found: list[tuple[str, int, bool]], inputs: Counter[str], failures: Counter[str]) -> None:
    """Add up what tests of one kind tried."""
    for test, tried, failed in found:
        (module,) = re.findall(r"(test_\w+)\.py", test)
        inputs[KINDS[module]] += tried
        failures[KINDS[module]] += failed


if __name__ == "__main__":
    main()
