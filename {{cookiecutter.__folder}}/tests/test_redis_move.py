"""`flask storage move-keys`: customers get the keys of another prefix while the service runs."""

import json
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

import msgspec
import pytest
import redis
from click.testing import Result
from flask import Flask

from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.storage import CustomerStorage, redis_move
from {{ cookiecutter.package_name }}.storage.redis_two_prefixes import RedisTwoPrefixStorage

from .test_redis_sentinel import TEXT, customers, listed, paged
from dev.cluster import Cluster

FIRST = {"REDIS_KEY_PREFIX": "", "REDIS_OTHER_KEY_PREFIX": "customer:"}
SECOND = {"REDIS_KEY_PREFIX": "customer:", "REDIS_OTHER_KEY_PREFIX": ""}
MOVE = ["storage", "move-keys"]

Move = Callable[..., Result]


@pytest.fixture
def master(cluster: Cluster) -> redis.Redis:
    """Sends commands to the master."""
    return cluster.master().client()


@pytest.fixture
def move(make_app: Callable[..., Flask]) -> Move:
    """Runs the command."""

    def run(*options: str, **variables: str) -> Result:
        app = make_app(**(variables or SECOND))
        return app.test_cli_runner().invoke(args=[*MOVE, *options])

    return run


@pytest.fixture
def open_with(make_app: Callable[..., Flask]) -> Callable[..., CustomerStorage]:
    """Opens the storage with further variables."""

    def open_another(**variables: str) -> CustomerStorage:
        storage: CustomerStorage = make_app(**variables).extensions["customer_storage"]
        return storage

    return open_another


def ids_of(some: list[Customer]) -> list[str]:
    return [customer.customer_id for customer in some]


def keys(master: redis.Redis) -> set[bytes]:
    found: Any = master.keys()
    return set(found)


def fill(master: redis.Redis, prefix: str, some: list[Customer]) -> None:
    """Write customers as another program would."""
    master.mset({prefix + c.customer_id: json.dumps(msgspec.to_builtins(c)) for c in some})


FOREIGN: dict[str, Callable[[redis.Redis], object]] = {
    "session:9": lambda master: master.set("session:9", "x"),
    "tags": lambda master: master.sadd("tags", "x"),
    "customer:list": lambda master: master.rpush("customer:list", "x"),
    "8": lambda master: master.set("8", TEXT),  # another customer's record
    "9": lambda master: master.set("9", "{}"),
    "a/b": lambda master: master.set("a/b", TEXT),
    "é": lambda master: master.set(b"\xe9", "x"),
}


def test_all_customers_are_moved_and_all_other_keys_are_left(
    master: redis.Redis, move: Move, open_with: Callable[..., CustomerStorage]
) -> None:
    stored = customers(2500)
    fill(master, "", stored[:2000])
    fill(master, "customer:", stored[2000:])
    for write in FOREIGN.values():
        write(master)
    foreign = keys(master) - {key.encode() for key in ids_of(stored[:2000])}
    before = {key: master.dump(key) for key in foreign}
    result = move()
    assert (result.exit_code, result.output) == (
        0,
        "moved 2,000 keys; 7 keys that hold no customer are left\n",
    )
    assert {key: master.dump(key) for key in foreign} == before
    assert keys(master) - foreign == {f"customer:{key}".encode() for key in ids_of(stored[:2000])}
    assert sorted(listed(open_with())) == ids_of(stored)
    assert move().output == "moved 0 keys; 7 keys that hold no customer are left\n"


def test_record_and_time_to_live_stay_as_they_are(master: redis.Redis, move: Move) -> None:
    record = '{"age": 36, "customerID": "1", "firstName": "Ada", "lastName": "Lovelace"}'
    master.set("1", record, px=60_000)
    assert move().output == "moved 1 key; 0 keys that hold no customer are left\n"
    assert master.get("customer:1") == record.encode()
    assert 50_000 < master.pttl("customer:1") <= 60_000


def test_keys_are_moved_from_a_prefix_to_none(master: redis.Redis, move: Move) -> None:
    fill(master, "customer:", customers(10))
    master.set("x", "y")
    assert move(**FIRST).output == "moved 10 keys; 0 keys that hold no customer are left\n"
    assert keys(master) == {b"x", *(key.encode() for key in ids_of(customers(10)))}


def test_dry_run_moves_nothing_and_says_what_would_be(master: redis.Redis, move: Move) -> None:
    fill(master, "", customers(1500))
    fill(master, "customer:", customers(2))
    fill(master, "customer:", [Customer("x000002", "Grace", "Hopper")])
    master.set("y", "z")
    before = {key: master.dump(key) for key in keys(master)}
    result = move("--dry-run")
    assert (result.exit_code, result.output) == (
        1,
        'left, as the new key holds something else: "x000002"\n'
        "1,499 keys would be moved; 1 key that holds no customer is left\n"
        "Error: 1 key cannot be moved\n",
    )
    assert {key: master.dump(key) for key in keys(master)} == before


def test_of_two_keys_with_the_same_customer_one_is_left(master: redis.Redis, move: Move) -> None:
    fill(master, "", customers(1))
    fill(master, "customer:", customers(1))
    result = move()
    assert (result.exit_code, result.output) == (
        0,
        "moved 1 key; 0 keys that hold no customer are left\n",
    )
    assert keys(master) == {b"customer:x000000"}


