"""The database on AWS Lambda: a server, or the service does not start."""

import pytest

from {{ cookiecutter.package_name }}.config import ConfigError
from {{ cookiecutter.package_name }}.storage.sql_on_lambda import check_url

ON_LAMBDA = {"AWS_LAMBDA_FUNCTION_NAME": "function"}


@pytest.mark.parametrize("url", ["", "sqlite:////tmp/customers.db"])
def test_database_that_is_a_file_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"^DATABASE_URL must name a server on Lambda"):
        check_url({**ON_LAMBDA, "DATABASE_URL": url})


def test_database_on_a_server_is_taken() -> None:
    check_url({**ON_LAMBDA, "DATABASE_URL": "postgresql://host/customers"})


def test_elsewhere_a_file_is_taken() -> None:
    check_url({})
