"""What the tests share, whichever the storage is; `backend.py` adds the storage's own part."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner
from hypothesis import HealthCheck, settings

from {{ cookiecutter.package_name }} import create_app
from {{ cookiecutter.package_name }}.storage import CustomerStorage

pytest_plugins = ["tests.backend"]

# How long an example takes depends on what else the machine does; CI's own settings stay. What a
# fixture gives may be used for all examples of a test.
settings.register_profile(
    "unhurried",
    settings.default,
    deadline=None,
    max_examples=int(os.environ.get("EXAMPLES", "100")),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
settings.load_profile("unhurried")


@pytest.fixture
def storage(open_storage: Callable[[], CustomerStorage]) -> Iterator[CustomerStorage]:
    """An empty storage."""
    storage = open_storage()
    yield storage
    storage.close()


@pytest.fixture
def make_app(environ: dict[str, str]) -> Iterator[Callable[..., Flask]]:
    """Makes applications on an empty storage, with further variables."""
    with ExitStack() as stack:

        def make(**variables: str) -> Flask:
            app = create_app({**environ, **variables})
            stack.callback(app.extensions["customer_storage"].close)
            return app

        yield make


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """The application on an empty storage."""
    return make_app()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Sends requests to the application."""
    return app.test_client()


@pytest.fixture
def cli(app: Flask) -> FlaskCliRunner:
    """Runs the application's commands."""
    return app.test_cli_runner()
