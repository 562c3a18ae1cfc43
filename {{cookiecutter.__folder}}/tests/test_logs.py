"""The logs: one line a request, without a customer's data, for a person or for a machine."""

import gc
import json
import logging
import subprocess
import sys
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from {{ cookiecutter.package_name }} import logs

pytestmark = pytest.mark.any_storage

MakeApp = Callable[..., Flask]

SECRET = {"customerID": "secret-1", "firstName": "secret-2", "lastName": "secret-3"}


@pytest.fixture(autouse=True)
def _nothing_logged_yet(capsys: pytest.CaptureFixture[str]) -> None:
    """Have the requests of earlier tests logged now, as some are only when they are collected."""
    gc.collect()
    capsys.readouterr()


def production(make_app: MakeApp) -> FlaskClient:
    return make_app(APP_ENV="production", ALLOW_ANONYMOUS="1").test_client()


def test_request_is_one_json_line_in_production(
    make_app: MakeApp, capsys: pytest.CaptureFixture[str]
) -> None:
    production(make_app).get("/get/7", buffered=True, headers={"X-Request-ID": "this-one"})
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
    make_app: MakeApp, capsys: pytest.CaptureFixture[str]
) -> None:
    make_app().test_client().get("/healthz", buffered=True)
    (line,) = capsys.readouterr().err.splitlines()
    assert "GET /healthz 200" in line


def test_no_customer_s_data_is_logged(
    make_app: MakeApp, capsys: pytest.CaptureFixture[str]
) -> None:
    client = production(make_app)
    client.post("/set", buffered=True, json=SECRET)
    client.post("/set", buffered=True, json={**SECRET, "customerID": 7})
    client.post("/set", buffered=True, data=b"secret-4", content_type="application/json")
    client.get("/get/secret-1?secret-5=secret-6", buffered=True)
    client.get("/secret-7", buffered=True)
    client.delete("/delete/secret-1", buffered=True)
    lines = capsys.readouterr().err
    assert len(lines.splitlines()) == 6
    assert "secret" not in lines


@pytest.mark.parametrize("method", ["GET\nforged", "\x1b[31m", "get", "X" * 60_000])
def test_method_that_is_no_plain_word_is_not_logged(
    make_app: MakeApp, capsys: pytest.CaptureFixture[str], method: str
) -> None:
    client = production(make_app)
    client.get("/", buffered=True, environ_overrides={"REQUEST_METHOD": method})
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["method"] == "-"
    assert json.loads(line)["message"].startswith("- ")


def test_line_ends_in_a_message_do_not_make_lines(
    make_app: MakeApp, capsys: pytest.CaptureFixture[str]
) -> None:
    production(make_app)
    logging.getLogger("elsewhere").warning("a\nb\rc")
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["message"] == "a\nb\rc"


def test_text_that_cannot_be_encoded_does_not_lose_the_line() -> None:
    log = "import logging; logging.getLogger().warning('before\\udcffafter')"
    start = f"from {logs.__name__} import configure; configure('INFO', json_lines=True)"
    done = subprocess.run(
        [sys.executable, "-c", f"{start}; {log}"], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stderr)["message"] == "before\udcffafter"


def test_exception_is_part_of_its_line(
    make_app: MakeApp, capsys: pytest.CaptureFixture[str]
) -> None:
    production(make_app)
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        logging.getLogger("elsewhere").exception("failed")
    (line,) = capsys.readouterr().err.splitlines()
    assert "ZeroDivisionError" in json.loads(line)["exception"]


def test_level_is_respected(make_app: MakeApp, capsys: pytest.CaptureFixture[str]) -> None:
    make_app(LOG_LEVEL="ERROR").test_client().get("/healthz", buffered=True)
    assert capsys.readouterr().err == ""
