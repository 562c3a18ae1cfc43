"""The gateways before the function: the events in which requests come, and what a client gets."""

import base64
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit


class Answer(NamedTuple):
    """What a client gets from the gateway."""

    status: int
    body: bytes
    headers: Mapping[str, str]


def answer_to(result: Mapping[str, Any]) -> Answer:
    """What a client gets of what the function returns."""
    text = result.get("body") or ""
    body = base64.b64decode(text) if result.get("isBase64Encoded") else text.encode()
    headers = {name.lower(): value for name, value in result["headers"].items()}
    return Answer(result["statusCode"], body, headers)


def _event_of_rest_api(
    method: str, path: str, body: bytes | None, content_type: str
) -> dict[str, Any]:
    parts = urlsplit(path)
    query = parse_qsl(parts.query, keep_blank_values=True)
    headers = {"Host": "abc.execute-api.eu-central-1.amazonaws.com"}
    if body is not None:
        headers["Content-Type"] = content_type
    return {
        "httpMethod": method,
        "path": parts.path,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": {name: [value] for name, value in query} or None,
        "requestContext": {"stage": "dev", "identity": {"sourceIp": "192.0.2.1"}},
        **_body(body),
    }


def _event_of_http_api(
    method: str, path: str, body: bytes | None, content_type: str, stage: str = "dev"
) -> dict[str, Any]:
    parts = urlsplit(path)
    headers = {"host": "abc.execute-api.eu-central-1.amazonaws.com"}
    if body is not None:
        headers["content-type"] = content_type
    return {
        "version": "2.0",
        "rawPath": f"/{stage}{parts.path}" if stage else parts.path,
        "rawQueryString": parts.query,
        "headers": headers,
        "requestContext": {
            "stage": stage or "$default",
            "http": {"method": method, "path": parts.path, "sourceIp": "192.0.2.1"},
        },
        **_body(body),
    }


def _event_of_function_url(
    method: str, path: str, body: bytes | None, content_type: str
) -> dict[str, Any]:
    return _event_of_http_api(method, path, body, content_type, stage="")


def _body(body: bytes | None) -> dict[str, Any]:
    if body is None:
        return {"body": None, "isBase64Encoded": False}
    return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


EVENTS = {
    "REST API": _event_of_rest_api,
    "HTTP API": _event_of_http_api,
    "function URL": _event_of_function_url,
}
