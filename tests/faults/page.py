"""Writes docs/reliability.md from what the long runs saw, which docs/reliability.json keeps."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from benchmarks.page import machine, put_in
from tests.bake import TEMPLATE

from .figures import Figures, Run

PAGE = TEMPLATE / "docs" / "reliability.md"
KEPT = TEMPLATE / "docs" / "reliability.json"
COUNTED = ("writes", "lost", "wrong", "refused", "cut", "unexpected")
SEEN = {"refused": "503", "cut": "cut"}
SUMMARY = """\
| storage | faults | writes acknowledged | lost | wrong | errors that a retry should hide |
|---|---|---|---|---|---|
"""
HEAD = """\
| fault | clients may see | times | writes acknowledged | lost | wrong | 503 | cut | longest stall |
|---|---|---|---|---|---|---|---|---|
"""
FUZZED = """\
| what is fuzzed | inputs | failures |
|---|---|---|
"""


def kept() -> dict[str, Any]:
    """What earlier runs saw."""
    found: dict[str, Any] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    return found


def keep(section: str, name: str, data: object) -> None:
    """Keep what was seen instead of what an earlier run of the same name saw, and write the page.

    Args:
        section: storages, weak or fuzzed.
        name: Of the run.
        data: What was seen.
    """
    all_data = kept()
    all_data.setdefault(section, {})[name] = data
    KEPT.write_text(json.dumps(all_data, indent=2) + "\n")
    put_in(PAGE, text_of(all_data))


def as_data(run: Run) -> dict[str, Any]:
    """A run's figures, by fault."""
    return {
        "name": run.storage,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine(),
        "seed": run.seed,
        "seconds": round(run.seconds),
        "lost at the end": len(run.lost),
        "faults": [row_of(list(figures)) for figures in by_fault(run.figures)],
    }


def by_fault(figures: Sequence[Figures]) -> Iterable[Sequence[Figures]]:
    """The figures of each fault, those with a name that comes first in the alphabet first."""
    for name in sorted({each.fault for each in figures}, key=lambda name: name.strip("`").lower()):
        yield [each for each in figures if each.fault == name]


def row_of(figures: Sequence[Figures]) -> dict[str, Any]:
    """The figures of one fault, added up."""
    return {
        "fault": figures[0].fault,
        "may be": figures[0].may_be,
        "times": len(figures),
        **{name: sum(getattr(each, name) for each in figures) for name in COUNTED},
        "stall": round(max(each.stall for each in figures), 2),
    }


def text_of(data: Mapping[str, Any]) -> str:
    """What stands between the page's marks."""
    order = ("json", "sqlite", "postgresql", "mariadb", "redis")
    storages = [data["storages"][name] for name in order if name in data.get("storages", {})]
    parts = [SUMMARY + "".join(map(summary_of, storages)), *map(section_of, storages)]
    if weak := data.get("weak"):
        parts.append(
            "### Settings that cannot keep it\n\n" + "\n".join(map(section_of_weak, weak.values()))
        )
    if fuzzed := data.get("fuzzed"):
        parts.append(fuzzing_of(fuzzed.values()))
    return "\n".join(parts)


def total(run: Mapping[str, Any], name: str) -> int:
    """A figure, added up over all faults."""
    return sum(row[name] for row in run["faults"])


def summary_of(run: Mapping[str, Any]) -> str:
    """A storage's row of the first table."""
    lost = total(run, "lost") + run["lost at the end"]
    return (
        f"| {run['name']} | {total(run, 'times'):,} | {total(run, 'writes'):,} | {lost:,} "
        f"| {total(run, 'wrong'):,} | {total(run, 'unexpected'):,} |\n"
    )


def section_of(run: Mapping[str, Any]) -> str:
    """A storage's own table."""
    rows = "".join(line_of(row) for row in run["faults"])
    return (
        f"### {run['name']}\n\nOn {run['date']}, for {run['seconds'] / 60:.0f} minutes on "
        f"{run['machine']}; the schedule's seed is {run['seed']}.\n\n{HEAD}{rows}"
    )


def section_of_weak(run: Mapping[str, Any]) -> str:
    """The table of a setting that fails."""
    return f"{run['name']}, on {run['date']}:\n\n{HEAD}{''.join(map(line_of, run['faults']))}"


def line_of(row: Mapping[str, Any]) -> str:
    """A fault's row."""
    seen = " or ".join(SEEN[each] for each in row["may be"]) or "nothing"
    counts = " | ".join(f"{row[name]:,}" for name in ("times", *COUNTED[:-1]))
    return f"| {row['fault']} | {seen} | {counts} | {row['stall']:.2f} s |\n"


def fuzzing_of(runs: Iterable[Mapping[str, Any]]) -> str:
    """The table of what was fuzzed."""
    text = "### Fuzzing\n\n"
    for run in runs:
        rows = [(row["kind"], row["inputs"], row["failures"]) for row in run["rows"]]
        rows.append(("**all**", sum(row[1] for row in rows), sum(row[2] for row in rows)))
        text += f"On {run['date']}; the seed is {run['seed']}.\n\n{FUZZED}"
        text += "".join(
            f"| {kind} | {inputs:,} | {failures:,} |\n" for kind, inputs, failures in rows
        )
    return text
