"""Many writers of the JSON file: threads share a write, processes take turns, nothing is lost."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import pytest
from filelock import FileLock

from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.retry import RetryPolicy
from {{ cookiecutter.package_name }}.storage import StorageUnavailableError
from {{ cookiecutter.package_name }}.storage.json_file import JsonFileStorage

ADA = Customer("1", "Ada", "Lovelace")
ALAN = Customer("2", "Alan", "Turing")

WRITER = """
import sys
from pathlib import Path
from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.retry import RetryPolicy
from {{ cookiecutter.package_name }}.storage.json_file import JsonFileStorage

storage = JsonFileStorage(Path(sys.argv[1]), RetryPolicy(deadline=60))
for number in range(int(sys.argv[3])):
    storage.set(Customer(f"{sys.argv[2]}-{number}", "x", "y"))
    print(number, flush=True)
"""


@pytest.fixture
def storage(path: Path) -> JsonFileStorage:
    return JsonFileStorage(path, RetryPolicy(deadline=0.2))


def start_writer(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), name, str(count)],
        stdout=subprocess.PIPE,
        text=True,
    )


def noted_exchanges(monkeypatch: pytest.MonkeyPatch, seconds: float = 0) -> list[str]:
    """The files that take another one's place from now on, each after some seconds."""
    noted: list[str] = []
    replace = os.replace

    def note_and_replace(old: str, new: str) -> None:
        noted.append(new)
        threading.Event().wait(seconds)
        replace(old, new)

    monkeypatch.setattr(os, "replace", note_and_replace)
    return noted


def waiting_for(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    while not condition():
        pause.wait(0.001)


def test_processes_write_without_losing_anything(path: Path) -> None:
    writers = [start_writer(path, str(writer), 50) for writer in range(4)]
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    expected = {f"{writer}-{number}" for writer in range(4) for number in range(50)}
    assert json.loads(path.read_text()).keys() == expected


def test_killed_writer_leaves_every_acknowledged_write_and_no_lock(path: Path) -> None:
    for round_ in range(5):
        writer = start_writer(path, f"round {round_}", 100_000)
        assert writer.stdout is not None
        acknowledged = [writer.stdout.readline() for _ in range(10 + round_)]
        writer.kill()
        acknowledged += writer.communicate()[0].splitlines()
        found = json.loads(path.read_text())
        assert {
            f"round {round_}-{number.strip()}" for number in acknowledged if number.strip()
        } <= found.keys()
    JsonFileStorage(path, RetryPolicy(deadline=1)).set(ADA)


def test_write_waits_for_the_lock_of_another_process(storage: JsonFileStorage, path: Path) -> None:
    problem = r"^customers\.json: another process holds its lock$"
    with FileLock(f"{path}.lock"), pytest.raises(StorageUnavailableError, match=problem):
        storage.set(ADA)
    storage.set(ADA)


def test_writes_that_wait_for_the_lock_are_written_together(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = JsonFileStorage(path, RetryPolicy())
    exchanges = noted_exchanges(monkeypatch)
    with ThreadPoolExecutor(21) as pool:
        lock = FileLock(f"{path}.lock", thread_local=False)
        with lock:
            first = pool.submit(storage.set, Customer("first", "x", "y"))
            waiting_for(lambda: storage._busy)
            others = [pool.submit(storage.set, Customer(str(n), "x", "y")) for n in range(20)]
            waiting_for(lambda: len(storage._waiting) == 20)
        for written in (first, *others):
            written.result()
    assert len(exchanges) == 1
    assert sum(len(batch) for batch in storage.stream()) == 21


def test_waiting_writers_are_told_of_their_write_at_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With each exchange slowed down, no writer waits for more than the one after its own."""
    storage = JsonFileStorage(path, RetryPolicy())
    exchanges = noted_exchanges(monkeypatch, seconds=0.002)

    def write(writer: int) -> list[int]:
        waits = []
        for number in range(20):
            before = len(exchanges)
            storage.set(Customer(f"{writer}-{number}", "x", "y"))
            waits.append(len(exchanges) - before)
        return waits

    with ThreadPoolExecutor(8) as pool:
        waits = list(chain.from_iterable(pool.map(write, range(8))))
    assert max(waits) <= 5
    assert sum(waits) < 2 * len(waits)
    assert len(exchanges) < 8 * 20


def test_only_writes_whose_time_is_up_fail_while_the_lock_is_held(
    storage: JsonFileStorage, path: Path
) -> None:
    with ThreadPoolExecutor(2) as pool, FileLock(f"{path}.lock", thread_local=False) as lock:
        first = pool.submit(storage.set, ADA)
        waiting_for(lambda: storage._busy)
        storage._retry = RetryPolicy(deadline=60)
        second = pool.submit(storage.set, ALAN)
        with pytest.raises(StorageUnavailableError):
            first.result()
        waiting_for(lambda: storage._busy)
        lock.release()
        second.result()
    assert storage.get("1") is None
    assert storage.get("2") == ALAN


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_storage_made_before_a_fork_writes_after_it(storage: JsonFileStorage) -> None:
    storage.set(ADA)
    child = os.fork()
    if child == 0:
        storage.set(ALAN)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert storage.get("2") == ALAN
