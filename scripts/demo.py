"""Render the default project into a temporary folder and serve it with sample customers."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import FrameType

TEMPLATE = Path(__file__).parents[1]
HOST = os.environ.get("HOST", "127.0.0.1")
PORT = os.environ.get("PORT", "5000")
URL = f"http://{HOST}:{PORT}"
START_SECONDS = 120

SAMPLE_CUSTOMERS = [
    {"customerID": "1", "firstName": "Ada", "lastName": "Lovelace"},
    {"customerID": "2", "firstName": "Alan", "lastName": "Turing"},
    {"customerID": "3", "firstName": "Grace", "lastName": "Hopper"},
]


def check_port() -> None:
    """Check that the demo can listen where it should.

    Raises:
        SystemExit: It cannot; the line says what to do.
    """
    try:
        socket.create_server((HOST, int(PORT))).close()
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        sys.exit(f"port {PORT}: {reason}; try another one, as in PORT=8000 make demo")


def set_customer(customer: dict[str, str]) -> None:
    """Add a customer to the service."""
    request = urllib.request.Request(  # noqa: S310, the URL is our own
        f"{URL}/set", json.dumps(customer).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10):  # noqa: S310, our own URL
        pass


def wait_until_ready(server: subprocess.Popen[bytes]) -> None:
    """Wait until the service answers.

    Raises:
        SystemExit: The server ended, or needs too long.
    """
    give_up_at = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"{URL}/readyz", timeout=10):  # noqa: S310, our own URL
                pass
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            if server.poll() is not None or time.monotonic() > give_up_at:
                sys.exit("the demo did not start")
            time.sleep(0.1)
        else:
            return


def end(server: subprocess.Popen[bytes]) -> None:
    """End the server, and what it started."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(server.pid, how)
            server.wait(timeout=10)


def leave(_signal: int, _frame: FrameType | None) -> None:
    """Leave as Ctrl-C does, so that the server is ended and the folder deleted.

    Once: `make` passes on a signal that has come here by itself, and a second one in the middle of
    waiting for the server would leave that in a state in which it is waited for in vain.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> None:
    """Render, serve, fill, and wait for Ctrl-C."""
    check_port()
    signal.signal(signal.SIGTERM, leave)
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        environ = {**os.environ, "TMPDIR": folder}  # what tools leave there is deleted as well
        subprocess.run(
            [sys.executable, "-m", "cookiecutter", str(TEMPLATE), "--no-input", "-o", folder],
            env={**environ, "HOME": folder},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        server = subprocess.Popen(
            ["make", "--no-print-directory", "run"],
            cwd=Path(folder, "customer-api"),
            env=environ,
            start_new_session=True,  # Ctrl-C ends this program, and this program ends the server
        )
        try:
            wait_until_ready(server)
            for customer in SAMPLE_CUSTOMERS:
                set_customer(customer)
            print(
                f"\nThe demo serves sample customers: curl {URL}/\nEnd it with Ctrl-C.\n",
                flush=True,
            )
            server.wait()
        except KeyboardInterrupt:
            print("\nThe demo has ended; its folder is deleted.")
        finally:
            end(server)


if __name__ == "__main__":
    main()