def test_conflicts_are_reported_in_json_and_left(master: redis.Redis, move: Move) -> None:
    names = ["é", "\u202e", "7", "8"]
    fill(master, "", [Customer(name, "Ada", "Lovelace") for name in names])
    fill(master, "customer:", [Customer(name, "Grace", "Hopper") for name in names[:2]])
    master.set("customer:7", "hello")
    master.sadd("customer:8", "hello")
    fill(master, "", customers(10))
    before = {key: master.dump(key) for key in keys(master) if not key.startswith(b"x")}
    for moved in ("10", "0"):
        result = move()
        lines = result.output.splitlines()
        line = "left, as the new key holds something else: "
        assert sorted(lines[:4]) == sorted(
            line + name for name in ('"\\u00e9"', '"\\u202e"', '"7"', '"8"')
        )
        assert lines[4:] == [
            f"moved {moved} keys; 2 keys that hold no customer are left",
            "Error: 4 keys cannot be moved",
        ]
        assert result.exit_code == 1
        left = {key: master.dump(key) for key in keys(master) if b"x0" not in key}
        assert left == before


def test_keys_that_are_in_each_other_s_place_are_all_moved(master: redis.Redis, move: Move) -> None:
    names = ["1", "customer:1", "customer:customer:1", "customer:customer:customer:1"]
    fill(master, "", [Customer(name, "Ada", "Lovelace") for name in names])
    result = move()
    assert (result.exit_code, result.output) == (
        0,
        "moved 4 keys; 0 keys that hold no customer are left\n",
    )
    assert keys(master) == {f"customer:{name}".encode() for name in names}


def test_key_that_is_written_at_the_last_moment_is_moved_too(
    master: redis.Redis, move: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    glimpses = redis_move.glimpses
    late = customers(3)

    def glimpses_after_a_write(storage: RedisTwoPrefixStorage) -> Iterator[redis_move.Glimpse]:
        if late:
            fill(master, "", [late.pop()])
        return glimpses(storage)

    monkeypatch.setattr(redis_move, "glimpses", glimpses_after_a_write)
    assert move().output == "moved 3 keys; 0 keys that hold no customer are left\n"


def test_what_was_counted_before_another_server_is_not_counted_twice(
    master: redis.Redis, move: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(master, "", customers(1))
    glimpses = redis_move.glimpses
    monkeypatch.setattr(
        redis_move, "glimpses", lambda storage: chain(glimpses(storage), glimpses(storage))
    )
    assert move("--dry-run").output.startswith("1 key would be moved; ")


def test_without_another_prefix_nothing_is_moved(move: Move, master: redis.Redis) -> None:
    fill(master, "", customers(1))
    result = move(REDIS_KEY_PREFIX="customer:")
    assert (result.exit_code, result.output) == (
        1,
        "Error: REDIS_OTHER_KEY_PREFIX must say what the keys to move begin with; it is not set\n",
    )
    assert keys(master) == {b"x000000"}


def test_lost_cluster_is_one_line(move: Move, environ_of_lost_storage: dict[str, str]) -> None:
    result = move(**SECOND, **environ_of_lost_storage, RETRY_DEADLINE_SECONDS="0.1")
    assert (result.exit_code, result.output) == (
        1,
        "Error: no sentinel that can be reached knows a healthy master\n",
    )


def test_readyz_and_check_are_well_with_two_prefixes(make_app: Callable[..., Flask]) -> None:
    app = make_app(**SECOND)
    assert app.test_client().get("/readyz").status_code == 200
    result = app.test_cli_runner().invoke(args=["storage", "check"])
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "ok")


# While the service runs


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
def moving(
    cluster: Cluster, open_with: Callable[..., CustomerStorage], count: int
) -> Iterator[Service]:
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


def assert_all_moved(
    service: Service, master: redis.Redis, open_with: Callable[..., CustomerStorage]
) -> None:
    prefixed = open_with(REDIS_KEY_PREFIX="customer:")
    there = {c.customer_id: c for c in chain.from_iterable(prefixed.stream())}
    assert service.stay <= there.keys()
    for customer_id, customer in service.expected.items():
        assert there.get(customer_id) == customer
    bare = {key for key in keys(master) if not key.startswith(b"customer:")}
    assert bare <= {b"/"}


def test_service_goes_on_while_keys_are_moved_and_the_master_is_killed(
    cluster: Cluster, open_with: Callable[..., CustomerStorage], move: Move
) -> None:
    with moving(cluster, open_with, 10_000) as service, ThreadPoolExecutor(1) as pool:
        while not service.rounds:
            time.sleep(0.01)
        running = pool.submit(move)
        old = cluster.master()
        while not old.client().exists(*(f"customer:{one}" for one in service.stay)):
            assert not running.done()
        cluster.kill(old)
        service.wait_for_a_round()
        service.stop()
        result = running.result()
        assert result.exit_code == 0, result.output
        assert move().output.startswith("moved 0 keys; ")
        assert_all_moved(service, cluster.master().client(), open_with)
    cluster.restart(old)


def start(environ: dict[str, str]) -> subprocess.Popen[bytes]:
    """Run the command in a process of its own."""
    project = Path(__file__).parents[1]
    return subprocess.Popen(
        [sys.executable, "-m", "flask", *MOVE],
        cwd=project,
        env={**os.environ, **environ, **SECOND, "FLASK_APP": "run"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_command_that_is_stopped_goes_on_when_it_is_run_again(
    cluster: Cluster,
    master: redis.Redis,
    open_with: Callable[..., CustomerStorage],
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
        command = start(cluster.environ)
        printed, errors = command.communicate()
        assert (command.returncode, errors) == (0, b"")
        assert printed.startswith(b"moved ")
        assert_all_moved(service, master, open_with)
