"""`flask storage move-keys`: customers get the keys of another prefix."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import redis
from click.testing import Result
from flask import Flask

from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.storage import redis_move
from {{ cookiecutter.package_name }}.storage.redis_listing import Position
from {{ cookiecutter.package_name }}.storage.redis_two_prefix_records import (
    TwoPrefixRecords,
)

from .redis_samples import FIRST, SECOND, TEXT, customers, fill, ids_of, keys, listed
from dev.cluster import Cluster

Open = Callable[..., Any]
Move = Callable[..., Result]


@pytest.fixture
def move(make_app: Callable[..., Flask]) -> Move:
    """Runs the command."""

    def run(*options: str, **variables: str) -> Result:
        app = make_app(**(variables or SECOND))
        return app.test_cli_runner().invoke(args=["storage", "move-keys", *options])

    return run


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
    master: redis.Redis, move: Move, open_with: Open
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


@pytest.fixture
def before_looks(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Has things happen, each before the command looks at some more keys."""

    def set_up(*happenings: Callable[[], None]) -> None:
        look = redis_move.look
        coming = iter(happenings)

        def look_afterwards(records: TwoPrefixRecords, position: Position) -> Any:
            next(coming, lambda: None)()
            return look(records, position)

        monkeypatch.setattr(redis_move, "look", look_afterwards)

    return set_up


def test_key_that_is_written_at_the_last_moment_is_moved_too(
    master: redis.Redis, move: Move, before_looks: Callable[..., None]
) -> None:
    before_looks(*(partial(fill, master, "", [late]) for late in customers(3)))
    assert move().output == "moved 3 keys; 0 keys that hold no customer are left\n"


def test_what_was_counted_before_another_server_is_not_counted_twice(
    cluster: Cluster, master: redis.Redis, move: Move, before_looks: Callable[..., None]
) -> None:
    fill(master, "", customers(5000))
    old = cluster.master()
    before_looks(lambda: None, lambda: None, cluster.planned_failover)
    assert move("--dry-run").output.startswith("5,000 keys would be moved; ")
    assert cluster.master() is not old


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


def test_customer_is_moved_once(open_with: Open, master: redis.Redis) -> None:
    storage = open_with(**SECOND)
    master.set("1", TEXT)
    assert storage.move(["1", "1", "2"]) == 1
    assert keys(master) == {b"customer:1"}
    assert storage.move(["1"]) == 0


@pytest.mark.parametrize(
    ("fill", "value"), [("sadd", "x"), ("set", "x"), ("set", TEXT.replace("Ada", "Augusta"))]
)
def test_what_is_at_the_new_key_is_not_replaced(
    open_with: Open, master: redis.Redis, fill: str, value: str
) -> None:
    master.set("1", TEXT)
    getattr(master, fill)("customer:1", value)
    before = master.dump("customer:1")
    assert open_with(**SECOND).move(["1"]) == 0
    assert master.dump("customer:1") == before
    assert master.get("1") == TEXT.encode()


def test_readyz_and_check_are_well_with_two_prefixes(make_app: Callable[..., Flask]) -> None:
    app = make_app(**SECOND)
    assert app.test_client().get("/readyz").status_code == 200
    result = app.test_cli_runner().invoke(args=["storage", "check"])
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "ok")
