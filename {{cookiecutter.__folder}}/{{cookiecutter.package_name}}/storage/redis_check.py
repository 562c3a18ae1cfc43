"""How a cluster is: what each sentinel says, the master, and its replicas."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from . import Report, StorageUnavailableError
from .redis_errors import reason
from .redis_settings import ONCE, RedisSettings

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class _View:
    """What one sentinel says, or why it says nothing."""

    sentinel: str
    milliseconds: float = 0.0
    master: Address | None = None
    is_down: bool = False
    replicas: int = 0
    problem: str = ""


def check_cluster(settings: RedisSettings) -> Report:
    """A report on each server, if customers can be read and written.

    Raises:
        StorageUnavailableError: They cannot, for the reason that the message gives.
    """
    views = ask_sentinels(settings)
    master = agreed_master(settings, views)
    info, milliseconds = _ask_master(settings, master)
    replicas = [info[f"slave{number}"] for number in range(info["connected_slaves"])]
    following = sum(replica["state"] == "online" for replica in replicas)
    if following < settings.wait_replicas:
        raise StorageUnavailableError(
            f"{following} replicas follow the master {text(master)}, and REDIS_WAIT_REPLICAS asks "
            f"for {settings.wait_replicas}"
        )
    facts = {"storage": f"Redis Sentinel, master {settings.master_name}"}
    for view in views:
        reached = f"reached in {view.milliseconds:.1f} ms"
        facts[f"sentinel {view.sentinel}"] = view.problem or reached
    facts[f"master {text(master)}"] = f"reached in {milliseconds:.1f} ms"
    for replica in replicas:
        behind = info["master_repl_offset"] - replica["offset"]
        facts[f"replica {text((str(replica['ip']), replica['port']))}"] = (
            f"{replica['state']}, {behind} bytes behind, confirmed {replica['lag']} s ago"
        )
    asks = "min_slaves_good_slaves" in info  # INFO shows it if min-replicas-to-write is set
    facts["min-replicas-to-write"] = "set" if asks else "not set"
    warnings = [*_warnings_of_sentinels(views, master, following)]
    if not asks:
        warnings.append("a master that is cut off takes writes: set min-replicas-to-write to 1")
    if not settings.wait_replicas:
        warnings.append("acknowledged writes may be lost: REDIS_WAIT_REPLICAS is 0")
    return Report(facts, warnings)


def _warnings_of_sentinels(views: list[_View], master: Address, following: int) -> Iterator[str]:
    reached = [view for view in views if not view.problem]
    for view in views:
        if view.problem:
            yield view.problem
        elif view.master != master:
            yield f"sentinel {view.sentinel} names another master than the others"
    if 2 * len(reached) <= len(views):
        yield "no majority of the sentinels is reached: there may be no failover"
    if max(view.replicas for view in reached) > following:
        yield "the sentinels know replicas that do not follow the master"


def ask_sentinels(settings: RedisSettings) -> list[_View]:
    """Ask all sentinels at the same time, as one that hangs takes its time."""
    with ThreadPoolExecutor(len(settings.sentinels)) as pool:
        return list(pool.map(partial(_ask_sentinel, settings), settings.sentinels))


def agreed_master(settings: RedisSettings, views: list[_View]) -> Address:
    """The master that most of the sentinels name.

    Raises:
        StorageUnavailableError: There is none, or it is down.
    """
    reached = [view for view in views if not view.problem]
    if not reached:
        raise StorageUnavailableError("; ".join(view.problem for view in views))
    named = Counter(view.master for view in reached if view.master)
    if not named:
        raise StorageUnavailableError(
            f"REDIS_MASTER_NAME: no sentinel knows a master called {settings.master_name!r}"
        )
    ((address, _),) = named.most_common(1)
    if all(view.is_down for view in reached if view.master == address):
        raise StorageUnavailableError(f"the sentinels hold the master {text(address)} for down")
    return address


def text(address: Address) -> str:
    """An address as people write it."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _ask_sentinel(settings: RedisSettings, address: Address) -> _View:
    name = text(address)
    with closing(Redis(*address, **settings.sentinel_options)) as sentinel:
        started = time.perf_counter()
        try:
            state: Any = sentinel.sentinel_master(settings.master_name)
        except RedisError as error:
            if "No such master" in str(error):
                return _View(name)
            return _View(name, problem=reason(error, f"sentinel {name}", "REDIS_SENTINEL"))
        milliseconds = (time.perf_counter() - started) * 1000
        master = (state["ip"], state["port"])
        is_down = bool(state["is_sdown"] or state["is_odown"])
        return _View(name, milliseconds, master, is_down, state["num-slaves"])


def _ask_master(settings: RedisSettings, address: Address) -> tuple[dict[str, Any], float]:
    name = f"the master {text(address)}"
    with closing(Redis(*address, **settings.server_options, retry=ONCE)) as master:
        started = time.perf_counter()
        try:
            info: dict[str, Any] = master.info("replication")
        except RedisError as error:
            raise StorageUnavailableError(reason(error, name)) from error
        milliseconds = (time.perf_counter() - started) * 1000
    if info["role"] != "master":
        raise StorageUnavailableError(f"{name} says that it is a replica: a failover goes on")
    return info, milliseconds
