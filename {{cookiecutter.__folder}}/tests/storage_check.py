"""Runs `flask storage check`."""

import re
import time

from {{ cookiecutter.package_name }} import create_app


def check(environ: dict[str, str]) -> tuple[int, list[str]]:
    """Run the command; its exit status and lines. It must take at most 3 seconds."""
    app = create_app(environ)
    started = time.monotonic()
    result = app.test_cli_runner().invoke(args=["storage", "check"])
    assert time.monotonic() - started < 3
    app.extensions["customer_storage"].close()
    return result.exit_code, result.output.splitlines()


def assert_refused(environ: dict[str, str], problem: str) -> None:
    status, lines = check(environ)
    assert status == 1
    (line,) = lines
    assert re.fullmatch(f"Error: {problem}", line), line
