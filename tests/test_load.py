"""Many clients write while the server's workers are killed, and no acknowledged write is lost."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import pytest

from .bake import Bake
from .servers import Server

pytestmark = pytest.mark.slow

WRITERS = 8
WRITES = 500
SHARED_IDS = 10
SECONDS_BETWEEN_KILLS = 0.5
HEADERS = {"Content-Type": "application/json"}


class Write(NamedTuple):
    """One write that was acknowledged."""

    customer_id: str
    value: str


def write_all(url: str, writer: int, share: bool) -> list[Write]:
    """Post as one client does; a request that is cut off is sent again."""
    done = []
    connection = HTTPConnection(url.removeprefix("http://"), timeout=30)
    with closing(connection):
        for number in range(WRITES):
            customer_id = f"shared-{number % SHARED_IDS}" if share else f"{writer}-{number}"
            customer = {
                "customerID": customer_id,
                "firstName": str(writer),
                "lastName": f"{number:04}",
            }
            give_up_at = time.monotonic() + 30
            while True:
                try:
                    connection.request("POST", "/set", json.dumps(customer), HEADERS)
                    answer = connection.getresponse()
                    text = answer.read()
                except (HTTPException, OSError):
                    connection.close()
                    assert time.monotonic() < give_up_at
                    time.sleep(0.05)  # as a polite client, and the new worker needs the processor
                    continue
                assert (answer.status, text) == (200, b"success")
                done.append(Write(customer_id, f"{writer} {number:04}"))
                break
    return done


@contextmanager
def repeating(action: Callable[[], None], seconds: float) -> Iterator[None]:
    """Do something again and again in a thread, with a pause before each time."""
    stop = threading.Event()

    def repeat() -> None:
        while not stop.wait(seconds):
            action()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def killing_workers(server: Server) -> Iterator[list[int]]:
    """Kill one of the server's workers every half second; the process IDs of the killed.

    The oldest one each time, as a worker that dies right after its start looks like broken code,
    and never the last, so that a slow machine can start the next one.
    """
    killed: list[int] = []

    def kill() -> None:
        oldest, *others = server.workers() or [0]
        if others:
            os.kill(oldest, signal.SIGKILL)
            killed.append(oldest)

    with repeating(kill, SECONDS_BETWEEN_KILLS):
        yield killed


@contextmanager
def parsing_all_the_time(file: Path) -> Iterator[list[int]]:
    """Read the file again and again; how many customers there were each time."""
    sizes: list[int] = []
    with repeating(lambda: sizes.append(len(json.loads(file.read_text()))), 0.05):
        yield sizes


@pytest.mark.parametrize("share", [False, True], ids=["distinct IDs", "shared IDs"])
def test_killed_workers_lose_no_acknowledged_write(
    installed: Callable[[str], Bake], tmp_path: Path, share: bool
) -> None:
    file = tmp_path / "customers.json"
    file.write_text("{}")
    with installed("default").serve("serve", DATA_PATH=str(file), WORKERS="4") as server:
        with (
            killing_workers(server) as killed,
            parsing_all_the_time(file) as sizes,
            ProcessPoolExecutor(WRITERS, get_context("spawn")) as pool,
        ):
            calls = [pool.submit(write_all, server.url, writer, share) for writer in range(WRITERS)]
            writers = [call.result() for call in calls]
        with server.client() as client:
            listed = client.get("/").json()

    found = json.loads(file.read_text())
    assert listed == found
    assert len(killed) >= 10
    assert len(sizes) > 10
    assert sum(map(len, writers)) == WRITERS * WRITES
    if share:
        # The last value is one that a writer wrote last of all its own to that ID.
        last = {
            (writes[-1 - n].customer_id, writes[-1 - n].value)
            for writes in writers
            for n in range(SHARED_IDS)
        }
        assert {(i, f"{c['firstName']} {c['lastName']}") for i, c in found.items()} <= last
        assert len(found) == SHARED_IDS
    else:
        assert {
            (customer_id, f"{customer['firstName']} {customer['lastName']}")
            for customer_id, customer in found.items()
        } == {(write.customer_id, write.value) for writes in writers for write in writes}
