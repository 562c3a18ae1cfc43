"""The customer."""

from typing import Annotated

from msgspec import Meta

from .record import Id, Record, Text, checked_text


class Customer(Record, frozen=True):
    """A customer, as it is stored and as it is answered."""

    customer_id: Annotated[Id, Meta(examples=["7"])]
    first_name: Annotated[Text, Meta(examples=["Ada"])]
    last_name: Annotated[Text, Meta(examples=["Lovelace"])]


def check_customer_id(value: str) -> str:
    """Return a customer ID that keeps the rules.

    Raises:
        InvalidRecordError: It breaks one.
    """
    return checked_text("customerID", value)
