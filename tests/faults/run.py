"""Runs a schedule of faults under load, and tells what clients saw."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import islice

from tests.answers import Answer
from tests.bake import Bake
from tests.clients import Clients

from .fault import Fault, Scene, Storage
from .figures import Figures, Run
from .service import Service

CUSTOMERS_OF_EACH = 30
PAUSE_SECONDS = 0.001
LISTING_PAUSE_SECONDS = 0.3
WRITES_AFTER = 100
RECOVERY_SECONDS = 60
EXAMPLES = 5
MOST_LOG = 5000


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
    with Service(bake, storage.environ) as service:
        clients = clients_of(service, storage)
        scene = Scene(service, clients, random.Random(seed))  # noqa: S311, no secret
        with clients:
            clients.wait_for_writes(WRITES_AFTER)
            clients.take_answers()
            figures: list[Figures] = []
            for fault in endless(faults, scene.random):
                number = len(figures) + 1
                tell(f"{storage.name} {number}: {fault.name}")
                figures.append(make(fault, scene, storage, writes * number // count, figures))
                tell_of(figures[-1], service, tell)
                if number >= count and clients.writes >= writes:
                    break
        service.kill()
        service.start()
        lost = clients.lost()
    return Run(storage.name, seed, time.monotonic() - began, figures, lost)


def tell_of(figures: Figures, service: Service, tell: Callable[[str], None]) -> None:
    """Tell what clients saw, and what the service logged if something was wrong."""
    tell(f"  {figures}")
    if figures.wrong or figures.unexpected:
        tell(service.log()[-MOST_LOG:])


def clients_of(service: Service, storage: Storage) -> Clients:
    """As many as the storage bears, all of them busy."""
    return Clients(
        service.url,
        writers=storage.writers,
        readers=storage.readers,
        pause=PAUSE_SECONDS,
        listing_pause=LISTING_PAUSE_SECONDS,
        customers=CUSTOMERS_OF_EACH,
    )


def endless(faults: Sequence[Fault], order: random.Random) -> Iterator[Fault]:
    """All faults in another order each time."""
    while True:
        yield from order.sample(faults, len(faults))


def make(
    fault: Fault, scene: Scene, storage: Storage, enough: int, earlier: Sequence[Figures]
) -> Figures:
    """Make a fault after `earlier` ones, until `enough` writes were acknowledged in all."""
    clients = scene.clients
    lost_before = len(clients.losses)
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
    losses = clients.losses[lost_before:]
    unexpected = told(answers, {"refused", "cut"} - fault.may_be)
    wrong = told(answers, {"wrong", "broken"}) + scene.wrong
    return Figures(
        fault=fault.name,
        may_be=sorted(fault.may_be),
        writes=clients.writes - sum(figures.writes for figures in earlier),
        lost=len(losses),
        wrong=len(wrong),
        refused=seen["refused"],
        cut=seen["cut"],
        unexpected=len(unexpected),
        stall=clients.longest_stall(began, over),
        longest=longest(answers),
        examples=[*islice([*losses, *wrong, *unexpected], EXAMPLES)],
    )


def told(answers: Sequence[Answer], outcomes: AbstractSet[str]) -> list[str]:
    """The problems of answers with some outcomes."""
    return [f"{one.kind}: {one.problem}" for one in answers if one.outcome in outcomes]


def longest(answers: Sequence[Answer]) -> float:
    """The longest time that a client waited, but for whole lists, in seconds."""
    return max(answer.seconds for answer in answers if answer.kind != "list")
