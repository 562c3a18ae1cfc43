"""What these tests share, whichever the storage is; `storage.py` has the storage's own part."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .function import Function, running
from .package import Package, make_package
from .storage import lambda_environ, most_megabytes, refused

__all__ = ["lambda_environ", "most_megabytes", "refused"]


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The package, made once for all tests."""
    return make_package(tmp_path_factory.mktemp("package"))


@pytest.fixture
def function(
    package: Package, lambda_environ: dict[str, str], tmp_path: Path
) -> Iterator[Function]:
    """An instance of the function on an empty storage."""
    with running(package, lambda_environ, tmp_path / "log") as function:
        yield function
