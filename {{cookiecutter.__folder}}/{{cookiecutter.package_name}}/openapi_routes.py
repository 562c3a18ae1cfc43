"""What OpenAPI says of each route: a row of `ROUTES`, and what the rows have in common."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .api import MAX_PAGE
from .customers import Customer

Json = dict[str, Any]

# In the order of the page.
TAGS = {
    "Customers": "Read, add and delete customers.",
    "Health": "For whoever watches the service. Everybody may ask.",
    "Description": "What you are reading. Everybody may.",
}

RECORDS = [Customer]
CUSTOMER = {"$ref": "#/components/schemas/Customer"}
NO_CUSTOMER = {"type": "object", "maxProperties": 0}
REPORT = {
    "type": "object",
    "required": ["status"],
    "properties": {"status": {"type": "string"}, "storage": {"type": "string"}},
}
LINE = {"type": "string"}

HEADERS = {
    "X-Request-ID": {
        "description": "The request's own, if it is 1 to 64 letters, digits and `._-`; or else a "
        "new one. The service's log has it, too.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
    },
    "Link": {
        "description": 'Where the next page is: `<target>; rel="next"`. Missing on the last one.',
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds to wait before the request is sent again.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "WWW-Authenticate": {
        "description": "`Bearer`, and whether a wrong key was sent.",
        "required": True,
        "schema": {"type": "string"},
    },
    "ETag": {
        "description": "Send it as `If-None-Match` to learn by a 304 that nothing has changed.",
        "schema": {"type": "string"},
    },
}


def _answer(description: str, content: Mapping[str, Json], *headers: str) -> Json:
    """An answer by the schema of each of its content types."""
    return {
        "description": description,
        "headers": {
            name: {"$ref": f"#/components/headers/{name}"} for name in (*headers, "X-Request-ID")
        },
        "content": {kind: {"schema": schema} for kind, schema in content.items()},
    }


def _line(description: str, *headers: str, schema: Json = LINE) -> Json:
    return _answer(description, {"text/plain": schema}, *headers)


SUCCESS = _line("It is done.", schema={"const": "success"})
WRONG = _line("Something is missing or wrong; the line names it.")
NO_KEY = _line("No key was sent, or a wrong one.", "WWW-Authenticate")
NOT_FOUND = _answer(
    "There is no such customer. (With a `/` in the ID, there is no such path.)",
    {"application/json": NO_CUSTOMER, "text/plain": LINE},
)
UNAVAILABLE = _line(
    "The storage cannot be used, or is read-only, for now. A write may have been kept or not; "
    "to send it again does no harm.",
    "Retry-After",
)

CUSTOMER_ID = {
    "name": "customerID",
    "in": "path",
    "required": True,
    "schema": {"$ref": "#/components/schemas/Customer/properties/customerID"},
}
LIMIT = {
    "name": "limit",
    "in": "query",
    "description": "At most so many customers; all of them if it is missing.",
    "example": 100,
    "schema": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE},
}
CURSOR = {
    "name": "cursor",
    "in": "query",
    "description": "Where the page begins, as the last page's `Link` says; only with a limit.",
    "schema": {"type": "string"},
}


class Route(NamedTuple):
    """What the code of a route does not say.

    Attributes:
        tag: What it is about.
        answers: The answers by their status, without the 401 of all that ask for a key.
        parameters: What stands in the path and behind it.
        body: What the body must be.
    """

    tag: str
    answers: Mapping[int, Json]
    parameters: Sequence[Json] = ()
    body: Json | None = None


def _file(kind: str, tag: str = "Files") -> Route:
    """A route that is answered with a file."""
    same = {"description": "It is the same as before.", "headers": _answer("", {})["headers"]}
    return Route(tag, {200: _answer("The file.", {kind: LINE}, "ETag"), 304: same})


ROUTES = {
    "api.list_customers": Route(
        "Customers",
        {
            200: _answer(
                "Customers by their IDs.",
                {"application/json": {"type": "object", "additionalProperties": CUSTOMER}},
                "Link",
            ),
            400: WRONG,
            503: UNAVAILABLE,
        },
        [LIMIT, CURSOR],
    ),
    "api.get_customer": Route(
        "Customers",
        {
            200: _answer("The customer.", {"application/json": CUSTOMER}),
            404: NOT_FOUND,
            503: UNAVAILABLE,
        },
        [CUSTOMER_ID],
    ),
    "api.set_customer": Route(
        "Customers",
        {
            200: SUCCESS,
            400: WRONG,
            413: _line("The body is too large."),
            415: _line("The content type is not `application/json`."),
            503: UNAVAILABLE,
        },
        body={
            "description": "Further fields are ignored.",
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Fields"}}},
        },
    ),
    "api.delete_customer": Route(
        "Customers",
        {200: SUCCESS, 404: NOT_FOUND, 503: UNAVAILABLE},
        [CUSTOMER_ID],
    ),
    "health.healthz": Route("Health", {200: _answer("It lives.", {"application/json": REPORT})}),
    "health.readyz": Route(
        "Health",
        {
            200: _answer("It can serve.", {"application/json": REPORT}),
            503: _answer("It cannot, for now.", {"application/json": REPORT}),
        },
    ),
    "docs.openapi": Route(
        "Description",
        {
            **_file("").answers,
            200: _answer("OpenAPI 3.1.", {"application/json": {"type": "object"}}, "ETag"),
        },
    ),
    "docs.page": _file("text/html", "Description"),
    "docs.style": _file("text/css"),
    "docs.script": _file("text/javascript"),
}
