"""Breaks each storage for long, and writes docs/reliability.md: `make faults` calls it."""

import argparse
import signal
import sys
import tempfile
from functools import partial
from pathlib import Path

from tests.bake import Bake, render_and_install

from .page import as_data, keep
from .run import run
from .storages import KINDS, WEAK, all_faults

ALL = {**KINDS, **WEAK}
WEAK_COUNT = 5
WEAK_WRITES = 10_000


def main() -> None:
    """Run what is asked for.

    Raises:
        SystemExit: Something was lost or wrong, or was not hidden. Each is printed.
    """
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the schedule")
    parser.add_argument("--faults", type=int, default=100, help="how many at least, by storage")
    parser.add_argument("--writes", type=int, default=1_000_000, help="how many at least")
    parser.add_argument("storages", nargs="*", help=f"some of {', '.join(ALL)}")
    asked = parser.parse_args()
    names = asked.storages or [*ALL]
    if unknown := set(names) - ALL.keys():
        parser.error(f"there is no {', '.join(sorted(unknown))}: name some of {', '.join(ALL)}")
    # A job in the background of a script ignores it, and so would what it starts.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # ends what was started
    with tempfile.TemporaryDirectory() as folder:
        backends = sorted({ALL[name].backend for name in names})
        bakes = {
            backend: render_and_install(backend, Path(folder, backend)) for backend in backends
        }
        problems = [
            problem
            for name in names
            for problem in break_one(name, bakes[ALL[name].backend], asked)
        ]
    print(
        "\n".join(problems)
        or "nothing was lost, nothing was wrong, and all that a retry can hide was"
    )
    raise SystemExit(bool(problems))


def break_one(name: str, bake: Bake, asked: argparse.Namespace) -> list[str]:
    """Break a storage, and keep what was seen; what must not have happened."""
    is_weak = name in WEAK
    with ALL[name].prepare(bake) as storage:
        done = run(
            bake,
            storage,
            storage.faults if is_weak else all_faults(storage),
            seed=asked.seed,
            count=WEAK_COUNT if is_weak else asked.faults,
            writes=WEAK_WRITES if is_weak else asked.writes,
            tell=partial(print, flush=True),
        )
    keep("weak" if is_weak else "storages", name, as_data(done))
    return [] if is_weak else [f"{storage.name}: {problem}" for problem in done.problems()]


if __name__ == "__main__":
    main()
