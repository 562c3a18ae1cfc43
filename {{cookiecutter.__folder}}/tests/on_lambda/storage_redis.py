"""The storage that the function uses in the tests: a real cluster."""

import pytest


@pytest.fixture
def lambda_environ(environ: dict[str, str]) -> dict[str, str]:
    """The function's configuration for an empty storage."""
    return environ


@pytest.fixture(
    params=[
        ({}, "REDIS_SENTINELS must be host:port"),
        ({"REDIS_SENTINELS": "localhost"}, "REDIS_SENTINELS must be host:port"),
    ]
)
def refused(request: pytest.FixtureRequest) -> tuple[dict[str, str], str]:
    """A configuration that must not start, and how its one line begins."""
    found: tuple[dict[str, str], str] = request.param
    return found


@pytest.fixture
def most_megabytes() -> float:
    """What the package may have."""
    return 5.0
