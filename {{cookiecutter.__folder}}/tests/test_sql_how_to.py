"""docs/sql.md: adding a column, literally, in a copy of the project."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect

from {{ cookiecutter.package_name }} import __name__ as package

from .backend import SERVERS, Server, migrate

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the blocks are for a Unix shell")

PROJECT = Path(__file__).parents[1]
DOCUMENT = (PROJECT / "docs" / "sql.md").read_text(encoding="utf-8")


def blocks(heading: str, language: str) -> list[str]:
    """The blocks of a section of the document."""
    (section,) = re.findall(rf"^## {heading}\n(.*?)(?:^## |\Z)", DOCUMENT, re.DOTALL | re.MULTILINE)
    return re.findall(rf"^```{language}\n(.*?)^```", section, re.DOTALL | re.MULTILINE)


UPGRADE, CURRENT = blocks("Bring the schema up to date", "console")
COLUMN, REVISION = blocks("Add a column", "python")
WRITE, RUN, ROLL_BACK = blocks("Add a column", "console")


class Developer:
    """Someone at a shell, in a copy of the project with a database of its own."""

    def __init__(self, folder: Path, url: str) -> None:
        for name in (package, "migrations"):
            shutil.copytree(PROJECT / name, folder / name)
        for name in ("run.py", "pyproject.toml", ".flaskenv"):
            shutil.copy(PROJECT / name, folder / name)
        (folder / ".venv").symlink_to(sys.prefix)
        self.folder = folder
        self.url = url

    def run(self, commands: str) -> str:
        """Run commands, each of which must succeed; what they print."""
        done = subprocess.run(
            ["/bin/sh", "-ec", commands],
            cwd=self.folder,
            env={"DATABASE_URL": self.url, "PATH": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{commands}{done.stderr}"
        return done.stdout

    def columns(self) -> list[str]:
        """The table's columns."""
        engine = create_engine(self.url)
        names = [column["name"] for column in inspect(engine).get_columns("customers")]
        engine.dispose()
        return names


@pytest.fixture(params=["sqlite", *SERVERS])
def developer(
    request: pytest.FixtureRequest, start: Callable[[str], Server], tmp_path: Path
) -> Developer:
    """The how-to's reader, with a schema that is up to date."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'customers.db'}"
    else:
        url = start(request.param).create_database("how_to")
    return Developer(tmp_path, migrate(url))


def test_column_is_added_and_taken_back_and_customers_stay(developer: Developer) -> None:
    developer.run(".venv/bin/flask customers set 1 Ada Lovelace")
    models = developer.folder / package / "models.py"
    models.write_text(models.read_text() + COLUMN)

    developer.run(WRITE)
    (revision,) = set((developer.folder / "migrations" / "versions").glob("*_add_the_email_*.py"))
    assert revision.read_text().endswith(REVISION)
    assert revision.read_text().startswith('"""Add the email of a customer."""\n')

    developer.run(RUN)
    assert developer.columns() == ["customer_id", "first_name", "last_name", "email"]
    developer.run(ROLL_BACK)
    assert developer.columns() == ["customer_id", "first_name", "last_name"]
    assert "Lovelace" in developer.run(".venv/bin/flask customers list")


def test_schema_is_brought_up_to_date_and_looked_at(developer: Developer) -> None:
    developer.run(UPGRADE)
    assert developer.run(CURRENT) == "{'current': '0001', 'head': '0001'}\n"


def test_every_message_is_one_that_the_service_gives() -> None:
    code = " ".join(path.read_text() for path in (PROJECT / package).rglob("*.py"))
    (table,) = re.findall(r"^\| message \| do \|\n.*\n((?:\|.*\n)+)", DOCUMENT, re.MULTILINE)
    messages = re.findall(r"^\| `([^`…]*)", table, re.MULTILINE)
    assert len(messages) > 5
    plain = re.sub(r'"\s+f?"', "", code)
    assert [message for message in messages if message.strip() not in plain] == []
