"""Where `flask` and the production server find the application, and what migrates its database."""

import sys

from {{ cookiecutter.package_name }} import create_app, db_utils
from {{ cookiecutter.package_name }}.config import ConfigError

try:
    app = create_app()
except ConfigError as error:
    sys.exit(f"configuration: {error}")


# These take an event and a context, and need neither, so that whatever calls functions by name can
# migrate where no command line reaches.


def run_alembic_upgrade(event: object = None, context: object = None) -> dict[str, str]:
    """Bring the schema up to date; see `alembic_upgrade`."""
    return db_utils.alembic_upgrade(app)


def run_alembic_downgrade(event: object = None, context: object = None) -> dict[str, str]:
    """Take the schema back by one revision; see `alembic_downgrade`."""
    return db_utils.alembic_downgrade(app)


def run_alembic_current(event: object = None, context: object = None) -> dict[str, str]:
    """Say which revision the schema has, and which the code needs; see `alembic_current`."""
    return db_utils.alembic_current(app)
