"""Runs a schedule of faults under load, and tells what clients saw."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from tests.answers import Answer
from tests.bake import Bake
from tests.clients import Clients

from .fault import Fault, Scene, Storage
from .service import Service

CUSTOMERS_OF_EACH = 30
PAUSE_SECONDS = 0.001
LISTING_PAUSE_SECONDS = 0.3
WRITES_AFTER = 100
RECOVERY_SECONDS = 60
EXAMPLES = 5
MOST_LOG = 5000


@dataclass(frozen=True)
class Figures:
    """What clients saw from a fault's beginning to the next one's.

    Attributes:
        fault: Its name.
        may_be: What clients may see of it, besides right answers.
        writes: How many were acknowledged.
        lost: How many of those acknowledged were not there afterwards.
        wrong: How many answers were not within the contract, or held what they must not hold.
        refused: How many requests were answered by 503.
        cut: How many requests got no answer.
        unexpected: How many of these a retry should have hidden.
        stall: The longest time in which no write was acknowledged, in seconds.
        longest: The longest time that a client waited for an answer, in seconds.
        examples: Some of what was wrong, lost or unexpected.
    """

    fault: str
    may_be: Sequence[str]
    writes: int
    lost: int
    wrong: int
    refused: int
    cut: int
    unexpected: int
    stall: float
    longest: float
    examples: Sequence[str]


@dataclass(frozen=True)
class Run:
    """A whole run.

    Attributes:
        storage: Its name.
        seed: What the schedule was made of.
        seconds: How long it took.
        figures: Of each fault, in the order in which they were made.
        lost: What was not there at the end, after `kill -9` of the service and its restart.
    """

    storage: str
    seed: int
    seconds: float
    figures: Sequence[Figures]
    lost: Sequence[str]

    def problems(self) -> list[str]:
        """All that must not have happened."""
        found = [
            f"{figures.fault}: {example}"
            for figures in self.figures
            if figures.lost or figures.wrong or figures.unexpected
            for example in figures.examples
        ]
        return [*found, *(f"at the end: {lost}" for lost in self.lost)]


def run(
    bake: Bake,
    storage: Storage,
    faults: Sequence[Fault],
    *,
    seed: int,
    count: int,
    writes: int,
    tell: Callable[[str], None] = lambda line: None,
) -> Run:
    """Break a storage and its service again and again, while clients write and read.

    Args:
        bake: The project, with its environment installed.
        storage: What it uses.
        faults: What may happen.
        seed: Decides on the order of the faults, and where there is a choice.
        count: How many faults to make at least; each is made equally often, or once more.
        writes: How many writes shall be acknowledged at least.
        tell: Is told what happens.
    """
    began = time.monotonic()
    figures: list[Figures] = []
    with Service(bake, storage.environ) as service:
        clients = Clients(
            service.url,
            writers=storage.writers,
            readers=storage.readers,
            pause=PAUSE_SECONDS,
            listing_pause=LISTING_PAUSE_SECONDS,
            customers=CUSTOMERS_OF_EACH,
        )
        scene = Scene(service, clients, random.Random(seed))  # noqa: S311, no secret
        with clients:
            clients.wait_for_writes(WRITES_AFTER)
            clients.take_answers()
            for fault in endless(faults, scene.random):
                tell(f"{storage.name} {len(figures) + 1}: {fault.name}")
                enough = writes * (len(figures) + 1) // count
                figures.append(make(fault, scene, storage, enough))
                tell(f"  {figures[-1]}")
                if figures[-1].wrong or figures[-1].unexpected:
                    tell(service.log()[-MOST_LOG:])
                if len(figures) >= count and clients.writes >= writes:
                    break
        service.kill()
        service.start()
        lost = clients.lost()
    return Run(storage.name, seed, time.monotonic() - began, figures, lost)


def endless(faults: Sequence[Fault], order: random.Random) -> Iterator[Fault]:
    """All faults in another order each time."""
    while True:
        yield from order.sample(faults, len(faults))


def make(fault: Fault, scene: Scene, storage: Storage, enough: int) -> Figures:
    """Make a fault, and let clients go on until so many writes were acknowledged in all."""
    clients = scene.clients
    before, lost_before = clients.writes, len(clients.losses)
    scene.wrong.clear()
    began = time.monotonic()
    fault.make(scene)
    clients.wait_for_writes(WRITES_AFTER, RECOVERY_SECONDS)
    clients.wait_for_everyone(RECOVERY_SECONDS)
    storage.wait_until_whole()
    over = time.monotonic()
    while clients.writes < enough:
        clients.wait_for_writes(1)
    answers = clients.take_answers()
    seen = Counter(answer.outcome for answer in answers)
    unexpected = [
        f"{answer.kind}: {answer.problem}"
        for answer in answers
        if answer.outcome in {"refused", "cut"} - fault.may_be
    ]
    wrong = [
        f"{answer.kind}: {answer.problem}"
        for answer in answers
        if answer.outcome in ("wrong", "broken")
    ]
    wrong += scene.wrong
    losses = clients.losses[lost_before:]
    return Figures(
        fault=fault.name,
        may_be=sorted(fault.may_be),
        writes=clients.writes - before,
        lost=len(losses),
        wrong=len(wrong),
        refused=seen["refused"],
        cut=seen["cut"],
        unexpected=len(unexpected),
        stall=clients.longest_stall(began, over),
        longest=longest(answers),
        examples=[*islice([*losses, *wrong, *unexpected], EXAMPLES)],
    )


def longest(answers: Sequence[Answer]) -> float:
    """The longest time that a client waited, but for whole lists, in seconds."""
    return max(answer.seconds for answer in answers if answer.kind != "list")
