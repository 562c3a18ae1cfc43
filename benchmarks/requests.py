"""Requests per second of each storage's service, beside the naive one and the limit."""

import json
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import redis

from benchmarks.load import (
    KEY,
    Sample,
    customers,
    fill,
    printed_by,
    rounds_of,
    serve_other,
    serve_ours,
    warm_up,
)
from benchmarks.table import Plan, Report, Row, Target
from tests.bake import Bake, render_and_install
from tests.databases import databases_of, upgrade
from tests.failovers import SERVERS, Cluster, cluster_of
from tests.servers import Server


def measure_json(report: Report, folder: Path) -> Bake:
    """GET and POST of the JSON project."""
    bake = render_and_install("json", folder / "json")
    for size in report.plan.sizes:
        naive_file = folder / f"naive-{size}.json"
        environ = {"DATA_PATH": str(folder / f"ours-{size}" / "customers.json")}
        Path(environ["DATA_PATH"]).parent.mkdir()
        fill(bake, environ, size, folder)
        text = json.dumps(customers(size))
        naive_file.write_text(text)
        with ExitStack() as stack:
            servers = {
                "ours": stack.enter_context(serve_ours(bake, environ)),
                "naive": stack.enter_context(
                    serve_other(bake, "naive_json", {"DATA_PATH": str(naive_file)})
                ),
                "limit": stack.enter_context(serve_other(bake, "limit", {"LIMIT": "constant"})),
            }
            warm_up(servers.values(), size)
            for clients in report.plan.clients:
                found = report.drive(servers, "get.lua", size, clients)
                targets = json_get_targets(found, size)
                report.add_rates("`GET /get/<id>`, JSON", size, clients, found, targets)
            del servers["limit"]
            if size > 10_000:
                continue
            limit = file_exchanges(report.plan, Path(environ["DATA_PATH"]))
            before = partial(naive_file.write_text, text)
            for clients in report.plan.clients:
                found = report.drive(servers, "set.lua", size, clients, before)
                found["limit"] = limit
                targets = json_set_targets(report, found, size, clients)
                report.add_rates("`POST /set`, JSON", size, clients, found, targets)
    return bake


def json_get_targets(found: Mapping[str, Sample], size: int) -> list[Target]:
    """What `GET /get/<id>` of the JSON project is to reach."""
    targets = [Target(0.85, "limit", found["limit"])]
    if size in (1_000, 100_000):
        targets.append(Target({1_000: 3, 100_000: 100}[size], "naive", found["naive"]))
    return targets


def json_set_targets(
    report: Report, found: Mapping[str, Sample], size: int, clients: int
) -> list[Target]:
    """What `POST /set` of the JSON project is to reach."""
    if clients == 1:
        return [Target(3 if size == 1_000 else 6, "naive", found["naive"])]
    return [Target(2, "one client", report.rates["`POST /set`, JSON", size, 1]["ours"])]


def file_exchanges(plan: Plan, file: Path) -> Sample:
    """How often a second a file's text can be exchanged durably, by one process."""
    code = """
import os, sys, time
path, seconds = sys.argv[1], float(sys.argv[2])
text = open(path, "rb").read()
folder = os.open(os.path.dirname(path), os.O_RDONLY)
began, count = time.perf_counter(), 0
while time.perf_counter() < began + seconds:
    with open(path + ".limit", "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".limit", path + ".written")
    os.fsync(folder)
    count += 1
print(count / (time.perf_counter() - began))
"""
    return rounds_of(
        plan.rounds, lambda: float(printed_by(sys.executable, code, str(file), str(plan.seconds)))
    )


def measure_redis(report: Report, folder: Path) -> Bake:
    """GET, POST and the list of the Redis project."""
    bake = render_and_install("redis", folder / "redis")
    with cluster_of(bake, SERVERS["Valkey 9"]) as cluster:
        environ = {**cluster.environ, "REDIS_DB": "1"}
        with ExitStack() as stack:
            servers = {
                "ours": stack.enter_context(serve_ours(bake, environ)),
                "naive": stack.enter_context(serve_other(bake, "naive_redis", cluster.environ)),
                "limit": stack.enter_context(
                    serve_other(bake, "limit", {**environ, "LIMIT": "redis"})
                ),
            }
            for size in report.plan.sizes:
                fill(bake, environ, size, folder)
                fill_naive(cluster, size)
                warm_up(servers.values(), size)
                if size != 10_000:
                    report.add_reads_and_writes("Redis", servers, size, 0.85)
                measure_redis_list(report, servers, cluster, size)
    return bake


def fill_naive(cluster: Cluster, count: int) -> None:
    """Put customers where the naive version keeps them."""
    with client_of(cluster, 0) as client:
        entries = list(customers(count).items())
        for start in range(0, count, 1000):
            client.mset({key: json.dumps(one) for key, one in entries[start : start + 1000]})


def client_of(cluster: Cluster, database: int) -> "redis.Redis":
    """A client of the master."""
    master = cluster.master()
    return redis.Redis(master.host, master.port, db=database)


def measure_redis_list(
    report: Report, servers: Mapping[str, Server], cluster: Cluster, size: int
) -> None:
    """The list of all customers."""
    rounds = report.plan.rounds
    seconds = {
        "ours": rounds_of(rounds, lambda: seconds_to_list(servers["ours"])),
        "limit": rounds_of(rounds, lambda: seconds_to_scan(cluster)),
    }
    if size <= 10_000:
        seconds["naive"] = rounds_of(rounds, lambda: seconds_to_list(servers["naive"]))
    milliseconds = {name: sample.times(1000) for name, sample in seconds.items()}
    mine = milliseconds["ours"]
    targets = [Target(1.3, "limit", milliseconds["limit"], at_most=True)]
    if size <= 10_000:
        targets.append(Target(1 / 20, "naive", milliseconds["naive"], at_most=True))
    report.add(
        Row(
            f"`GET /`, Redis, {size:,} customers",
            "ms",
            mine,
            milliseconds.get("naive"),
            milliseconds["limit"],
            targets,
        )
    )


def seconds_to_list(server: Server) -> float:
    """How long `GET /` takes, to the last byte."""
    with server.client() as client:
        client.headers["Authorization"] = f"Bearer {KEY}"
        began = time.perf_counter()
        client.get("/", timeout=600).raise_for_status()
        return time.perf_counter() - began


def seconds_to_scan(cluster: Cluster) -> float:
    """How long a client takes to get every customer's text by SCAN and MGET."""
    with client_of(cluster, 1) as client:
        began = time.perf_counter()
        cursor = 0
        while True:
            cursor, keys = client.scan(cursor, match="customer:*", count=1000)
            client.mget(keys)
            if cursor == 0:
                return time.perf_counter() - began


def measure_sql(report: Report, folder: Path) -> Bake:
    """GET and POST of the SQL project on PostgreSQL."""
    bake = render_and_install("sql", folder / "sql")
    with databases_of(bake, "postgresql", folder) as databases, ExitStack() as stack:
        environ = {"DATABASE_URL": upgrade(bake, databases.create("customers"))}
        servers = {
            "ours": stack.enter_context(serve_ours(bake, environ)),
            "limit": stack.enter_context(
                serve_other(bake, "limit", {**environ, "LIMIT": "postgresql"})
            ),
        }
        for size in report.plan.sizes:
            if size == 10_000:
                continue
            fill(bake, environ, size, folder)
            warm_up(servers.values(), size)
            report.add_reads_and_writes("PostgreSQL", servers, size, 0.8)
    return bake
