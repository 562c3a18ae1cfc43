"""HTTP clients that write and read all the time, and know what they must get."""

import itertools
import json
import random
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from http.client import HTTPConnection
from typing import Any, Self

from .answers import (
    CAUGHT,
    Answer,
    Kind,
    Outcome,
    body_of,
    customer_of,
    delete,
    ok,
    outcome_of,
    without_doubles,
)
from .bake import PATIENCE_SECONDS, wait_until
from .ledger import Ledger

# After an answer that took longer, or was none, a client looks for what it wrote last.
SUSPICIOUS_SECONDS = 0.3
LAST_WRITTEN = 20
PAUSE_AFTER_FAILURE_SECONDS = 0.05


class Clients:
    """HTTP clients that write and read all the time, and know what they must get.

    A customer is written by one client only, with a number as the last name that grows with each
    write. So each answer must hold the number that was acknowledged last, or one sent later. A
    client that had to wait, or got no answer, looks for its last writes before it goes on, as it
    would soon write over what is lost.

    Attributes:
        answers: What became of each request.
        losses: The acknowledged writes that a client no longer found.
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
        self._customers = customers
        self._deletes = deletes
        self._steps: list[tuple[Callable[[HTTPConnection], object], float]] = [
            *[(self._read, pause)] * readers,
            *[(self._lister(), listing_pause) for _ in range(listers)],
            *[(self._writer(writer), pause) for writer in range(writers)],
        ]
        self._connections = [
            HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_SECONDS) for _ in self._steps
        ]
        self._locks = [threading.Lock() for _ in self._steps]
        self._pool = ThreadPoolExecutor(len(self._steps))
        self._running: list[Future[None]] = []
        self._stop = threading.Event()
        self._ledger = Ledger()
        self._acknowledged_at: list[float] = []
        self._counts = [0] * len(self._steps)
        self.answers: list[Answer] = []
        self.losses: list[str] = []

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
        return len(self._acknowledged_at)

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
        taken, self.answers = self.answers, []
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
        start = bisect_left(self._acknowledged_at, since - 1)  # they stand almost in order
        moments = self._acknowledged_at[start:]
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

    def _writer(self, writer: int) -> Callable[[HTTPConnection], None]:
        numbers = itertools.count()

        def write(connection: HTTPConnection) -> None:
            number = next(numbers)
            customer_id = f"{writer}-{number % self._customers}"
            answer = self._set(connection, customer_id, number)
            if self._deletes and number % 10 == 0:
                self._add_and_delete(connection, f"{writer}-{number}-deleted")
            if answer.problem or answer.seconds > SUSPICIOUS_SECONDS:
                numbers_of_last = range(max(0, number - LAST_WRITTEN), number + 1)
                self._look_for(
                    connection, {f"{writer}-{n % self._customers}" for n in numbers_of_last}
                )

        return write

    def _set(self, connection: HTTPConnection, customer_id: str, number: int) -> Answer:
        self._ledger.sent[customer_id] = number
        body = json.dumps(customer_of(customer_id, number)).encode()

        def post() -> None:
            ok(connection, "POST", "/set", body)
            self.acknowledged[customer_id] = number

        return self._send("write", connection, post)

    def _add_and_delete(self, connection: HTTPConnection, customer_id: str) -> None:
        self._ledger.sent[customer_id] = 0
        body = json.dumps(customer_of(customer_id, 0)).encode()
        added = self._send("write", connection, partial(ok, connection, "POST", "/set", body))
        # It may be gone already if the answer to an earlier try was lost, or it was never there.
        sure = not added.problem
        while True:
            deletion = partial(delete, connection, customer_id, missing=not sure)
            if not self._send("write", connection, deletion).problem:
                self._ledger.deleted.add(customer_id)
                return
            sure = False
            if self._stop.is_set():
                return

    def _look_for(self, connection: HTTPConnection, customer_ids: Iterable[str]) -> None:
        """Read customers that nobody writes meanwhile, however long it takes."""
        for customer_id in sorted(self.acknowledged.keys() & customer_ids):
            number = self.acknowledged[customer_id]
            read = partial(self._get, connection, customer_id)
            while (answer := self._send("read", connection, read)).problem:
                if answer.outcome == "wrong":
                    self.losses.append(f"{customer_id}: {number}, {answer.problem}")
                    break
                if self._stop.is_set():
                    return

    def _read(self, connection: HTTPConnection) -> None:
        # The latest are those that a server which is behind does not have.
        if customer_ids := list(self.acknowledged)[-LAST_WRITTEN:]:
            customer_id = random.choice(customer_ids)  # noqa: S311, no secret
            self._send("read", connection, partial(self._get, connection, customer_id))

    def _get(self, connection: HTTPConnection, customer_id: str) -> None:
        known = self._ledger.only(customer_id)
        known.check({customer_id: json.loads(ok(connection, "GET", f"/get/{customer_id}"))})

    def _lister(self) -> Callable[[HTTPConnection], None]:
        ways = itertools.cycle([self._list, self._walk])

        def list_all(connection: HTTPConnection) -> None:
            self._send("list", connection, partial(next(ways), connection))

        return list_all

    def _list(self, connection: HTTPConnection) -> None:
        known = self._ledger.now()
        known.check(json.loads(ok(connection, "GET", "/"), object_pairs_hook=without_doubles))

    def _walk(self, connection: HTTPConnection) -> None:
        """List all customers in pages."""
        known = self._ledger.now()
        found: dict[str, Any] = {}
        path = "/?limit=1000"
        while path:
            connection.request("GET", path)
            answer = connection.getresponse()
            found |= json.loads(body_of(answer))
            link = answer.headers.get("Link", "")
            path = link.removeprefix("<").removesuffix('>; rel="next"')
        known.check(found)

    def _send(
        self, kind: Kind, connection: HTTPConnection, request: Callable[[], object]
    ) -> Answer:
        """Send a request, and note what became of it."""
        sent = time.monotonic()
        outcome: Outcome = "right"
        problem = ""
        try:
            request()
        except CAUGHT as error:
            outcome = outcome_of(error)
            problem = f"{type(error).__name__}: {error}"
            connection.close()  # the next request opens it again
        answer = Answer(kind, sent, time.monotonic(), outcome, problem)
        self.answers.append(answer)
        if problem:
            self._stop.wait(PAUSE_AFTER_FAILURE_SECONDS)
        elif kind == "write":
            self._acknowledged_at.append(answer.ended)
        return answer
