"""The storage that the function uses in the tests: a real PostgreSQL, with the newest schema."""

import pytest

from ..backend import Start, connect, migrate


@pytest.fixture
def lambda_environ(start: Start) -> dict[str, str]:
    """The function's configuration for an empty storage."""
    environ = {"DATABASE_URL": migrate(start("postgresql").create_database("on_lambda"))}
    with connect(environ) as connection:
        connection.exec_driver_sql("DELETE FROM customers")
        connection.commit()
    return environ


@pytest.fixture(
    params=[
        ({}, "DATABASE_URL must name a server on Lambda"),
        ({"DATABASE_URL": "sqlite:////mnt/efs/customers.db"}, "DATABASE_URL must name a server"),
        ({"DATABASE_URL": "postgresql://host"}, "DATABASE_URL must be sqlite:"),
    ]
)
def refused(request: pytest.FixtureRequest) -> tuple[dict[str, str], str]:
    """A configuration that must not start, and how its one line begins."""
    found: tuple[dict[str, str], str] = request.param
    return found


@pytest.fixture
def most_megabytes() -> float:
    """What the package may have."""
    return 16.0
