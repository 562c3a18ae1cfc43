"""The commands `flask customers …` and `flask storage …`."""

import json

import pytest
from flask.testing import FlaskCliRunner

from {{ cookiecutter.package_name }} import create_app


def test_set_customer_is_got_listed_and_deleted(cli: FlaskCliRunner) -> None:
    ada = {"customerID": "7", "firstName": "Ada", "lastName": "Lövelace"}
    assert cli.invoke(args=["customers", "set", "7", "Ada", "Lövelace"]).exit_code == 0
    cli.invoke(args=["customers", "set", "8", "Alan", "Turing"])

    assert json.loads(cli.invoke(args=["customers", "get", "7"]).output) == ada
    listed = cli.invoke(args=["customers", "list"]).output.splitlines()
    assert ada in [json.loads(line) for line in listed]
    assert len(listed) == 2

    assert cli.invoke(args=["customers", "delete", "7"]).exit_code == 0
    assert len(cli.invoke(args=["customers", "list"]).output.splitlines()) == 1


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["get", "8"], "no such customer"),
        (["delete", "8"], "no such customer"),
        (["get", "a/b"], "customerID must not contain / or a control character"),
        (["delete", ""], "customerID must not be empty"),
        (["set", "", "Ada", "Lovelace"], "customerID must not be empty"),
        (["set", "7", "x" * 257, "Lovelace"], "firstName must have at most 256 characters"),
        (["set", "7", "Ada", "a\udcffb"], "lastName must not contain a lone surrogate"),
    ],
)
def test_mistake_is_one_line_and_exit_status_1(
    cli: FlaskCliRunner, args: list[str], message: str
) -> None:
    result = cli.invoke(args=["customers", *args])
    assert (result.exit_code, result.output) == (1, f"Error: {message}\n")


def test_storage_check_reports_and_succeeds(cli: FlaskCliRunner) -> None:
    result = cli.invoke(args=["storage", "check"])
    assert result.exit_code == 0
    assert result.output.splitlines()[-1] == "ok"


@pytest.mark.parametrize("args", [["storage", "check"], ["customers", "list"]])
def test_lost_storage_is_one_line_and_exit_status_1(
    environ_of_lost_storage: dict[str, str], args: list[str]
) -> None:
    app = create_app({**environ_of_lost_storage, "RETRY_DEADLINE_SECONDS": "0.2"})
    result = app.test_cli_runner().invoke(args=args)
    assert result.exit_code == 1
    assert len(result.output.splitlines()) == 1
    assert result.output.startswith("Error: ")
