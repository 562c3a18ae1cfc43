"""Owners of a server that end in all ways, and what they leave behind."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SECONDS = 20.0
CONFIGURATION = set(re.findall("^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


def wait_until(done: Callable[[], bool], seconds: float = SECONDS) -> bool:
    deadline = time.monotonic() + seconds
    while not (found := done()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return found


def commands_with(text: str) -> list[str]:
    """The running processes' command lines that contain a text."""
    if Path("/proc/self").exists():  # `ps` is not everywhere
        commands = []
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                commands.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    else:
        listed = subprocess.run(["/bin/ps", "-axww", "-o", "command"], stdout=-1, check=True)
        commands = listed.stdout.decode(errors="replace").splitlines()
    return [command for command in commands if text in command]


@contextmanager
def python(folder: Path, *args: str, **environ: str) -> Iterator[subprocess.Popen[str]]:
    """Run Python in a folder and in a process group of its own, at most as long as the `with`."""
    kept = {name: value for name, value in os.environ.items() if name not in CONFIGURATION}
    with subprocess.Popen(
        [sys.executable, *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**kept, "PYTHONPATH": str(ROOT), **environ},
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().rstrip("\n")


def let_go(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.close()


WAYS_TO_END: dict[str, Callable[[subprocess.Popen[str]], None]] = {
    "exit": let_go,
    "exception": let_go,
    "SIGINT": lambda owner: os.kill(owner.pid, signal.SIGINT),
    "SIGTERM": lambda owner: os.kill(owner.pid, signal.SIGTERM),
    "kill -9": lambda owner: os.kill(owner.pid, signal.SIGKILL),
    "kill -9 of the group": lambda owner: os.killpg(owner.pid, signal.SIGKILL),
    "Ctrl-C": lambda owner: os.killpg(owner.pid, signal.SIGINT),
    "SIGHUP": lambda owner: os.kill(owner.pid, signal.SIGHUP),
}


# Each prints the servers' folder and waits until it is let go.
_OWNER = """
import signal, sys
from dev.{module} import {name}
signal.signal(signal.SIGINT, signal.default_int_handler)  # else ignored in a shell's background
with {name}() as servers:
    print(servers.processes.folder, flush=True)
    sys.stdin.read()
    if sys.argv[1] == "exception":
        raise SystemError
    sys.exit(7)
"""
_COMMAND = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
{print_folder}
sys.stdin.read()
if sys.argv[1] == "exception":
    raise SystemError
sys.exit(7)
"""


def each_owner(module: str, name: str, print_folder: str) -> pytest.MarkDecorator:
    """Try a process that has the servers in a `with`, and `python -m dev` with a command.

    Args:
        module: The module of `dev` that has the servers' class.
        name: The class.
        print_folder: The command's code that prints the servers' folder.
    """
    owner = _OWNER.format(module=module, name=name)
    command = _COMMAND.format(print_folder=print_folder)
    return pytest.mark.parametrize(
        ("args", "statuses"),
        [
            (["-c", owner], [7, 1, -2, -15, -9, -9]),
            (["-m", "dev", sys.executable, "-c", command], [7, 1, 130, 143, -9, -9, 130, 129]),
        ],
        ids=["context manager", "python -m dev"],
    )


def is_clean(folder: Path) -> bool:
    return not folder.exists() and not commands_with(str(folder))


def assert_nothing_is_left(
    folder: Path,
    args: Sequence[str],
    statuses: Sequence[int],
    server_is_there: Callable[[Path], bool],
    is_gone: Callable[[Path], bool],
) -> None:
    """End owners of a server in each of the ways, and look for what is left.

    Args:
        folder: Where they are run.
        args: How Python starts an owner; it is told the way, and prints the server's folder.
        statuses: The exit status for each of the ways, as far as they are to be tried.
        server_is_there: Whether a server with this folder runs.
        is_gone: Whether nothing of it is left.
    """
    ways = dict(zip(WAYS_TO_END, statuses, strict=False))
    with ExitStack() as stack:
        owners = {way: stack.enter_context(python(folder, *args, way)) for way in ways}
        folders = {way: Path(first_line(owner)) for way, owner in owners.items()}
        for way, owner in owners.items():
            assert server_is_there(folders[way])
            WAYS_TO_END[way](owner)
        for way, owner in owners.items():
            owner.wait(SECONDS)
            wait_until(partial(is_gone, folders[way]))
            left = commands_with(str(folders[way]))
            assert (way, folders[way].exists(), left) == (way, False, [])
            assert is_gone(folders[way])
        assert {way: owner.returncode for way, owner in owners.items()} == ways
