"""Where servers and AWS Lambda find the application, and what migrates its database."""

import os
import sys

from {{ cookiecutter.package_name }} import aws_lambda, create_app, db_utils
from {{ cookiecutter.package_name }}.config import ConfigError
from {{ cookiecutter.package_name }}.storage import sql_on_lambda

try:
    sql_on_lambda.check_url(os.environ)
    app = create_app(retry_policy=aws_lambda.InvocationRetryPolicy)
except ConfigError as error:
    sys.exit(f"configuration: {error}")
aws_lambda.register(app)


# `zappa invoke STAGE run.run_alembic_upgrade` calls them with an event and a context, and after any
# TypeError again with fewer arguments: `db_utils` raises none.


def run_alembic_upgrade(event: object = None, context: object = None) -> dict[str, str]:
    """Bring the schema up to date; see `alembic_upgrade`."""
    return db_utils.alembic_upgrade(app)


def run_alembic_downgrade(event: object = None, context: object = None) -> dict[str, str]:
    """Take the schema back by one revision; see `alembic_downgrade`."""
    return db_utils.alembic_downgrade(app)


def run_alembic_current(event: object = None, context: object = None) -> dict[str, str]:
    """Say which revision the schema has, and which the code needs; see `alembic_current`."""
    return db_utils.alembic_current(app)
