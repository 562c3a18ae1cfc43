"""The logs: one line a request, without a customer's data, for a person or for a machine."""

import gc
import json
import logging

import pytest
from flask.testing import FlaskClient

from {{ cookiecutter.package_name }} import create_app

SECRET = {"customerID": "secret-1", "firstName": "secret-2", "lastName": "secret-3"}


@pytest.fixture(autouse=True)
def _nothing_logged_yet(capsys: pytest.CaptureFixture[str]) -> None:
    """Have the requests of earlier tests logged now, as some are only when they are collected."""
    gc.collect()
    capsys.readouterr()


def production(environ: dict[str, str]) -> FlaskClient:
    return create_app({**environ, "APP_ENV": "production", "ALLOW_ANONYMOUS": "1"}).test_client()


def test_request_is_one_json_line_in_production(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    production(environ).get("/get/7", buffered=True, headers={"X-Request-ID": "this-one"})
    line = json.loads(capsys.readouterr().err)
    assert line.pop("milliseconds") >= 0
    assert line.pop("time").endswith("+00:00")
    assert line.pop("message").startswith("GET /get/<customerID> 404 ")
    assert line.pop("logger").endswith(".middleware")
    assert line == {
        "level": "INFO",
        "request_id": "this-one",
        "method": "GET",
        "route": "/get/<customerID>",
        "status": 404,
    }


def test_request_is_one_readable_line_in_development(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    create_app(environ).test_client().get("/healthz", buffered=True)
    (line,) = capsys.readouterr().err.splitlines()
    assert "GET /healthz 200" in line


def test_no_customer_s_data_is_logged(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    client = production(environ)
    client.post("/set", buffered=True, json=SECRET)
    client.post("/set", buffered=True, json={**SECRET, "customerID": 7})
    client.post("/set", buffered=True, data=b"secret-4", content_type="application/json")
    client.get("/get/secret-1?secret-5=secret-6", buffered=True)
    client.get("/secret-7", buffered=True)
    client.delete("/delete/secret-1", buffered=True)
    lines = capsys.readouterr().err
    assert len(lines.splitlines()) == 6
    assert "secret" not in lines


def test_line_ends_in_a_message_do_not_make_lines(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    production(environ)
    logging.getLogger("elsewhere").warning("a\nb\rc")
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["message"] == "a\nb\rc"


def test_text_that_cannot_be_encoded_does_not_lose_the_line(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    production(environ)
    logging.getLogger("elsewhere").warning("before\udcffafter")
    assert "before" in capsys.readouterr().err


def test_exception_is_part_of_its_line(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    production(environ)
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        logging.getLogger("elsewhere").exception("failed")
    (line,) = capsys.readouterr().err.splitlines()
    assert "ZeroDivisionError" in json.loads(line)["exception"]


def test_level_is_respected(environ: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    create_app({**environ, "LOG_LEVEL": "ERROR"}).test_client().get("/healthz", buffered=True)
    assert capsys.readouterr().err == ""
