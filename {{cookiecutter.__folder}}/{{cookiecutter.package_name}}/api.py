"""The customers' routes."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain

import msgspec
from flask import Blueprint, Response, current_app, request, url_for
from werkzeug.exceptions import RequestEntityTooLarge

from .customers import Customer, InvalidCustomerError, check_customer_id
from .errors import line
from .storage import CustomerStorage, StorageUnavailableError, decode_cursor, encode_cursor

# The longest valid customer takes 8 KB when each character is escaped.
MAX_BODY_BYTES = 64 * 1024
MAX_PAGE = 1000
_PAGE_LIMIT = re.compile("[1-9][0-9]{0,2}|1000")

blueprint = Blueprint("api", __name__)


@blueprint.before_request
def refuse_writes_while_read_only() -> None:
    """Take no writes while READ_ONLY is 1, as when the customers are being moved."""
    if current_app.config["READ_ONLY"] and request.method in ("POST", "DELETE"):
        raise StorageUnavailableError("the service is read-only for now")


def storage() -> CustomerStorage:
    """The storage of the current application."""
    found: CustomerStorage = current_app.extensions["customer_storage"]
    return found


@blueprint.get("/")
def list_customers() -> Response:
    """All customers as one streamed JSON object, or a page of them."""
    if not request.args.keys() & {"limit", "cursor"}:
        batches = storage().stream()
        first = next(batches, [])  # a storage that is down shows before the answer starts
        return _json(_object(chain([first], batches)))

    limit = request.args.get("limit", "")
    if not _PAGE_LIMIT.fullmatch(limit):
        return line(f"limit must be a whole number from 1 to {MAX_PAGE}", 400)
    cursor = request.args.get("cursor")
    page = storage().page(int(limit), None if cursor is None else decode_cursor(cursor))
    response = _json(b"".join(_object([page.customers])))
    if page.next_cursor is not None:
        target = url_for(".list_customers", limit=limit, cursor=encode_cursor(page.next_cursor))
        response.headers["Link"] = f'<{target}>; rel="next"'  # RFC 8288
    return response


@blueprint.get("/get/<customerID>")
def get_customer(customerID: str) -> Response:  # noqa: N803, the name is part of the contract
    """One customer."""
    customer = storage().get(customerID) if _is_valid(customerID) else None
    if customer is None:
        return _json(b"{}", 404)
    return _json(msgspec.json.encode(customer))


@blueprint.post("/set")
def set_customer() -> Response:
    """Add a customer, or replace the one with the same ID."""
    if not request.is_json:
        return line("the content type must be application/json", 415)
    body = request.get_data(cache=False)
    if len(body) >= MAX_BODY_BYTES:  # Werkzeug cuts a body off there if its length was not told
        raise RequestEntityTooLarge
    storage().set(Customer.from_json(body))
    return line("success", 200)


@blueprint.delete("/delete/<customerID>")
def delete_customer(customerID: str) -> Response:  # noqa: N803, the name is part of the contract
    """Delete one customer."""
    if _is_valid(customerID) and storage().delete(customerID):
        return line("success", 200)
    return _json(b"{}", 404)


def _is_valid(customer_id: str) -> bool:
    try:
        # Werkzeug puts U+FFFD for bytes that are not UTF-8, and that may be somebody's ID.
        request.environ["PATH_INFO"].encode("latin-1").decode()
        check_customer_id(customer_id)
    except (InvalidCustomerError, UnicodeError):
        return False
    return True


def _json(body: bytes | Iterable[bytes], status: int = 200) -> Response:
    return Response(body, status, mimetype="application/json")


def _object(batches: Iterable[list[Customer]]) -> Iterator[bytes]:
    """Customers as the text of one JSON object, a piece for each batch."""
    separator = b"{"
    for batch in batches:
        if batch:
            members = msgspec.json.encode({customer.customer_id: customer for customer in batch})
            yield separator + members[1:-1]
            separator = b","
    yield b"}" if separator == b"," else b"{}"
