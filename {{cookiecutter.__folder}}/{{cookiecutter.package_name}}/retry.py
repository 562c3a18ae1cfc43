"""Call again what failed for a reason that passes by itself. Knows no backend."""

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long and how often to try.

    The pauses grow exponentially and are drawn with full jitter, as in "Exponential Backoff And
    Jitter" (AWS Architecture Blog, 2015).

    Attributes:
        deadline: Seconds after which no further attempt starts.
        backoff: Seconds that the first pause takes at most; each further one may take twice that.
            There is no further pause when this much or less is left of the deadline.
        max_backoff: Seconds that no pause exceeds.
        max_retries: How many attempts may follow the first; None: as many as the deadline allows.
        log_level: The level of the line that is logged before each pause.
        clock: Reads a clock that never goes back, in seconds.
        sleep: Waits for a number of seconds.
    """

    deadline: float = 10.0
    backoff: float = 0.1
    max_backoff: float = 1.0
    max_retries: int | None = None
    log_level: int = logging.WARNING
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def give_up_at(self) -> float:
        """The time on `clock` at which a call that starts now gives up."""
        return self.clock() + self.deadline

    def call(
        self,
        attempt: Callable[[], T],
        is_transient: Callable[[Exception], bool],
        give_up_at: float | None = None,
    ) -> T:
        """Call `attempt` until it succeeds.

        Args:
            attempt: What to do. It is called at least once, and never again after it returned.
            is_transient: Whether an error may be gone at the next attempt.
            give_up_at: When to stop, on `clock`; `deadline` seconds from now if not given.

        Raises:
            Exception: The last error, when it is not transient or no retry is left.
        """
        if give_up_at is None:
            give_up_at = self.give_up_at()
        ceiling = shortest = min(self.backoff, self.max_backoff)
        retries = 0
        while True:
            try:
                return attempt()
            except Exception as error:
                left = give_up_at - self.clock()
                # With less than the shortest pause left, ever shorter ones would fill the rest.
                if not is_transient(error) or retries == self.max_retries or left <= shortest:
                    raise
                retries += 1
                pause = random.uniform(0, min(ceiling, left))  # noqa: S311, jitter is no secret
                told = (retries, pause, type(error).__name__)
                log.log(self.log_level, "retry %d in %.3f s after %s", *told)
            self.sleep(pause)
            ceiling = min(2 * ceiling, self.max_backoff)
