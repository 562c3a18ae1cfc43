"""Bare keys that get a prefix while the service runs."""

import re
from contextlib import closing

from ..redis_samples import listed
from .operators import (
    NO_RETRIES,
    SERVICE_PASSWORD,
    USER,
    Operator,
    blocks,
    open_storage,
    service,
)
from dev.cluster import Cluster


def test_bare_keys_are_moved_while_the_service_s_user_writes_all_the_time(
    user: dict[str, str], cluster: Cluster, operator: Operator
) -> None:
    see, permit, move = blocks("Move bare keys under a prefix")
    (shown,) = blocks("Move bare keys under a prefix", "text")
    first, second, last = (
        {**user, **dict(re.findall("^(.*?)=(.*)$", block, re.MULTILINE))}
        for block in blocks("Move bare keys under a prefix", "ini")
    )
    as_user = "".join(f"export {name}={value}\n" for name, value in user.items())
    master = cluster.master().client()
    master.flushall()
    others = {"a list": "customer:list", "a set": "tags", "a text": "session:9"}
    master.rpush(others["a list"], "x")
    master.sadd(others["a set"], "x")
    master.set(others["a text"], "x")
    operator.runs(USER.replace("~customer:*", "~*"), SERVICE_PASSWORD=SERVICE_PASSWORD)
    with service({**user, "REDIS_KEY_PREFIX": ""}, **NO_RETRIES) as wait_for_writes:
        assert operator.runs(as_user + see).endswith("3 keys that hold no customer are left\n")
        operator.runs(permit)
        with service(first, **NO_RETRIES):
            wait_for_writes()
    with service(first, **NO_RETRIES), service(second, **NO_RETRIES) as wait_for_writes:
        wait_for_writes()
    there = listed_by(second)
    assert len(there) >= 80
    with service(second, **NO_RETRIES):
        printed = operator.runs(as_user + move)
    assert re.sub("moved [0-9,]+", "moved 1,000", printed) == shown
    with service(second, **NO_RETRIES), service(last, **NO_RETRIES) as wait_for_writes:
        wait_for_writes()
    with service(last, **NO_RETRIES):
        operator.runs(USER, SERVICE_PASSWORD=SERVICE_PASSWORD)
    assert there <= listed_by(last)
    left = {key.decode() for key in master.scan_iter()} - set(others.values())
    assert all(key.startswith("customer:") for key in left)


def listed_by(environ: dict[str, str]) -> set[str]:
    with closing(open_storage(environ)) as storage:
        return set(listed(storage))
