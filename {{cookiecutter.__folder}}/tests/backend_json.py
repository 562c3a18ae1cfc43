"""The storage's part of the fixtures: a JSON file in a temporary folder."""

from collections.abc import Callable
from pathlib import Path

import pytest

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.storage import CustomerStorage
from {{ cookiecutter.package_name }}.storage.json_file import JsonFileStorage


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the customers are kept."""
    return tmp_path / "customers.json"


@pytest.fixture
def environ(path: Path) -> dict[str, str]:
    """The configuration for an empty storage."""
    return {"DATA_PATH": str(path)}


@pytest.fixture
def environ_of_lost_storage(tmp_path: Path) -> dict[str, str]:
    """The configuration for a storage that cannot be reached."""
    return {"DATA_PATH": str(tmp_path / "missing" / "customers.json")}


@pytest.fixture
def open_storage(environ: dict[str, str]) -> Callable[[], CustomerStorage]:
    """Opens the storage; each call as another process would."""

    def open_another() -> CustomerStorage:
        config = Config.from_environ(environ)
        return JsonFileStorage.from_environment(config.environment, config.retry)

    return open_another
