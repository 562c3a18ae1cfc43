"""A storage that is lost, and the time that an invocation has."""

import time
from pathlib import Path

from .function import running
from .package import Package

SECONDS = 2.0


def test_lost_storage_is_told_before_the_invocation_ends(
    package: Package, environ_of_lost_storage: dict[str, str], tmp_path: Path
) -> None:
    with running(package, environ_of_lost_storage, tmp_path / "log") as function:
        function.request("REST API", "GET", "/healthz")  # after the start
        began = time.monotonic()
        answer = function.request("REST API", "GET", "/get/1", milliseconds=round(SECONDS * 1000))
        took = time.monotonic() - began
    assert answer.status == 503
    assert answer.headers["retry-after"]
    assert took < SECONDS
