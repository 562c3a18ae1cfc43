"""The customers' routes."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TypeVar

import msgspec
from flask import Blueprint, Response, abort, current_app, request, url_for
from werkzeug.exceptions import RequestEntityTooLarge

from .customers import Customer
from .errors import line
from .record import InvalidRecordError, Record, checked_text
from .storage import CustomerStorage, StorageUnavailableError, decode_cursor, encode_cursor

# The longest valid customer takes 8 KB when each character is escaped.
MAX_BODY_BYTES = 64 * 1024
MAX_PAGE = 1000
_PAGE_LIMIT = re.compile("[1-9][0-9]{0,2}|1000")

R = TypeVar("R", bound=Record)

blueprint = Blueprint("api", __name__)


def refuse_writes() -> None:
    """Take no writes, as while the customers are being moved."""
    if request.url_rule and request.method not in ("GET", "HEAD", "OPTIONS"):
        raise StorageUnavailableError("the service is read-only for now")


def storage() -> CustomerStorage:
    """The storage of the current application."""
    found: CustomerStorage = current_app.extensions["customer_storage"]
    return found


def record_in_body(kind: type[R]) -> R:
    """The record that the current request brings.

    Raises:
        HTTPException: The body is not said to be JSON, or is too large.
        InvalidRecordError: It is no record of this kind.
    """
    if not request.is_json:
        abort(line("the content type must be application/json", 415))
    body = request.get_data(cache=False)
    if len(body) >= MAX_BODY_BYTES:  # Werkzeug cuts a body off there if its length was not told
        raise RequestEntityTooLarge
    return kind.from_json(body)


def is_id(text: str) -> bool:
    """Whether what stands in the current request's path can be an ID at all."""
    try:
        # Werkzeug puts U+FFFD for bytes that are not UTF-8, and that may be somebody's ID.
        request.environ["PATH_INFO"].encode("latin-1").decode()
        checked_text("ID", text)
    except (InvalidRecordError, UnicodeError):
        return False
    return True


def json_response(body: bytes | Iterable[bytes], status: int = 200) -> Response:
    """An answer of JSON."""
    return Response(body, status, mimetype="application/json")


@blueprint.get("/")
def list_customers() -> Response:
    """All customers as one streamed JSON object, or a page of them."""
    if not request.args.keys() & {"limit", "cursor"}:
        batches = storage().stream()
        first = next(batches, [])  # a storage that is down shows before the answer starts
        return json_response(_object(chain([first], batches)))

    limit = request.args.get("limit", "")
    if not _PAGE_LIMIT.fullmatch(limit):
        return line(f"limit must be a whole number from 1 to {MAX_PAGE}", 400)
    cursor = request.args.get("cursor")
    page = storage().page(int(limit), None if cursor is None else decode_cursor(cursor))
    response = json_response(b"".join(_object([page.customers])))
    if page.next_cursor is not None:
        target = url_for(".list_customers", limit=limit, cursor=encode_cursor(page.next_cursor))
        response.headers["Link"] = f'<{target}>; rel="next"'  # RFC 8288
    return response


@blueprint.get("/get/<customerID>")
def get_customer(customerID: str) -> Response:  # noqa: N803, the name is part of the contract
    """One customer."""
    customer = storage().get(customerID) if is_id(customerID) else None
    if customer is None:
        return json_response(b"{}", 404)
    return json_response(msgspec.json.encode(customer))


@blueprint.post("/set")
def set_customer() -> Response:
    """Add a customer, or replace the one with the same ID."""
    storage().set(record_in_body(Customer))
    return line("success", 200)


@blueprint.delete("/delete/<customerID>")
def delete_customer(customerID: str) -> Response:  # noqa: N803, the name is part of the contract
    """Delete one customer."""
    if is_id(customerID) and storage().delete(customerID):
        return line("success", 200)
    return json_response(b"{}", 404)


def _object(batches: Iterable[list[Customer]]) -> Iterator[bytes]:
    """Customers as the text of one JSON object, a piece for each batch."""
    separator = b"{"
    for batch in batches:
        if batch:
            members = msgspec.json.encode({customer.customer_id: customer for customer in batch})
            yield separator + members[1:-1]
            separator = b","
    yield b"}" if separator == b"," else b"{}"
