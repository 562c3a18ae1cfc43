"""Running a command with a server beside it."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from types import FrameType
from typing import NoReturn

from .processes import Processes, ServerError

ENDING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
# When to pass on Ctrl-C: the terminal sends it to the command too, and a second one could disturb
# how that ends.
SIGINT_SECONDS = 2.0
# When to tell one that ignores Ctrl-C, as a script's jobs do. The development server also ends what
# it has started then, which a kill would leave behind.
SIGTERM_SECONDS = 3.0
KILL_SECONDS = 10.0


def check(command: list[str]) -> None:
    """Exit if there is no such command."""
    if command and not shutil.which(command[0]):
        sys.exit(f"development: {command[0]}: command not found")


def replace(command: list[str], variable: str) -> NoReturn:
    """Become the command, as a variable says that there is a server already."""
    if not command:
        sys.exit(f"development: {variable} is set, so there is nothing to start")
    os.execvp(command[0], command)  # noqa: S606, no shell


def run_or_wait(command: list[str], environ: Mapping[str, str], processes: Processes) -> int:
    """Run a command with a server's variables, or wait if there is none; the exit status."""
    return run(command, environ, processes) if command else wait(environ)


def run(command: list[str], environ: Mapping[str, str], processes: Processes) -> int:
    """Run a command with a server's variables, and pass on what asks to end.

    Args:
        command: The program and its arguments.
        environ: The variables by which the command finds the server.
        processes: What the server belongs to; the command ends with it, too.

    Returns:
        The exit status, as a shell has it.
    """
    child = subprocess.Popen(command, env={**os.environ, **environ})  # noqa: S603, its caller's own
    processes.guard(child.pid)

    def pass_on(number: int, frame: FrameType | None) -> None:
        delay = SIGINT_SECONDS if number == signal.SIGINT else 0
        for seconds, sent in (
            (delay, number),
            (SIGTERM_SECONDS, signal.SIGTERM),
            (KILL_SECONDS, signal.SIGKILL),
        ):
            timer = threading.Timer(seconds, child.send_signal, [sent])
            timer.daemon = True
            timer.start()

    for ending in ENDING:
        signal.signal(ending, pass_on)
    status = child.wait()
    processes.unguard(child.pid)
    return status if status >= 0 else 128 - status


def wait(environ: Mapping[str, str]) -> int:
    """Print a server's variables for another terminal, and wait for Ctrl-C."""
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    for name, value in environ.items():
        print(f"export {name}={shlex.quote(value)}", flush=True)
    signal.sigwait(ENDING)
    return 0


def exit_with(main: Callable[[list[str]], int]) -> NoReturn:
    """End the process with what `main` makes of its arguments; an error is one line."""
    try:
        sys.exit(main(sys.argv[1:]))
    except ServerError as error:
        sys.exit(f"development: {error}")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
