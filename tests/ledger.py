"""What clients know of the customers that they write."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from .answers import WrongAnswerError


@dataclass
class Ledger:
    """The numbers that customers have as their last names, each of which grows with each write.

    Attributes:
        sent: By customer ID, the number that was sent last.
        acknowledged: By customer ID, the number that was acknowledged last.
        deleted: The IDs of those whose deletion was acknowledged.
    """

    sent: dict[str, int] = field(default_factory=dict)
    acknowledged: dict[str, int] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)

    def now(self) -> Self:
        """What is known at this moment, but for what is sent later."""
        return type(self)(self.sent, self.acknowledged.copy(), self.deleted.copy())

    def only(self, customer_id: str) -> Self:
        """What is known of one customer at this moment."""
        return type(self)(self.sent, {customer_id: self.acknowledged[customer_id]}, set())

    def check(self, found: Mapping[str, Any]) -> None:
        """Compare what the service gave.

        Raises:
            WrongAnswerError: It lacks what was acknowledged before, or has what was not sent.
        """
        if wrong := self.wrong_in(found):
            raise WrongAnswerError(f"{len(wrong)} of {len(self.acknowledged)}, such as {wrong[0]}")

    def wrong_in(self, found: Mapping[str, Any]) -> list[str]:
        """What is wrong with what the service gave."""
        wrong = [f"{customer_id} is back" for customer_id in self.deleted & found.keys()]
        wrong += [f"{customer_id} was never sent" for customer_id in found.keys() - self.sent]
        for customer_id, number in self.acknowledged.items():
            if customer_id not in found:
                wrong.append(f"{customer_id} is not there")
            elif not number <= int(found[customer_id]["lastName"]) <= self.sent[customer_id]:
                wrong.append(f"{customer_id} is {found[customer_id]['lastName']}, not {number}")
        return wrong
