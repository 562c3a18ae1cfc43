"""What a fault is, and what clients may see of it."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from tests.answers import Outcome
from tests.clients import Clients

from .service import Service

CUT: frozenset[Outcome] = frozenset({"cut"})
REFUSED: frozenset[Outcome] = frozenset({"refused"})


@dataclass(frozen=True)
class Scene:
    """Where faults happen.

    Attributes:
        service: The service.
        clients: Its clients.
        random: What decides where there is a choice.
        wrong: What else was found to be wrong.
    """

    service: Service
    clients: Clients
    random: random.Random
    wrong: list[str] = field(default_factory=list)

    def refusals(self) -> int:
        """How many requests were refused since the fault began."""
        return sum(answer.outcome == "refused" for answer in self.clients.answers)


Make: TypeAlias = Callable[[Scene], None]


@dataclass(frozen=True)
class Fault:
    """One way to break a service or its storage.

    Attributes:
        name: What happens.
        make: Lets it happen; returns when it is over, and all runs again.
        may_be: What clients may see of it, besides right answers. It is empty if a retry can hide
            the fault.
    """

    name: str
    make: Make
    may_be: frozenset[Outcome] = frozenset()


@dataclass(frozen=True)
class Storage:
    """A storage that can be broken.

    Attributes:
        name: As it stands on the page.
        environ: The variables for a service that uses it.
        faults: How it is broken.
        wait_until_whole: Waits until the next fault may come.
        writers: How many clients write.
        readers: How many read single customers.
    """

    name: str
    environ: Mapping[str, str]
    faults: Sequence[Fault]
    wait_until_whole: Callable[[], None] = lambda: None
    writers: int = 6
    readers: int = 1


@contextmanager
def for_seconds(seconds: float) -> Iterator[None]:
    """Let the `with` take this long at least."""
    until = time.monotonic() + seconds
    yield
    time.sleep(max(0, until - time.monotonic()))
