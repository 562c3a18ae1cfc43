"""DATABASE_URL and its like: read, or refused in one line that names the variable."""

import sys
from pathlib import Path

import pytest

from {{ cookiecutter.package_name }} import create_app
from {{ cookiecutter.package_name }}.config import ConfigError
from {{ cookiecutter.package_name }}.storage.sql_engine import connect_args

from .backend import settings_of

PROJECT = Path(__file__).parents[1]
SECRET = "p4ss-word"


def test_default_is_a_sqlite_file_in_the_project() -> None:
    url = settings_of({}).url
    assert (url.drivername, url.database) == ("sqlite+pysqlite", str(PROJECT / "customers.db"))


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("sqlite:////var/lib/customers.db", "sqlite+pysqlite"),
        ("sqlite:///customers.db", "sqlite+pysqlite"),
        ("postgresql+psycopg://user:pass@host/customers", "postgresql+psycopg"),
        ("postgresql://user:pass@host:5432/customers?sslmode=require", "postgresql+psycopg"),
        ("postgres://user:pass@host/customers", "postgresql+psycopg"),
        ("postgres://user:pass@[::1]:5432/customers", "postgresql+psycopg"),
        ("postgresql:///customers?host=/run/postgresql", "postgresql+psycopg"),
        ("mysql+pymysql://user:pass@host/customers", "mysql+pymysql"),
        ("mysql://user:pass@host/customers", "mysql+pymysql"),
        ("mariadb+pymysql://user:pass@host/customers", "mariadb+pymysql"),
        (" mariadb://user:pass@host/customers ", "mariadb+pymysql"),
    ],
)
def test_url_is_read(url: str, driver: str) -> None:
    assert settings_of({"DATABASE_URL": url}).url.drivername == driver


FORM = (
    "DATABASE_URL must be sqlite:////path/to/file, "
    "postgresql+psycopg://user:password@host/database or "
    "mysql+pymysql://user:password@host/database"
)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("customers.db", ""),
        ("://", ""),
        (f"postgresql://user:{SECRET}@host:port/customers", ""),
        (f"postgresql://user:{SECRET}@host:0/customers", "; the port is not from 1 to 65535"),
        (f"postgresql://user:{SECRET}@host:65536/customers", "; the port is not from 1 to 65535"),
        (f"postgresql://user:{SECRET}@host", "; the name of the database is missing"),
        (f"mysql://user:{SECRET}@host/", "; the name of the database is missing"),
        (
            f"postgresql://user:x@{SECRET}@host/customers",
            "; an @ in the password is written as %40",
        ),
        (f"mysql://user:x@{SECRET}/y@host/customers", "; an @ in the password is written as %40"),
        (
            f"mysql://user:{SECRET}\u20ac@host/customers",
            "; the driver takes no such characters in a password",
        ),
        ("postgresql://host/customers?foo=1", "; an option behind the ? is not known"),
        ("mysql://host/customers?foo=1", "; an option behind the ? is not known"),
        ("sqlite:////var/lib/customers.db?foo=1", "; an option behind the ? is not known"),
        ("sqlite://", "; the name of the database is missing"),
        ("sqlite:///:memory:", "; for a file in this folder it is sqlite:///file"),
        ("sqlite://customers.db/x", "; for a file in this folder it is sqlite:///file"),
        (
            f"oracle://user:{SECRET}@host/customers",
            "; this service knows no other databases and drivers",
        ),
        (
            f"postgresql+psycopg2://user:{SECRET}@host/customers",
            "; this service knows no other databases and drivers",
        ),
        (
            f"postgresql+asyncpg://user:{SECRET}@host/customers",
            "; this service knows no other databases and drivers",
        ),
    ],
)
def test_malformed_url_stops_the_start_with_the_form_and_without_the_password(
    url: str, problem: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        create_app({"DATABASE_URL": url})
    assert str(refused.value) == FORM + problem


@pytest.mark.parametrize(
    ("url", "module", "package"),
    [
        ("postgresql://host/customers", "psycopg", "psycopg[binary]"),
        ("mysql://host/customers", "pymysql", "pymysql"),
    ],
)
def test_missing_driver_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, url: str, module: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError) as refused:
        create_app({"DATABASE_URL": url})
    assert str(refused.value) == (
        f"DATABASE_URL must name a database whose driver is installed: uv add '{package}'"
    )


@pytest.mark.parametrize("size", ["0", "1001", "-1", "five"])
def test_malformed_pool_size_is_refused(size: str) -> None:
    with pytest.raises(ConfigError, match=r"^DATABASE_POOL_SIZE must be a whole number "):
        create_app({"DATABASE_POOL_SIZE": size})


def test_malformed_lock_time_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^MIGRATION_LOCK_SECONDS must be a number of seconds "):
        create_app({"MIGRATION_LOCK_SECONDS": "0"})


def test_password_is_in_no_repr_and_in_no_place() -> None:
    for url in (
        f"postgresql://user:{SECRET}@host:5432/customers",
        f"postgresql://host:5432/customers?user=user&password={SECRET}",
    ):
        settings = settings_of({"DATABASE_URL": url})
        assert SECRET not in repr(settings)
        assert settings.place == "host:5432/customers"


@pytest.mark.parametrize(("deadline", "seconds"), [("3", 1.5), ("10", 5), ("600", 5)])
def test_one_attempt_waits_for_half_of_the_deadline_at_most(deadline: str, seconds: float) -> None:
    assert settings_of({"RETRY_DEADLINE_SECONDS": deadline}).wait_seconds == seconds


def test_option_in_the_url_goes_before_the_service_s_own() -> None:
    settings = settings_of({"DATABASE_URL": "postgresql://host/customers?connect_timeout=7"})
    assert "connect_timeout" not in connect_args(settings)
    assert settings.url.query["connect_timeout"] == "7"
