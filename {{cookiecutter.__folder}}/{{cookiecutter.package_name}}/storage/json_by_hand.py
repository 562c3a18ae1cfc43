"""Text of the customers' file that a person or another program wrote, whatever its layout."""

import json
import re
from collections.abc import Iterator

from ..customers import Customer
from ..record import InvalidRecordError

_BETWEEN = re.compile(r"[ \t\n\r,:]*")  # what stands between keys and values


class ForeignTextError(ValueError):
    """Text that is not a JSON object of customers. The message is one line that names the place."""


def read_by_hand(text: bytes) -> dict[str, Customer]:
    """The customers of a JSON object, by their IDs.

    Raises:
        ForeignTextError: It is none, or a customer breaks a rule.
    """
    try:
        decoded = text.decode("utf-8-sig")
        whole = json.loads(decoded)
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise ForeignTextError(f"line {line}: not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ForeignTextError(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise ForeignTextError("nested too deeply") from None
    except ValueError:
        raise ForeignTextError("a number has too many digits") from None
    if not isinstance(whole, dict):
        raise ForeignTextError("line 1: not a JSON object")
    customers: dict[str, Customer] = {}
    for position, customer_id, entry in _members(decoded):
        try:
            if customer_id in customers:
                raise InvalidRecordError("this customer ID stands in the file twice")
            customers[customer_id] = _checked(customer_id, entry)
        except InvalidRecordError as error:
            line = decoded.count("\n", 0, position) + 1
            column = position - decoded.rfind("\n", 0, position)
            raise ForeignTextError(f"line {line}, column {column}: {error}") from None
    return customers


def _members(text: str) -> Iterator[tuple[int, str, object]]:
    """The members of a JSON object, each with its position. The text is known to be valid JSON."""
    scan = json.JSONDecoder().raw_decode
    position = _next_token(text, text.index("{") + 1)
    while text[position] != "}":
        key, end = scan(text, position)
        value, end = scan(text, _next_token(text, end))
        yield position, key, value
        position = _next_token(text, end)


def _next_token(text: str, position: int) -> int:
    match = _BETWEEN.match(text, position)
    return match.end() if match else position


def _checked(customer_id: str, entry: object) -> Customer:
    if not isinstance(entry, dict):
        raise InvalidRecordError("this customer is not a JSON object")
    customer = Customer.from_fields(entry)
    if customer.customer_id != customer_id:
        raise InvalidRecordError("the key and its customerID differ")
    if entry.keys() - set(Customer.__struct_encode_fields__):
        known = ", ".join(Customer.__struct_encode_fields__)
        raise InvalidRecordError(f"a field besides {known}")
    return customer
