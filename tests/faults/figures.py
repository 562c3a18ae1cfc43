"""What clients saw of faults."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figures:
    """What clients saw from a fault's beginning to the next one's.

    Attributes:
        fault: Its name.
        may_be: What clients may see of it, besides right answers.
        writes: How many were acknowledged.
        lost: How many of those acknowledged were not there afterwards.
        wrong: How many answers were not within the contract, or held what they must not hold.
        refused: How many requests were answered by 503.
        cut: How many requests got no answer.
        unexpected: How many of these a retry should have hidden.
        stall: The longest time in which no write was acknowledged, in seconds.
        longest: The longest time that a client waited for an answer, in seconds.
        examples: Some of what was wrong, lost or unexpected.
    """

    fault: str
    may_be: Sequence[str]
    writes: int
    lost: int
    wrong: int
    refused: int
    cut: int
    unexpected: int
    stall: float
    longest: float
    examples: Sequence[str]


@dataclass(frozen=True)
class Run:
    """A whole run.

    Attributes:
        storage: Its name.
        seed: What the schedule was made of.
        seconds: How long it took.
        figures: Of each fault, in the order in which they were made.
        lost: What was not there at the end, after `kill -9` of the service and its restart.
    """

    storage: str
    seed: int
    seconds: float
    figures: Sequence[Figures]
    lost: Sequence[str]

    def problems(self) -> list[str]:
        """All that must not have happened."""
        found = [
            f"{figures.fault}: {example}"
            for figures in self.figures
            if figures.lost or figures.wrong or figures.unexpected
            for example in figures.examples
        ]
        return [*found, *(f"at the end: {lost}" for lost in self.lost)]
