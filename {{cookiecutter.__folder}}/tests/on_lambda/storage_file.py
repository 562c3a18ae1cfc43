"""The storage that the function uses in the tests: a file on a mounted file system."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

MOUNTED = Path("/dev/shm")


@pytest.fixture
def lambda_environ() -> Iterator[dict[str, str]]:
    """The function's configuration for an empty storage."""
    if not MOUNTED.is_mount():
        pytest.skip("no file system is mounted here")
    with tempfile.TemporaryDirectory(dir=MOUNTED) as folder:
        yield {"DATA_PATH": f"{folder}/customers"}


@pytest.fixture(
    params=[
        ({"DATA_PATH": ""}, "DATA_PATH must be a path on a mounted file system"),
        ({"DATA_PATH": "customers"}, "DATA_PATH must be a path on a mounted file system"),
        ({"DATA_PATH": "/etc/customers"}, "DATA_PATH must be a path on a mounted file system"),
    ]
)
def refused(request: pytest.FixtureRequest) -> tuple[dict[str, str], str]:
    """A configuration that must not start, and how its one line begins."""
    found: tuple[dict[str, str], str] = request.param
    return found


@pytest.fixture
def most_megabytes() -> float:
    """What the package may have."""
    return 4.0
