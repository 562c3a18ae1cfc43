"""What the service takes and answers, as OpenAPI 3.1.

`openapi_routes.py` has a row for each route; the rest comes from the routes themselves, from the
records and from `about.json`. The tests compare it with what the service really does.
"""

import re
from inspect import getdoc
from pathlib import Path

import msgspec
from flask import Flask

from . import auth
from .api import MAX_BODY_BYTES
from .openapi_routes import HEADERS, NO_KEY, RECORDS, ROUTES, TAGS, Json

ERRORS = (
    "Every error is one line of plain text. An unknown path is answered with 404, another method "
    f"with 405. A body may have up to {MAX_BODY_BYTES // 1024} KiB."
)


def document(app: Flask) -> Json:
    """The description of an application."""
    paths: dict[str, Json] = {}
    for rule in app.url_map.iter_rules():
        if rule.endpoint in ROUTES:
            path = re.sub("<(?:[^:>]*:)?([^>]*)>", r"{\1}", rule.rule)
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                paths.setdefault(path, {})[method.lower()] = _operation(app, rule.endpoint)
    about = msgspec.json.decode(Path(__file__).with_name("about.json").read_bytes())
    guarded = app.config["ASKS_FOR_KEYS"]
    return {
        "openapi": "3.1.1",
        "info": {**about, "description": f"{about['description']}\n\n{ERRORS}"},
        "servers": [{"url": "."}],  # wherever this document lies
        "security": [{"key": []}] if guarded else [],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "headers": HEADERS,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}} if guarded else {},
        },
    }


def _operation(app: Flask, endpoint: str) -> Json:
    route = ROUTES[endpoint]
    summary, _, more = (getdoc(app.view_functions[endpoint]) or endpoint).partition("\n")
    blueprint, _, name = endpoint.rpartition(".")
    answers = dict(route.answers)
    operation: Json = {
        "operationId": name,
        "tags": [route.tag],
        "summary": summary.rstrip("."),
        "description": more.strip(),
    }
    if blueprint in auth.OPEN:
        operation["security"] = []
    elif app.config["ASKS_FOR_KEYS"]:
        answers[401] = NO_KEY
    if route.parameters:
        operation["parameters"] = route.parameters
    if route.body:
        operation["requestBody"] = route.body
    operation["responses"] = {str(status): answers[status] for status in sorted(answers)}
    return operation


def schemas() -> Json:
    """The records as they are answered, and a customer's as it is taken."""
    _, found = msgspec.json.schema_components(RECORDS, ref_template="#/components/schemas/{name}")
    answered = found["Customer"]
    taken = {name: value for name, value in answered.items() if name != "additionalProperties"}
    return {
        **found,
        "Fields": {**taken, "title": "Fields", "description": "What a customer is made of."},
    }
