"""Moving customers: between all pairs of storages, a million into each, imports that are killed.

Prints what it measured as Markdown.
"""

import itertools
import json
import random
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bake import render_and_install
from tests.moves import Place, sample, storage_for, write_lines

KINDS = {"json": "json", "redis": "redis", "sqlite": "sql", "postgresql": "sql"}
PAIRS = ("json", "redis", "postgresql")
MOVED = 100_000
ASKED = 1_000
CHANGED = 1_000
MANY = 1_000_000
POSTED = 2_000
KILLED = 300_000
KILLS = 10

MEASURED = """
import resource, subprocess, sys, time
began = time.perf_counter()
subprocess.run([sys.executable, *sys.argv[1:]], check=True)
print(time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


class Places:
    """Rendered projects, each of which gets a new storage whenever it is asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()
        self._bakes = {
            backend: render_and_install(backend, folder / backend)
            for backend in ("json", "redis", "sql")
        }

    @contextmanager
    def new(self, kind: str) -> Iterator[Place]:
        """A project with an empty storage of a kind."""
        folder = self._folder / f"{kind}-{next(self._numbers)}"
        folder.mkdir()
        bake = self._bakes[KINDS[kind]]
        with storage_for(bake, folder, kind) as environ:
            yield Place(bake, environ)


def measured(place: Place, *arguments: str) -> tuple[float, float]:
    """Run `flask customers …`; the seconds that it took, and its peak memory in MB."""
    # A process's peak begins with the memory of the one that started it, which must be small.
    done = place.bake.run(
        place.bake.python,
        "-c",
        MEASURED,
        *("-m", "flask", "customers", *arguments),
        environ=place.environ,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    seconds, kilobytes = done.stdout.splitlines()[-1].split()
    return float(seconds), float(kilobytes) / 1000


def move(places: Places, folder: Path) -> None:
    """Move customers between all pairs; the answers must be the same before and after."""
    print(f"\n| {MOVED:,} customers | export | import | verify | answers |\n|---|---|---|---|---|")
    begun = folder / "begun.jsonl"
    write_lines(begun, MOVED)
    for source, target in itertools.product(PAIRS, PAIRS):
        with places.new(source) as old, places.new(target) as new:
            measured(old, "import", str(begun))
            before = old.answers(ASKED)
            file = folder / f"{source}-{target}.jsonl"
            seconds = [
                measured(place, command, str(file))[0]
                for place, command in ((old, "export"), (new, "import"), (new, "verify"))
            ]
            same = "the same" if new.answers(ASKED) == before else "DIFFERENT"
            told = " | ".join(f"{value:.1f} s" for value in seconds)
            print(f"| {source} to {target} | {told} | {same} |", flush=True)
            file.unlink()


def catch_up(places: Places, folder: Path) -> None:
    """How long nothing may be written while the service stays up, by docs/switch.md's two ways."""
    print(
        f"\n| pause with {MOVED:,} customers | one pause | catching up with {CHANGED:,} changes |"
        "\n|---|---|---|"
    )
    begun, changes, file = (folder / f"{name}.jsonl" for name in ("begun", "changes", "moved"))
    write_lines(begun, MOVED)
    with changes.open("w", encoding="utf-8") as opened:
        for customer in itertools.islice(sample(MOVED), 0, MOVED, MOVED // CHANGED):
            opened.write(json.dumps({**customer, "lastName": "Byron"}) + "\n")
    for target in PAIRS[1:]:
        with places.new("json") as old, places.new(target) as new:
            measured(old, "import", str(begun))
            whole = [
                measured(old, "export", str(file)),
                measured(new, "import", str(file)),
                measured(new, "verify", str(file)),
            ]
            measured(old, "import", "--on-conflict", "overwrite", str(changes))
            options = ("--on-conflict", "overwrite", "--delete-others")
            rest = [
                measured(old, "export", "--overwrite", str(file)),
                measured(new, "import", *options, str(file)),
                measured(new, "verify", str(file)),
            ]
            file.unlink()
            pauses = [sum(seconds for seconds, _ in steps) for steps in (whole, rest)]
            print(f"| json to {target} | {pauses[0]:.1f} s | {pauses[1]:.1f} s |", flush=True)


def posted_per_second(place: Place) -> float:
    """Customers a second that one client of the service adds, one request after the other."""
    with place.bake.serve("serve", **place.environ) as server, server.client() as client:
        began = time.perf_counter()
        for customer in sample(POSTED):
            client.post("/set", json=customer).raise_for_status()
        return POSTED / (time.perf_counter() - began)


def import_many(places: Places, folder: Path) -> None:
    """Import many customers into each storage, beside a client that posts them one by one."""
    print(
        f"\n| import of {MANY:,} | customers/s | posted one by one | ratio | peak memory "
        "| above an idle command |\n|---|---|---|---|---|---|"
    )
    file = folder / "many.jsonl"
    write_lines(file, MANY)
    for kind in KINDS:
        with places.new(kind) as place:
            posted = posted_per_second(place)
        with places.new(kind) as place:
            idle = statistics.median(measured(place, "list")[1] for _ in range(5))
            seconds, peak = measured(place, "import", str(file))
            measured(place, "verify", str(file))
        rate = MANY / seconds
        print(
            f"| {kind} | {rate:,.0f} | {posted:,.0f} | {rate / posted:.0f} | {peak:.0f} MB "
            f"| {peak - idle:.0f} MB |",
            flush=True,
        )


def kill_imports(places: Places, folder: Path) -> None:
    """Kill an import at random moments until it completes; every customer must be there once."""
    print(f"\n| import of {KILLED:,}, killed | times | then complete and equal |\n|---|---|---|")
    file = folder / "killed.jsonl"
    write_lines(file, KILLED)
    for kind in KINDS:
        chance = random.Random(kind)  # noqa: S311, repeatable
        with places.new(kind) as place:
            kills = 0
            for _ in range(KILLS):
                with place.popen("import", str(file)) as process:
                    try:
                        process.wait(chance.uniform(0.5, 2.5))
                    except subprocess.TimeoutExpired:
                        process.kill()
                        kills += 1
                if process.returncode == 0:
                    break
            place.run("import", str(file))
            equal = place.run("verify", str(file)).endswith("they are the same\n")
            print(f"| {kind} | {kills} | {'yes' if equal else 'NO'} |", flush=True)


def main() -> None:
    """Measure all of it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        places = Places(folder)
        move(places, folder)
        catch_up(places, folder)
        import_many(places, folder)
        kill_imports(places, folder)


if __name__ == "__main__":
    main()
