"""The storage's part of the fixtures: a file in a temporary folder."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from {{ cookiecutter.package_name }} import create_app
from {{ cookiecutter.package_name }}.storage import CustomerStorage

EXAMPLE = Path(__file__).parents[1] / ".env.example"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the customers are kept."""
    (name,) = re.findall("^DATA_PATH=(.+)$", EXAMPLE.read_text(), re.MULTILINE)
    return tmp_path / str(name)


@pytest.fixture
def environ(path: Path) -> dict[str, str]:
    """The configuration for an empty storage."""
    return {"DATA_PATH": str(path)}


@pytest.fixture
def environ_of_lost_storage(tmp_path: Path) -> dict[str, str]:
    """The configuration for a storage that cannot be reached."""
    return {"DATA_PATH": str(tmp_path / "missing" / "customers")}


@pytest.fixture
def open_storage(environ: dict[str, str]) -> Callable[[], CustomerStorage]:
    """Opens the storage; each call as another process would."""

    def open_another() -> CustomerStorage:
        storage: CustomerStorage = create_app(environ).extensions["customer_storage"]
        return storage

    return open_another
