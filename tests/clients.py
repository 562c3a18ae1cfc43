"""HTTP clients that write and read all the time, and know what they must get."""

import itertools
import json
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from typing import Self

from .answers import Answer, ok
from .client_steps import Steps
from .ledger import Ledger
from .servers import PATIENCE_SECONDS, wait_until


class Clients:
    """HTTP clients that write and read all the time, and know what they must get.

    A customer is written by one client only, with a number as the last name that grows with each
    write. So each answer must hold the number that was acknowledged last, or one sent later. A
    client that had to wait, or got no answer, looks for its last writes before it goes on, as it
    would soon write over what is lost.
    """

    def __init__(
        self,
        url: str,
        *,
        writers: int = 6,
        readers: int = 1,
        listers: int = 1,
        pause: float = 0.01,
        listing_pause: float = 1,
        customers: int = 1_000_000,
        deletes: bool = True,
    ) -> None:
        """Prepare the clients; the `with` statement lets them run.

        Args:
            url: Where the service is.
            writers: How many clients write.
            readers: How many clients read single customers.
            listers: How many clients list all customers, at once and in pages by turns.
            pause: How long those who write or read pause after each step, in seconds.
            listing_pause: The same of those who list.
            customers: How many customers each writer adds before it writes the first one again.
            deletes: Whether each writer now and then adds a customer and deletes it.
        """
        self._port = int(url.rpartition(":")[2])
        self._stop = threading.Event()
        self._ledger = Ledger()
        self._did = Steps(self._ledger, self._stop, customers=customers, deletes=deletes)
        self._steps: list[tuple[Callable[[HTTPConnection], object], float]] = [
            *[(self._did.read, pause)] * readers,
            *[(self._did.lister(), listing_pause) for _ in range(listers)],
            *[(self._did.writer(writer), pause) for writer in range(writers)],
        ]
        self._connections = [
            HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_SECONDS) for _ in self._steps
        ]
        self._locks = [threading.Lock() for _ in self._steps]
        self._pool = ThreadPoolExecutor(len(self._steps))
        self._running: list[Future[None]] = []
        self._counts = [0] * len(self._steps)

    def __enter__(self) -> Self:
        self._running = [
            self._pool.submit(self._run, number, *step) for number, step in enumerate(self._steps)
        ]
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._pool.shutdown()
        for loop in self._running:
            loop.result()

    @property
    def answers(self) -> list[Answer]:
        """What became of each request, since they were last taken."""
        return self._did.answers

    @property
    def losses(self) -> list[str]:
        """The acknowledged writes that a client no longer found."""
        return self._did.losses

    @property
    def problems(self) -> list[str]:
        """What was wrong with each answer that was not right."""
        return [f"{answer.kind}: {answer.problem}" for answer in self.answers if answer.problem]

    @property
    def acknowledged(self) -> dict[str, int]:
        """By customer ID, the number that was acknowledged last."""
        return self._ledger.acknowledged

    @property
    def writes(self) -> int:
        """How many writes were acknowledged."""
        return len(self._did.acknowledged_at)

    def lost(self) -> list[str]:
        """The acknowledged writes that the service does not know now, and what nobody sent."""
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_SECONDS)) as asker:
            found = json.loads(ok(asker, "GET", "/"))
        return self._ledger.wrong_in(found)

    def wait_for_writes(self, count: int = 50, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until so many more writes were acknowledged."""
        enough = self.writes + count
        wait_until(lambda: self.writes >= enough, "writes are acknowledged", seconds)

    def wait_for_everyone(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until each client has done what it was at, and one thing more."""
        counts = [count + 2 for count in self._counts]
        wait_until(
            lambda: all(
                count >= enough for count, enough in zip(self._counts, counts, strict=True)
            ),
            "everyone is answered",
            seconds,
        )

    def take_answers(self) -> list[Answer]:
        """The answers since the last time, which are forgotten."""
        taken, self._did.answers = self._did.answers, []
        return taken

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Inside the `with`, nobody sends anything."""
        with ExitStack() as stack:
            for lock in self._locks:
                stack.enter_context(lock)
            yield

    def move(self, url: str) -> None:
        """Let the clients talk to another instance; returns when none talks to the old one."""
        self._port = int(url.rpartition(":")[2])
        for lock, connection in zip(self._locks, self._connections, strict=True):
            with lock:
                self._follow(connection)

    def know(self, customer_id: str, number: int) -> None:
        """Take a customer as written, as it was by another way than the service."""
        self._ledger.sent[customer_id] = self._ledger.acknowledged[customer_id] = number

    def longest_stall(self, since: float, until: float) -> float:
        """The longest time within a span in which no write was acknowledged, in seconds."""
        start = bisect_left(self._did.acknowledged_at, since - 1)  # they stand almost in order
        moments = self._did.acknowledged_at[start:]
        within = sorted(moment for moment in moments if since < moment < until)
        return max(b - a for a, b in itertools.pairwise([since, *within, until]))

    def longest_wait(self, since: float, until: float) -> float:
        """The longest time that a client waited in a span, but for whole lists, in seconds."""
        return max(
            answer.seconds
            for answer in self.answers
            if answer.kind != "list" and answer.ended > since and answer.sent < until
        )

    def _run(self, number: int, step: Callable[[HTTPConnection], object], pause: float) -> None:
        with closing(self._connections[number]) as connection:
            while not self._stop.wait(pause):
                with self._locks[number]:
                    self._follow(connection)
                    step(connection)
                    self._counts[number] += 1

    def _follow(self, connection: HTTPConnection) -> None:
        if connection.port != self._port:
            connection.close()
            connection.port = self._port
