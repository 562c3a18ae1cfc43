"""The migrations, as `zappa invoke STAGE run.run_alembic_upgrade` runs them in the package."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..backend import BEFORE, HEAD, Start, connect
from .function import Function, running
from .package import Package


@pytest.fixture
def empty(package: Package, start: Start, tmp_path: Path) -> Iterator[Function]:
    """An instance of the function on a database without a table."""
    environ = {"DATABASE_URL": start("postgresql").create_database("migrated_on_lambda")}
    with connect(environ) as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS alembic_version, customers")
        connection.commit()
    with running(package, environ, tmp_path / "log") as function:
        yield function


def test_command_migrates_and_says_what_was_and_what_is(empty: Function) -> None:
    assert empty.request("REST API", "GET", "/readyz").status == 503
    for command, result in (
        ("run.run_alembic_upgrade", {"from": "none", "to": HEAD}),
        ("run.run_alembic_current", {"current": HEAD, "head": HEAD}),
        ("run.run_alembic_upgrade", {"from": HEAD, "to": HEAD}),
        ("run.run_alembic_downgrade", {"from": HEAD, "to": BEFORE}),
        ("run.run_alembic_upgrade", {"from": BEFORE, "to": HEAD}),
    ):
        assert empty.invoke({"command": command}) == {"result": result}
    assert empty.request("REST API", "GET", "/readyz").status == 200


def test_failure_is_one_error_of_one_line_without_the_password(
    package: Package, environ_of_lost_storage: dict[str, str], tmp_path: Path
) -> None:
    with running(package, environ_of_lost_storage, tmp_path / "log") as function:
        answer = function.invoke({"command": "run.run_alembic_upgrade"})
        assert answer == {
            "errorType": "MigrationError",
            "errorMessage": "the database cannot be reached: Connection refused",
        }
        assert "secret" not in function.log()
