"""Customers that are moved, as files hold them and as a storage holds them."""

import json
from collections.abc import Callable, Iterable
from itertools import chain

from click.testing import Result

from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.storage import CustomerStorage

ADA = Customer("1", "Ada", "Lovelace")
ALAN = Customer("2", "Alan", "Türing")
GRACE = Customer("3", "Grace", "Hopper")
AUGUSTA = Customer("1", "Augusta", "King")


def contents(storage: CustomerStorage) -> set[Customer]:
    return set(chain.from_iterable(storage.stream()))


def lines(customers: Iterable[Customer]) -> str:
    return "".join(
        json.dumps(
            {
                "customerID": customer.customer_id,
                "firstName": customer.first_name,
                "lastName": customer.last_name,
            }
        )
        + "\n"
        for customer in customers
    )


Run = Callable[..., Result]
