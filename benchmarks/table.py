"""The table of docs/performance.md: what was measured, beside what was to be reached."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from benchmarks.load import Load, Sample, by_turns
from tests.servers import Server

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
