"""Files of customers in memory, written and read."""

import io
from collections.abc import Sequence

import pytest
from hypothesis import strategies as st

from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.transfer.records import Format, RecordReader
from {{ cookiecutter.package_name }}.transfer.summary import Summary
from {{ cookiecutter.package_name }}.transfer.writing import write_customers

from ..strategies import customers

ADA = Customer("1", "Ada", "Lovelace")
ALAN = Customer("2", "Alan", "Türing\n")
GRACE = Customer('"3"', "Grace", "{}")
THREE = [ADA, ALAN, GRACE]
TEXT = '{"customerID":"1","firstName":"Ada","lastName":"Lovelace"}'


def braced(members: str) -> str:
    return "{" + members + "}"


pieces = pytest.mark.usefixtures("_pieces")
formats = pytest.mark.parametrize("file_format", Format)
any_customers = st.lists(customers, max_size=8, unique_by=lambda customer: customer.customer_id)


def written(file_format: Format, found: Sequence[Customer]) -> bytes:
    file = io.BytesIO()
    *_, summary = write_customers(file, file_format, [[customer] for customer in found])
    assert summary == summed(found)
    return file.getvalue()


def summed(found: Sequence[Customer]) -> Summary:
    summary = Summary()
    for customer in found:
        summary.add(customer)
    return summary


def read(file_format: Format, text: bytes) -> tuple[list[Customer], list[str]]:
    """The customers in a file, and what is wrong with the rest."""
    found = list(RecordReader(io.BytesIO(text), file_format))
    return (
        [record.customer for record in found if record.customer],
        [str(record) for record in found if not record.customer],
    )
