"""Retrying: how often, how long, and when not."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from {{ cookiecutter.package_name }}.retry import RetryPolicy


class FakeTime:
    """A clock that only sleeping and attempts move."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


class Flaky:
    """Fails some times, then succeeds. Each attempt takes its time."""

    def __init__(self, time: FakeTime, failures: int, seconds: float = 0.0) -> None:
        self.time = time
        self.failures = failures
        self.seconds = seconds
        self.started: list[float] = []

    def __call__(self) -> str:
        self.started.append(self.time.now)
        self.time.now += self.seconds
        if len(self.started) <= self.failures:
            raise ConnectionError("with data in its text")
        return "done"


def is_transient(error: Exception) -> bool:
    return isinstance(error, ConnectionError)


def policy(time: FakeTime, deadline: float = 10, **settings: float) -> RetryPolicy:
    return RetryPolicy(deadline=deadline, clock=time.clock, sleep=time.sleep, **settings)  # type: ignore[arg-type]


seconds = st.floats(0.001, 100)


@given(failures=st.integers(0, 5))
def test_what_fails_at_first_is_tried_until_it_succeeds(failures: int) -> None:
    time = FakeTime()
    flaky = Flaky(time, failures)
    assert policy(time).call(flaky, is_transient) == "done"
    assert len(flaky.started) == failures + 1


@given(deadline=seconds, backoff=seconds, attempt=st.floats(0.01, 10))
def test_no_pause_and_no_attempt_goes_past_the_deadline(
    deadline: float, backoff: float, attempt: float
) -> None:
    time = FakeTime()
    flaky = Flaky(time, failures=10**9, seconds=attempt)
    with pytest.raises(ConnectionError):
        policy(time, deadline, backoff=backoff).call(flaky, is_transient)
    assert all(started < 1000 + deadline for started in flaky.started[1:])
    assert time.now == flaky.started[-1] + attempt


def test_the_deadline_is_used_up_but_for_one_backoff() -> None:
    time = FakeTime()
    with pytest.raises(ConnectionError):
        policy(time, deadline=10).call(Flaky(time, failures=10**9), is_transient)
    assert 1009.9 <= time.now < 1010


@given(max_retries=st.integers(0, 20))
def test_no_more_retries_than_allowed(max_retries: int) -> None:
    time = FakeTime()
    flaky = Flaky(time, failures=10**9)
    with pytest.raises(ConnectionError):
        policy(time, deadline=1000, max_retries=max_retries).call(flaky, is_transient)
    assert len(flaky.started) == 1 + max_retries


@given(backoff=seconds, max_backoff=seconds)
def test_pauses_grow_up_to_their_limit(backoff: float, max_backoff: float) -> None:
    time = FakeTime()
    flaky = Flaky(time, failures=12)
    policy(time, deadline=10**6, backoff=backoff, max_backoff=max_backoff).call(flaky, is_transient)
    for number, pause in enumerate(time.pauses):
        assert 0 <= pause <= min(backoff * 2**number, max_backoff)


def test_pauses_are_spread_over_their_whole_range() -> None:
    time = FakeTime()
    policy(time, deadline=10**6, backoff=1, max_backoff=1).call(Flaky(time, 500), is_transient)
    assert min(time.pauses) < 0.1
    assert max(time.pauses) > 0.9


def test_error_that_will_stay_is_not_retried() -> None:
    time = FakeTime()
    flaky = Flaky(time, failures=1)
    with pytest.raises(ConnectionError):
        policy(time).call(flaky, lambda error: False)
    assert len(flaky.started) == 1


def test_given_end_counts_instead_of_the_deadline() -> None:
    time = FakeTime()
    flaky = Flaky(time, failures=10**9)
    with pytest.raises(ConnectionError):
        policy(time, deadline=10).call(flaky, is_transient, give_up_at=1002)
    assert time.now < 1002


def test_exit_is_not_held_up() -> None:
    def leave() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        RetryPolicy().call(leave, lambda error: True)


def test_each_retry_is_logged_without_the_error_s_text(caplog: pytest.LogCaptureFixture) -> None:
    time = FakeTime()
    with caplog.at_level(logging.WARNING):
        policy(time).call(Flaky(time, failures=3), is_transient)
    assert [line.split(" in ")[0] for line in caplog.messages] == ["retry 1", "retry 2", "retry 3"]
    assert all(line.endswith("after ConnectionError") for line in caplog.messages)
