"""Pages in the order of IDs, and how they stand what is written meanwhile."""

import pytest
from flask.testing import FlaskClient

from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.storage import BadCursorError, CustomerStorage


def customers(count: int) -> list[Customer]:
    return [Customer(f"{number:06}", "Ada", "Lovelace") for number in range(count)]


def test_customers_come_in_the_order_of_their_ids(
    client: FlaskClient, storage: CustomerStorage
) -> None:
    stored = customers(25)
    storage.set_many(reversed(stored))
    ids = [customer.customer_id for customer in stored]
    assert list(client.get("/").get_json()) == ids
    assert list(client.get("/?limit=10").get_json()) == ids[:10]


def test_customers_that_come_and_go_do_not_disturb_the_pages(
    client: FlaskClient, storage: CustomerStorage
) -> None:
    stored = customers(20)
    storage.set_many(stored)
    first = client.get("/?limit=10")
    storage.delete(stored[9].customer_id)
    storage.set(Customer("000004x", "New", "Behind"))
    second = client.get(first.headers["Link"].split(">")[0][1:])
    assert list(second.get_json()) == [customer.customer_id for customer in stored[10:]]
    assert "Link" not in second.headers


@pytest.mark.parametrize(
    "cursor", ['{"run_id":"a","scan_cursor":1}', "{}", "after:", "after:\n", "after:a/b", "AFTER:a"]
)
def test_cursor_of_another_service_is_refused(storage: CustomerStorage, cursor: str) -> None:
    storage.set_many(customers(2))
    with pytest.raises(BadCursorError):
        storage.page(1, cursor)
