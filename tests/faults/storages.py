"""The storages that are broken."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import NamedTuple

from tests.bake import Bake

from . import common
from .databases import database
from .fault import Fault, Storage
from .files import json_file, json_on_efs, sqlite
from .redis import redis, redis_unwaited


class Kind(NamedTuple):
    """A kind of storage.

    Attributes:
        backend: The answer to `storage_backend`.
        prepare: Starts it, for a project that has it.
    """

    backend: str
    prepare: Callable[[Bake], AbstractContextManager[Storage]]


def all_faults(storage: Storage) -> Sequence[Fault]:
    """All that can happen to a storage and to its service."""
    return [*common.faults(), *storage.faults]


KINDS: Mapping[str, Kind] = {
    "json": Kind("json", json_file),
    "redis": Kind("redis", redis),
    "sqlite": Kind("sql", sqlite),
    "postgresql": Kind("sql", partial(database, kind="postgresql", name="PostgreSQL")),
    "mariadb": Kind("sql", partial(database, kind="mariadb", name="MariaDB")),
}

# Settings that cannot keep what the others keep. Each fails by its own fault.
WEAK: Mapping[str, Kind] = {
    "redis-unwaited": Kind("redis", redis_unwaited),
    "json-efs": Kind("json", json_on_efs),
}
