"""What a client of a service does, step by step, and whether its answers are right."""

import itertools
import json
import random
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from http.client import HTTPConnection
from typing import Any

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
from .ledger import Ledger

# After an answer that took longer, or was none, a client looks for what it wrote last.
SUSPICIOUS_SECONDS = 0.3
LAST_WRITTEN = 20
PAUSE_AFTER_FAILURE_SECONDS = 0.05


class Steps:
    """What clients do, until they are to stop.

    Attributes:
        answers: What became of each request.
        losses: The acknowledged writes that a client no longer found.
        acknowledged_at: When writes were acknowledged, almost in order.
    """

    def __init__(
        self, ledger: Ledger, stop: threading.Event, *, customers: int, deletes: bool
    ) -> None:
        """Share a ledger among clients.

        Args:
            ledger: What was written, and what must be there.
            stop: Is set when they are to stop.
            customers: How many customers each writer adds before it writes the first one again.
            deletes: Whether each writer now and then adds a customer and deletes it.
        """
        self._ledger = ledger
        self._stop = stop
        self._customers = customers
        self._deletes = deletes
        self.answers: list[Answer] = []
        self.losses: list[str] = []
        self.acknowledged_at: list[float] = []

    def writer(self, writer: int) -> Callable[[HTTPConnection], None]:
        """Write customers of a writer's own, again and again."""
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
            self._ledger.acknowledged[customer_id] = number

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
        for customer_id in sorted(self._ledger.acknowledged.keys() & customer_ids):
            number = self._ledger.acknowledged[customer_id]
            read = partial(self._get, connection, customer_id)
            while (answer := self._send("read", connection, read)).problem:
                if answer.outcome == "wrong":
                    self.losses.append(f"{customer_id}: {number}, {answer.problem}")
                    break
                if self._stop.is_set():
                    return

    def read(self, connection: HTTPConnection) -> None:
        """Read one of the customers that were acknowledged last."""
        # The latest are those that a server which is behind does not have.
        if customer_ids := list(self._ledger.acknowledged)[-LAST_WRITTEN:]:
            customer_id = random.choice(customer_ids)  # noqa: S311, no secret
            self._send("read", connection, partial(self._get, connection, customer_id))

    def _get(self, connection: HTTPConnection, customer_id: str) -> None:
        known = self._ledger.only(customer_id)
        known.check({customer_id: json.loads(ok(connection, "GET", f"/get/{customer_id}"))})

    def lister(self) -> Callable[[HTTPConnection], None]:
        """List all customers, at once and in pages by turns."""
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
            self.acknowledged_at.append(answer.ended)
        return answer
