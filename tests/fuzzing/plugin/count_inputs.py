"""A plugin of pytest's that counts the inputs with which Hypothesis runs each test."""

import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis.statistics import collector

_FILE = Path(os.environ["COUNT_INPUTS_IN"], f"{os.getpid()}.jsonl")
_PHASES = ("generate-phase", "reuse-phase", "shrink-phase")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Note a test's name, its inputs, and whether it failed."""
    inputs = 0

    def count(statistics: Any) -> None:
        nonlocal inputs
        cases = (
            case for phase in _PHASES for case in statistics.get(phase, {}).get("test-cases", ())
        )
        inputs += sum(case["status"] in ("valid", "interesting") for case in cases)

    failed = True
    try:
        with collector.with_value(count):  # type: ignore[arg-type]
            result = yield
        failed = False
        return result
    finally:
        if inputs:
            with _FILE.open("a") as file:
                file.write(json.dumps([item.nodeid, inputs, failed]) + "\n")
