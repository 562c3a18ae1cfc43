"""A server that is told to stop lets requests end, and nothing else holds it up."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from filelock import FileLock

from .bake import Bake, clean_environ
from .servers import Server, serve

pytestmark = pytest.mark.slow

ADA = {"customerID": "7", "firstName": "Ada", "lastName": "Lovelace"}
IDLE_SECONDS = 3.0
# Longer than a server may take that has only idle clients.
DEADLINE_SECONDS = 5.0


@pytest.fixture
def project(installed: Callable[[str], Bake]) -> Bake:
    """A project that keeps its customers in a file, which a test can lock."""
    return installed("default")


@contextmanager
def serve_directly(project: Bake, data: Path, **environ: str) -> Iterator[Server]:
    """Serve a project by its script, as its image does: the process is the server itself."""
    path = f"{project.path / '.venv/bin'}:{os.environ['PATH']}"
    environ = clean_environ({"PATH": path, "DATA_PATH": str(data), "WORKERS": "1", **environ})
    with serve(["./serve.sh"], project.path, environ) as server:
        yield server


def tell_to_stop(server: Server) -> None:
    """Send the signal that an orchestrator sends, to the server alone."""
    os.kill(server.process.pid, signal.SIGTERM)
    server.wait_for("Shutting down")


@pytest.mark.parametrize(("deadline", "seconds"), [("", "15"), (" 2.5 ", "8"), ("86400", "1800")])
def test_time_to_end_requests_is_that_of_their_retries_and_more(
    project: Bake, tmp_path: Path, deadline: str, seconds: str
) -> None:
    with serve_directly(project, tmp_path / "x.json", RETRY_DEADLINE_SECONDS=deadline) as server:
        command = Path(f"/proc/{server.process.pid}/cmdline").read_text().split("\0")
        server.stop(signal.SIGKILL)  # a worker that has just started may not heed another signal
    assert command[command.index("--workers-kill-timeout") + 1] == seconds


def test_request_may_go_on_trying_until_its_deadline(project: Bake, tmp_path: Path) -> None:
    data = tmp_path / "customers.json"
    environ = {"LOG_LEVEL": "DEBUG", "RETRY_DEADLINE_SECONDS": str(DEADLINE_SECONDS)}
    with (
        serve_directly(project, data, **environ) as server,
        server.client() as client,
        ThreadPoolExecutor(1) as pool,
        FileLock(f"{data}.lock"),
    ):
        answer = pool.submit(client.post, "/set", json=ADA)
        server.wait_for("retry 1 in")
        tell_to_stop(server)
        assert not answer.done()
        assert answer.result().status_code == 503
        assert server.process.wait(IDLE_SECONDS) == 0


def test_idle_clients_hold_up_nothing(project: Bake, tmp_path: Path) -> None:
    with serve_directly(project, tmp_path / "x.json") as server, ExitStack() as stack:
        for _ in range(20):
            client = stack.enter_context(server.client())
            assert client.get("/healthz").status_code == 200
        tell_to_stop(server)
        assert server.process.wait(IDLE_SECONDS) == 0
