"""The package for AWS Lambda: what is in it, and how it answers when Lambda runs it."""

import json
import re
import sys
from pathlib import Path

import pytest
from flask import Flask

from {{ cookiecutter.package_name }} import __name__ as application

from ..contract import CASES, STORED
from .function import Function, running
from .gateways import EVENTS
from .package import Package
from .runtime import OFFERED, REQUEST_ID

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the package is for Linux")


def test_package_is_small(package: Package, most_megabytes: float) -> None:
    assert package.archive.stat().st_size <= most_megabytes * 1e6


def test_package_holds_the_application_and_nothing_that_it_does_not_run(package: Package) -> None:
    names = package.names()
    assert {"lambda_function.py", "run.py", f"{application}/api.py", "zappa/wsgi.py"} <= set(names)
    files = {"about.json", "page/page.css", "page/page.html", "page/page.js"}
    assert {f"{application}/{file}" for file in files} <= set(names)
    tops = {name.partition("/")[0] for name in names}
    assert not tops & {"bin", "build", "deploy", "dev", "docs", "tests"}
    assert not tops & {".env", ".venv", "Makefile", "README.md", "pyproject.toml", "uv.lock"}
    assert not tops & {"zappa_policy.json", "zappa_settings.json"}
    assert not tops & set(OFFERED)
    assert not tops & {"granian", "hypothesis", "mypy", "pip", "pytest", "ruff", "setuptools", "uv"}
    assert [name for name in names if re.search(r"(^|/)tests?/", name)] == []


def test_no_secret_is_in_the_package(package: Package) -> None:
    for file in package.folder.rglob("*"):
        assert not file.is_file() or b"of-nobody" not in file.read_bytes()


def test_bytecode_is_the_runtime_s_and_is_used_whatever_its_date(package: Package) -> None:
    compiled = [name for name in package.names() if name.endswith(".pyc")]
    sources = [
        name
        for name in package.names()
        if name.endswith(".py") and (package.folder / name).stat().st_size > 0
    ]
    assert len(sources) - len(compiled) <= 3  # Zappa's handler and settings
    version = re.sub(r".*python3\.", "cpython-3", Path(package.python).name)
    for name in compiled:
        assert version in name
        # PEP 552: based on a hash, and not checked.
        assert (package.folder / name).read_bytes()[4:8] == b"\x01\x00\x00\x00"


@pytest.mark.parametrize("kind", EVENTS)
def test_contract_holds_through_each_kind_of_gateway(function: Function, kind: str) -> None:
    wrong = []
    for case in CASES:
        for customer_id in json.loads(function.request(kind, "GET", "/").body):
            function.request(kind, "DELETE", f"/delete/{customer_id}")
        function.request(kind, "POST", "/set", json.dumps(STORED).encode())
        answer = function.request(kind, case.method, case.path, case.body, case.body_type)
        got = (answer.status, answer.body, answer.headers["content-type"])
        if got != (case.status, case.answer, case.content_type):
            wrong.append((case.name, got))
    assert wrong == []


@pytest.mark.any_storage
@pytest.mark.parametrize("kind", EVENTS)
@pytest.mark.parametrize("target", ["/docs", "/docs/page.css", "/docs/page.js", "/openapi.json"])
def test_page_comes_through_each_kind_of_gateway(
    function: Function, app: Flask, kind: str, target: str
) -> None:
    answer = function.request(kind, "GET", target)
    here = app.test_client().get(target)
    assert (answer.status, answer.body) == (200, here.data)
    for name in ("Content-Type", "Content-Security-Policy", "Cache-Control"):
        assert answer.headers[name.lower()] == here.headers[name]


def test_request_is_one_json_line_of_the_log_with_the_invocation_s_id(function: Function) -> None:
    function.request("REST API", "GET", "/healthz")  # the first one is logged with the start
    before = function.log()
    answer = function.request("REST API", "GET", "/get/a-customer")
    (line,) = function.log().removeprefix(before).splitlines()
    assert json.loads(line)["request_id"] == answer.headers["x-request-id"] == REQUEST_ID
    assert "a-customer" not in line


def test_wrong_configuration_stops_the_start_with_one_line(
    package: Package, tmp_path: Path, refused: tuple[dict[str, str], str]
) -> None:
    variables, line = refused
    with (
        running(package, variables, tmp_path / "log") as function,
        pytest.raises((AssertionError, BrokenPipeError)),
    ):
        function.request("REST API", "GET", "/healthz")
    lines = [text for text in function.log().splitlines() if text != "Instancing.."]
    assert len(lines) == 1
    assert lines[0].startswith(f"configuration: {line}")
