"""Compares answers with what the description of the API says."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from flask import Flask
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from {{ cookiecutter.package_name }}.openapi import document


def _pattern(_: object, pattern: str, value: object, __: object) -> Iterator[ValidationError]:
    # In JSON Schema, as in JavaScript, `$` is the end; in Python it may be a line break before it.
    if isinstance(value, str) and not re.search(pattern.replace("$", r"\Z"), value):
        yield ValidationError(f"{value!r} does not match {pattern}")


Validator = extend(Draft202012Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call]


def errors(described: dict[str, Any], schema: dict[str, Any], value: object) -> list[str]:
    """What of a value is not as a schema of the description says."""
    whole = {**schema, "components": described["components"]}
    return [error.message for error in Validator(whole).iter_errors(value)]


def operation_of(app: Flask, method: str, target: str) -> dict[str, Any] | None:
    """The description of what answers a request; none if nothing does."""
    try:
        path = unquote(urlsplit(target).path)
        rule, _ = app.url_map.bind("").match(path, method, return_rule=True)
    except HTTPException:
        return None
    found: dict[str, Any] = document(app)["paths"][re.sub("<(.*?)>", r"{\1}", rule.rule)]
    operation: dict[str, Any] = found[method.lower()]
    return operation


def check_answer(app: Flask, method: str, target: str, answer: TestResponse) -> None:
    """Check that an answer is as the description says."""
    described = document(app)
    operation = operation_of(app, method, target)
    assert operation
    said = operation["responses"][str(answer.status_code)]
    for name in said["headers"]:
        header = described["components"]["headers"][name]
        if name in answer.headers:
            assert errors(described, header["schema"], answer.headers[name]) == []
        else:
            assert not header.get("required")
    if answer.status_code == 304:
        assert "content" not in said
        return
    schema = said["content"][answer.mimetype]["schema"]
    value = answer.get_json() if answer.mimetype == "application/json" else answer.text
    assert errors(described, schema, value) == []
