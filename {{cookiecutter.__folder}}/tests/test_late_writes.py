"""A write that was given up and sent again does not come late, when newer ones are answered."""

from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.storage import CustomerStorage

from .stalling_relay import StallingRelay

# Longer than what the relay takes in advance.
LONG = Customer("\N{SNOWMAN}" * 128, "\N{SNOWMAN}" * 256, "\N{SNOWMAN}" * 256)
SHORT = Customer(LONG.customer_id, "Ada", "Lovelace")


def test_write_that_was_held_up_does_not_replace_a_newer_one(
    relayed: tuple[CustomerStorage, StallingRelay],
) -> None:
    storage, relay = relayed
    assert storage.get(LONG.customer_id) is None  # opens a connection
    relay.stall()
    storage.set(LONG)  # by another connection in the end
    storage.set(SHORT)
    assert relay.let_go() == 1
    assert storage.get(LONG.customer_id) == SHORT
