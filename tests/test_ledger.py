"""What clients know finds each way in which a service can be wrong."""

import pytest

from .answers import customer_of
from .ledger import Ledger


@pytest.fixture
def ledger() -> Ledger:
    """One customer that was written three times, the last time without an answer; one deleted."""
    return Ledger(sent={"1": 7, "2": 0}, acknowledged={"1": 5}, deleted={"2"})


@pytest.mark.parametrize("number", [5, 6, 7])
def test_what_was_acknowledged_or_sent_later_is_right(ledger: Ledger, number: int) -> None:
    assert ledger.wrong_in({"1": customer_of("1", number)}) == []


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        ({}, "1 is not there"),
        ({"1": customer_of("1", 4)}, "1 is 4, not 5"),
        ({"1": customer_of("1", 8)}, "1 is 8, not 5"),
        ({"1": customer_of("1", 5), "2": customer_of("2", 0)}, "2 is back"),
        ({"1": customer_of("1", 5), "3": customer_of("3", 0)}, "3 was never sent"),
    ],
)
def test_all_else_is_wrong(ledger: Ledger, found: dict[str, dict[str, str]], wrong: str) -> None:
    assert ledger.wrong_in(found) == [wrong]
