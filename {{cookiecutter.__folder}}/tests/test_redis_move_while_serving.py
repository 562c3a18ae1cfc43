"""`flask storage move-keys` while the service runs, the master fails, or it is stopped."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import redis

from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.storage import CustomerStorage

from .redis_samples import FIRST, SECOND, customers, fill, ids_of, keys, listed, paged
from dev.cluster import Cluster

Open = Callable[..., Any]


class Service:
    """Instances of both steps that write, delete, read and list the same customers.

    Each check fails in the thread that makes it, and `stop` passes that on.
    """

    def __init__(
        self,
        first: Callable[[], CustomerStorage],
        second: Callable[[], CustomerStorage],
        stay: list[Customer],
    ) -> None:
        self.stay = set(ids_of(stay))
        self.stopping = threading.Event()
        self.expected: dict[str, Customer | None] = {}
        self.rounds: Counter[str] = Counter()
        self._pool = ThreadPoolExecutor()
        works: list[Callable[[], None]] = [
            *(partial(self._write, f"own{n}-", first(), second()) for n in range(2)),
            *(partial(self._write_the_same, one()) for one in (first, second)),
            *(partial(self._list, one()) for one in (first, second)),
            partial(self._read, first(), second()),
        ]
        self._futures: list[Future[None]] = [
            self._pool.submit(partial(self._repeat, work)) for work in works
        ]

    def _repeat(self, work: Callable[[], None]) -> None:
        while not self.stopping.is_set():
            work()
            self.rounds[str(work)] += 1

    def _write(self, name: str, *instances: CustomerStorage) -> None:
        """Write customers whom no other thread writes: what was answered is there."""
        customer_id = f"{name}{random.randrange(100)}"
        writer, reader = random.sample(instances, 2)
        before = self.expected.get(customer_id)
        customer = Customer(customer_id, "Ada", str(random.random()))
        match random.randrange(3):
            case 0:
                writer.set(customer)
            case 1:
                assert writer.add_many([customer]) == ([before] if before else [])
                customer = before or customer
            case 2:
                assert writer.delete(customer_id) == (before is not None)
                self.expected[customer_id] = None
                assert reader.get(customer_id) is None
                return
        self.expected[customer_id] = customer
        assert reader.get(customer_id) == customer

    def _write_the_same(self, instance: CustomerStorage) -> None:
        some = random.sample(range(20), 5)
        instance.set_many([Customer(f"same{n}", "Ada", str(random.random())) for n in some])
        instance.delete_many([f"same{n}" for n in some[:1]])

    def _list(self, instance: CustomerStorage) -> None:
        counts = Counter(listed(instance))
        assert max(counts.values()) == 1
        assert self.stay <= counts.keys()
        assert self.stay <= set(paged(instance, 500))

    def _read(self, *instances: CustomerStorage) -> None:
        some = random.sample(sorted(self.stay), 50)
        for instance in instances:
            assert instance.get(some[0]) is not None
            assert sorted(ids_of(instance.get_many(some))) == sorted(some)

    def wait_for_a_round(self) -> None:
        """Wait until each thread has done its work once more."""
        before = Counter(self.rounds)
        while any(self.rounds[work] <= before[work] for work in before):
            assert not any(future.done() for future in self._futures)
            time.sleep(0.01)

    def stop(self) -> None:
        self.stopping.set()
        self._pool.shutdown()
        for future in self._futures:
            future.result()


@contextmanager
def moving(cluster: Cluster, open_with: Open, count: int) -> Iterator[Service]:
    """Instances that write all the time, and bare keys to be moved; at the end all is right."""
    stay = customers(count, "stay")
    fill(cluster.master().client(), "", stay)
    service = Service(partial(open_with, **FIRST), partial(open_with, **SECOND), stay)
    try:
        yield service
    finally:
        service.stop()
    second = open_with(**SECOND)
    for customer_id, customer in service.expected.items():
        assert second.get(customer_id) == customer


def assert_all_moved(service: Service, master: redis.Redis, open_with: Open) -> None:
    prefixed = open_with(REDIS_KEY_PREFIX="customer:")
    there = {c.customer_id: c for c in chain.from_iterable(prefixed.stream())}
    assert service.stay <= there.keys()
    for customer_id, customer in service.expected.items():
        assert there.get(customer_id) == customer
    assert all(key.startswith(b"customer:") for key in keys(master))


def test_move_stays_right_while_others_write_the_same_customers(
    open_with: Open, master: redis.Redis
) -> None:
    stored = customers(500)
    storage = open_with(**SECOND)
    storages = [open_with(**FIRST), storage]
    storages[0].set_many(stored)
    stop = threading.Event()
    written: dict[str, Customer] = {}

    def write(part: int) -> None:
        for number, customer in enumerate(stored[part::2] * 1000):
            if stop.is_set():
                return
            changed = Customer(customer.customer_id, "changed", str(number))
            storages[number % 2].set(changed)
            written[customer.customer_id] = changed

    with ThreadPoolExecutor(2) as pool:
        writing = [pool.submit(write, part) for part in (0, 1)]
        while len(written) < 50:
            assert not any(one.done() for one in writing)
        moved = storage.move(ids_of(stored))
        stop.set()
        for one in writing:
            one.result()
    assert moved == 500
    assert keys(master) == {f"customer:{one.customer_id}".encode() for one in stored}
    assert written
    assert all(storage.get(customer_id) == written[customer_id] for customer_id in written)


def start(environ: dict[str, str]) -> subprocess.Popen[str]:
    """Run the command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "flask", "storage", "move-keys"],
        cwd=Path(__file__).parents[1],
        env={**os.environ, **environ, **SECOND, "FLASK_APP": "run"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(command: subprocess.Popen[str]) -> str:
    """Wait until the command succeeds; what it printed."""
    printed, errors = command.communicate()
    assert command.returncode == 0, errors
    return printed


def test_service_goes_on_while_keys_are_moved_and_the_master_is_killed(
    cluster: Cluster, open_with: Open
) -> None:
    with moving(cluster, open_with, 10_000) as service:
        service.wait_for_a_round()
        command = start(cluster.environ)
        old = cluster.master()
        while not old.client().exists(*(f"customer:{one}" for one in service.stay)):
            assert command.poll() is None
        cluster.kill(old)
        service.wait_for_a_round()
        service.stop()
        end(command)
        assert end(start(cluster.environ)).startswith("moved 0 keys; ")
        assert_all_moved(service, cluster.master().client(), open_with)
    cluster.restart(old)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_command_that_is_stopped_goes_on_when_it_is_run_again(
    cluster: Cluster,
    master: redis.Redis,
    open_with: Open,
    how: signal.Signals,
) -> None:
    with moving(cluster, open_with, 5000) as service:
        names = [f"customer:{one}" for one in service.stay]
        moved = 0
        for _ in range(3):
            command = start(cluster.environ)
            enough: Any = moved + random.randint(1, 1000)
            while (moved := int(master.exists(*names))) < enough and command.poll() is None:
                time.sleep(0.005)
            command.send_signal(how)
            command.communicate()
        assert 0 < moved <= 5000
        service.stop()
        assert end(start(cluster.environ)).startswith("moved ")
        assert_all_moved(service, master, open_with)
