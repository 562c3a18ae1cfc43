"""The page to read and try the API, as it is served; it runs in the reader's browser."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from {{ cookiecutter.package_name }} import docs

from .described import check_answer

pytestmark = pytest.mark.any_storage

PAGE = Path(docs.__file__).parent / "page"
FILES = {
    "/docs": ("text/html; charset=utf-8", "page.html"),
    "/docs/page.css": ("text/css; charset=utf-8", "page.css"),
    "/docs/page.js": ("text/javascript; charset=utf-8", "page.js"),
}
DESCRIBED = [*FILES, "/openapi.json"]


@pytest.mark.parametrize("target", FILES)
def test_file_is_served_to_everybody(make_app: Callable[..., Flask], target: str) -> None:
    content_type, name = FILES[target]
    for app in (make_app(), make_app(API_KEYS="0123456789abcdef")):
        answer = app.test_client().get(target)
        assert (answer.status_code, answer.content_type) == (200, content_type)
        assert answer.data == (PAGE / name).read_bytes()


def test_each_file_of_the_page_is_served(client: FlaskClient) -> None:
    assert {path.name for path in PAGE.iterdir()} == {name for _, name in FILES.values()}


@pytest.mark.parametrize("target", ["/docs/", "/docs/page.html", "/docs/../api.py"])
def test_no_other_file_is_served(client: FlaskClient, target: str) -> None:
    assert client.get(target).status_code == 404


@pytest.mark.parametrize("target", DESCRIBED)
def test_browser_asks_whether_it_has_changed(app: Flask, client: FlaskClient, target: str) -> None:
    first = client.get(target)
    assert first.headers.getlist("Cache-Control") == ["no-cache"]
    again = client.get(target, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    other = client.get(target, headers={"If-None-Match": '"other"'})
    assert (other.status_code, other.data) == (200, first.data)
    for answer in (first, again):
        check_answer(app, "GET", target, answer)


def test_page_may_load_and_send_nothing_elsewhere(client: FlaskClient) -> None:
    (policy,) = client.get("/docs").headers.getlist("Content-Security-Policy")
    allowed = dict(directive.split(" ", 1) for directive in policy.split("; "))
    assert allowed.pop("default-src") == "'none'"
    assert allowed.pop("frame-ancestors") == "'none'"
    assert allowed.pop("require-trusted-types-for") == "'script'"
    assert set(allowed.values()) == {"'self'", "'none'", "data:"}
    assert allowed["img-src"] == "data:"
    assert "unsafe" not in policy


@pytest.mark.parametrize("target", ["/", "/docs/page.js", "/openapi.json"])
def test_no_other_answer_is_a_page(client: FlaskClient, target: str) -> None:
    policies = client.get(target).headers.getlist("Content-Security-Policy")
    assert policies == ["default-src 'none'; frame-ancestors 'none'"]


def test_page_names_no_other_site_and_no_absolute_path() -> None:
    for file in PAGE.iterdir():
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"(https?:)?//[a-z]", text), file.name
        assert not re.search(r"""(src|href)="/""", text), file.name


def test_page_keeps_the_key_nowhere() -> None:
    script = (PAGE / "page.js").read_text(encoding="utf-8")
    assert not re.search("localStorage|sessionStorage|cookie|indexedDB|history|console", script)
