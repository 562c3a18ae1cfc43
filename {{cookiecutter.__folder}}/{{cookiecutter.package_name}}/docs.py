"""The description of the service, and a page to read it and to try the service.

The page's files are in `page/`. It loads nothing from other sites, and its policy forbids it to.
"""

from pathlib import Path

import msgspec
from flask import Blueprint, Response, current_app, request

# https://www.w3.org/TR/CSP3/
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)

_FOLDER = Path(__file__).parent / "page"

blueprint = Blueprint("docs", __name__)


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """This description of the service."""
    body = current_app.extensions.get("openapi")
    if body is None:
        from .openapi import document  # imported only here: a cold start does not need it

        body = current_app.extensions["openapi"] = msgspec.json.encode(document(current_app))
    return _cacheable(Response(body, mimetype="application/json"))


@blueprint.get("/docs")
def page() -> Response:
    """A page to read this description, and to try the service."""
    response = _file("page.html", "text/html")
    response.headers["Content-Security-Policy"] = PAGE_POLICY
    return response


@blueprint.get("/docs/page.css")
def style() -> Response:
    """The page's style."""
    return _file("page.css", "text/css")


@blueprint.get("/docs/page.js")
def script() -> Response:
    """The page's script."""
    return _file("page.js", "text/javascript")


def _file(name: str, mimetype: str) -> Response:
    return _cacheable(Response((_FOLDER / name).read_bytes(), mimetype=mimetype))


def _cacheable(response: Response) -> Response:
    """Let browsers keep it, and ask each time whether it is still the same."""
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    response.make_conditional(request)
    return response
