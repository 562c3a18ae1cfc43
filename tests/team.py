"""What a team changes in its project; every place is one that each release has."""

import re
from pathlib import Path

from .edits import append_to, insert_behind, replace_in


def change(project: Path, package: Path) -> None:
    """Change what teams change.

    Args:
        project: The project.
        package: Its package.
    """
    _change_code(project, package)
    _add_dependencies(project)
    _change_other_files(project)


def _change_code(project: Path, package: Path) -> None:
    (package / "greetings.py").write_text(GREETINGS)
    insert_behind(
        package / "__init__.py",
        "from .config import Config\n",
        "from .greetings import blueprint as greetings\n",
    )
    insert_behind(
        package / "__init__.py",
        "    app.register_blueprint(health.blueprint)\n",
        '    app.register_blueprint(greetings(config.environment.text("GREETING", "Hello")))\n',
    )
    (project / "tests" / "test_greetings.py").write_text(TEST_GREETINGS)
    replace_in(
        project / "README.md",
        "Everything else is installed into this folder.",
        "Everything else is installed into this folder. Ask the team in room 7.",
    )
    append_to(project / "README.md", "\n## Our team\n\nAda and Grace.\n")


def _add_dependencies(project: Path) -> None:
    # At the end of each list, as `uv add` does.
    pyproject = project / "pyproject.toml"
    dependencies, rest = pyproject.read_text().split("\n]\n\n[dependency-groups]\n")
    tools, rest = rest.split("\n]\n", 1)
    pyproject.write_text(
        f'{dependencies}\n  "werkzeug>=3.1,<4",\n]\n\n[dependency-groups]\n'
        f'{tools}\n  "packaging>=24",\n]\n{rest}'
    )


def _change_other_files(project: Path) -> None:
    append_to(project / ".env.example", "\n# What the service says first.\nGREETING=Hello\n")
    append_to(project / ".gitignore", "/notes/\n")
    makefile = project / "Makefile"
    makefile.write_text(
        re.sub("^(.PHONY: .*)", r"\1 greet", makefile.read_text(), count=1, flags=re.M)
    )
    append_to(makefile, "\ngreet: setup ## greet the team\n\t@./greet.sh\n")
    script = project / "greet.sh"
    script.write_text("#!/bin/sh\necho Moin\n")
    script.chmod(0o755)
    (project / "data").mkdir()
    (project / "data" / ".gitkeep").touch()
    (project / ".gitattributes").unlink()


GREETINGS = '''"""Greetings, which no template knows of."""

from flask import Blueprint


def blueprint(greeting: str) -> Blueprint:
    """The route, and what it says first."""
    made = Blueprint("greetings", __name__)

    @made.get("/greetings/<name>")
    def greet(name: str) -> str:
        return f"{greeting}, {name}!\\n"

    return made
'''

TEST_GREETINGS = '''"""The team's own route."""

from collections.abc import Callable

from flask import Flask


def test_the_team_is_greeted(make_app: Callable[..., Flask]) -> None:
    client = make_app(GREETING="Moin").test_client()
    assert client.get("/greetings/Ada").text == "Moin, Ada!\\n"
'''

MIGRATION = '''"""Find customers by their last names.

Revision ID: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    op.create_index("ix_customers_last_name", "customers", ["last_name"])


def downgrade() -> None:
    """Drop the index."""
    op.drop_index("ix_customers_last_name", "customers")
'''
