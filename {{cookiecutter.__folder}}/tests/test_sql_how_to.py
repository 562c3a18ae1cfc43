"""docs/sql.md: its commands do what it says, and its messages are those of the service."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from {{ cookiecutter.package_name }} import __name__ as package

PROJECT = Path(__file__).parents[1]
DOCUMENT = (PROJECT / "docs" / "sql.md").read_text(encoding="utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="the blocks are for a Unix shell")
def test_schema_is_brought_up_to_date_and_looked_at(tmp_path: Path) -> None:
    (section,) = re.findall(r"^## Bring the schema.*?(?=^## )", DOCUMENT, re.DOTALL | re.MULTILINE)
    commands = "".join(re.findall(r"^```console\n(.*?)^```", section, re.DOTALL | re.MULTILINE))
    done = subprocess.run(
        ["/bin/sh", "-ec", commands.replace(".venv/bin/python", sys.executable)],
        cwd=PROJECT,
        env={"DATABASE_URL": f"sqlite:///{tmp_path / 'customers.db'}", "FLASK_APP": "run"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"\{'current': '(\w+)', 'head': '\1'\}\n", done.stdout)


def test_every_message_is_one_that_the_service_gives() -> None:
    code = " ".join(path.read_text() for path in (PROJECT / package).rglob("*.py"))
    (table,) = re.findall(r"^\| message \| do \|\n.*\n((?:\|.*\n)+)", DOCUMENT, re.MULTILINE)
    messages = re.findall(r"^\| `([^`…]*)", table, re.MULTILINE)
    assert len(messages) > 5
    plain = re.sub(r'"\s+f?"', "", code)
    assert [message for message in messages if message.strip() not in plain] == []
