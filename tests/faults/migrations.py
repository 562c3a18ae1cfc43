"""Several deployments that migrate one database at once, under load."""

import subprocess
from functools import partial
from pathlib import Path

from tests.bake import Bake, clean_environ

from .fault import Fault, Scene

DEPLOYMENTS = 3
REVISION = '''
"""Add a column."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("customers", sa.Column("remark", sa.String(20)))


def downgrade() -> None:
    op.drop_column("customers", "remark")
'''


def migration_fault(bake: Bake, folder: Path, url: str) -> Fault:
    """Deployments that have one revision more than the database.

    Args:
        bake: The project.
        folder: For the deployments' copy of it.
        url: The database's address.
    """
    copy = bake.copy_to(folder, share_environment=True)
    (copy.path / "migrations/versions/0002_add_a_column.py").write_text(REVISION)
    name = f"{DEPLOYMENTS} deployments add a column at once, and it is taken back"
    return Fault(name, partial(migrate, copy, url))


def migrate(copy: Bake, url: str, scene: Scene) -> None:
    """Upgrade the database by several processes at once, then downgrade it by one."""
    ups = [flask_db(copy, url, "upgrade") for _ in range(DEPLOYMENTS)]
    scene.wrong.extend(problem for up in ups if (problem := problem_of(up)))
    if problem := problem_of(flask_db(copy, url, "downgrade")):
        scene.wrong.append(problem)


def flask_db(copy: Bake, url: str, command: str) -> subprocess.Popen[str]:
    """Start a command of Flask-Migrate's."""
    return subprocess.Popen(
        [".venv/bin/flask", "db", command],
        cwd=copy.path,
        env=clean_environ({"DATABASE_URL": url}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def problem_of(process: subprocess.Popen[str]) -> str:
    """Why a command failed; empty if it did not."""
    _, errors = process.communicate(timeout=60)
    return f"flask db: {errors[-300:]}" if process.returncode else ""
