"""How Alembic runs the revisions; `flask db …` and `db_utils.py` call it."""

from contextlib import AbstractContextManager, nullcontext

from alembic import context
from flask import current_app
from sqlalchemy import Connection

from {{ cookiecutter.package_name }}.db_utils import (
    migration_connection,
    reading_connection,
)
from {{ cookiecutter.package_name }}.models import Base


def run_offline() -> None:
    """Print the statements instead of sending them: `flask db upgrade --sql`."""
    context.configure(
        dialect_name=current_app.extensions["sql_settings"].url.get_backend_name(),
        target_metadata=Base.metadata,
        literal_binds=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def run_online(connection: Connection) -> None:
    """Run the revisions, in one transaction where the database can undo a change of the schema."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        transactional_ddl=connection.dialect.name in ("postgresql", "sqlite"),
        render_as_batch=True,  # SQLite cannot change a column of a table that is there
    )
    with context.begin_transaction():
        context.run_migrations()


def connection_to_use() -> AbstractContextManager[Connection]:
    """The one that was given; or one that keeps others from migrating, if this migrates."""
    given = context.config.attributes.get("connection")
    if given is not None:
        return nullcontext(given)
    try:
        context.get_revision_argument()
    except KeyError:  # `flask db current`, `check`, `migrate`
        return reading_connection()
    return migration_connection()


if context.is_offline_mode():
    run_offline()
else:
    with connection_to_use() as connection:
        run_online(connection)
