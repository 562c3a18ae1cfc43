"""A file of customers, and the commands that move them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from flask.testing import FlaskCliRunner

from {{ cookiecutter.package_name }}.transfer import json_text

from .samples import ADA, ALAN, lines


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of Ada and Alan."""
    file = tmp_path / "moved.jsonl"
    file.write_text(lines([ADA, ALAN]))
    return file


@pytest.fixture
def run(cli: FlaskCliRunner) -> Callable[..., Result]:
    """Runs `flask customers …`."""
    return lambda *args: cli.invoke(args=["customers", *map(str, args)])


@pytest.fixture(params=[1, 7, 100_000], ids=lambda size: f"pieces of {size}")
def _pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are read in pieces of several sizes, so that each token is cut somewhere."""
    monkeypatch.setattr(json_text, "PIECE_BYTES", request.param)
