"""One failover as clients see it: of the rendered service, and of the naive one.

Draws docs/failover.svg, and prints what it measured as Markdown.
"""

import statistics
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks.failover_picture import Moment, Panel, draw
from benchmarks.load import serve_other
from tests.bake import TEMPLATE, Bake, render_and_install
from tests.clients import Clients
from tests.failovers import (
    SERVERS,
    Cluster,
    Loss,
    cluster_of,
    cut_off_and_killed,
    fill,
    killed,
)
from tests.servers import Server

PICTURE = TEMPLATE / "docs" / "failover.svg"
WORKERS = "2"
THREADS = "8"
WRITERS = 6
READERS = 1
LISTERS = 1
SECONDS_BEFORE = 2.0
SECONDS_AFTER = 8.0
CUSTOMERS = 10_000
FOREIGN_KEYS = 200_000
ROUNDS = 3

Serve = Callable[[Mapping[str, str]], AbstractContextManager[Server]]


class Run(NamedTuple):
    """What clients saw of one failover. The moments are seconds after the loss of the master."""

    answers: list[Moment]
    new_master_at: float
    stall: float
    errors: int
    lost: int


def serve_ours(bake: Bake, environ: Mapping[str, str]) -> AbstractContextManager[Server]:
    """Serve the rendered project as in production."""
    return bake.serve("serve", WORKERS=WORKERS, THREADS=THREADS, **environ)


def serve_naive(bake: Bake, environ: Mapping[str, str]) -> AbstractContextManager[Server]:
    """Serve the naive version by the same server."""
    return serve_other(bake, "naive_redis", {"WORKERS": WORKERS, "THREADS": THREADS, **environ})


def watch(bake: Bake, serve: Serve, lose_master: Loss) -> Run:
    """Lose the master while clients write and read."""
    with (
        cluster_of(bake, SERVERS["Valkey 9"]) as cluster,
        serve(cluster.environ) as server,
    ):
        with Clients(
            server.url,
            writers=WRITERS,
            readers=READERS,
            listers=LISTERS,
            customers=20,
            deletes=False,
            listing_pause=0.1,
        ) as clients:
            clients.wait_for_writes()
            time.sleep(SECONDS_BEFORE)
            old = cluster.master()
            with lose_master(cluster, clients):
                lost_at = time.monotonic()
                cluster.wait_for_new_master(old)
                new_master_at = time.monotonic()
                time.sleep(lost_at + SECONDS_AFTER - time.monotonic())
                until = time.monotonic()
        lost = clients.lost()

    moments = [
        Moment(answer.ended - lost_at, answer.seconds, bool(answer.problem))
        for answer in clients.answers
    ]
    stall = clients.longest_stall(lost_at, until)
    return Run(moments, new_master_at - lost_at, stall, len(clients.problems), len(lost))


def seconds_to_list(serve: Serve, cluster: Cluster) -> float:
    """How long `GET /` takes, the median of some rounds."""
    with serve(cluster.environ) as server:
        return statistics.median(seconds_to_get(server.url + "/") for _ in range(ROUNDS))


def seconds_to_get(url: str) -> float:
    """How long a GET takes, to the last byte."""
    started = time.perf_counter()
    with urllib.request.urlopen(url, timeout=600) as answer:  # noqa: S310, the URL is our own
        answer.read()
    return time.perf_counter() - started


def main() -> None:
    """Measure, draw and print."""
    with tempfile.TemporaryDirectory() as folder:
        bake = render_and_install("redis", Path(folder))
        ours, naive = partial(serve_ours, bake), partial(serve_naive, bake)
        faults = {
            "`kill -9` of the master": killed,
            "`kill -9`, replicas cut off 0.3 s before": cut_off_and_killed,
        }
        runs = {
            name: (watch(bake, ours, lose_master), watch(bake, naive, lose_master))
            for name, lose_master in faults.items()
        }
        with cluster_of(bake, SERVERS["Valkey 9"]) as cluster:
            fill(cluster, CUSTOMERS, FOREIGN_KEYS)
            ours_lists, naive_lists = (
                seconds_to_list(ours, cluster),
                seconds_to_list(naive, cluster),
            )

    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(picture_of(*runs["`kill -9` of the master"]))
    print("| | this template | naive | ratio |\n|---|---|---|---|")
    for name, (one, other) in runs.items():
        print(row(f"{name}: no write acknowledged for", one.stall, other.stall))
        print(f"| … errors that clients saw | {one.errors} | {other.errors} | |")
        print(f"| … acknowledged writes lost | {one.lost} | {other.lost} | |")
    what = f"`GET /`, {CUSTOMERS:,} customers among {FOREIGN_KEYS:,} foreign keys"
    print(row(what, ours_lists, naive_lists))


def picture_of(ours: Run, naive: Run) -> str:
    """Both versions' failovers as SVG."""
    panels = [
        Panel(name, run.answers, run.new_master_at, run.stall)
        for name, run in (("This template", ours), ("The naive version", naive))
    ]
    title = "What 8 clients see of a failover: kill -9 of the Redis master"
    return draw(title, panels, (-SECONDS_BEFORE, SECONDS_AFTER))


def row(what: str, ours: float, naive: float) -> str:
    """A row of the table, of seconds."""
    return f"| {what} | {ours:.2f} s | {naive:.2f} s | {naive / ours:.1f} |"


if __name__ == "__main__":
    main()
