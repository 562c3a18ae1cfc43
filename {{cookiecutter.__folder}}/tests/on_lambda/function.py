"""A running instance of the function."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .gateways import EVENTS, Answer, answer_to
from .package import Package
from .runtime import RUNTIME


class Function:
    """An instance, to which events are sent."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process = process
        self._log = log

    def invoke(self, event: Mapping[str, Any], milliseconds: int = 25_000) -> dict[str, Any]:
        """Send an event; what the function returns or raises.

        Args:
            event: The event.
            milliseconds: How much time the invocation has.
        """
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"event": event, "milliseconds": milliseconds}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, self.log()
        found: dict[str, Any] = json.loads(answer)
        return found

    def request(
        self,
        kind: str,
        method: str,
        path: str,
        body: bytes | None = None,
        content_type: str = "application/json",
        milliseconds: int = 25_000,
    ) -> Answer:
        """Send a request by an event of a kind of gateway; what its client gets."""
        event = EVENTS[kind](method, path, body, content_type)
        return answer_to(self.invoke(event, milliseconds)["result"])

    def log(self) -> str:
        """What the function has logged."""
        return self._log.read_text()


@contextmanager
def running(package: Package, environ: Mapping[str, str], log: Path) -> Iterator[Function]:
    """Start an instance of the function with an environment."""
    with (
        log.open("w") as written,
        subprocess.Popen(
            [
                package.python,
                "-I",
                "-S",
                "-c",
                RUNTIME,
                package.folder,
                package.folder.with_name("offered"),
                package.handler,
            ],
            cwd=package.folder,
            env={"AWS_LAMBDA_FUNCTION_NAME": "function", "PATH": "", **package.environ, **environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=written,
            text=True,
        ) as process,
    ):
        try:
            yield Function(process, log)
        finally:
            assert process.stdin
            with suppress(BrokenPipeError):  # it has ended
                process.stdin.close()
