"""What the service does otherwise on AWS Lambda."""

from contextvars import copy_context

import pytest

from {{ cookiecutter.package_name }}.aws_lambda import (
    MARGIN_SECONDS,
    InvocationMiddleware,
    InvocationRetryPolicy,
)
from {{ cookiecutter.package_name }}.retry import RetryPolicy


class Context:
    """What Lambda tells a function of an invocation."""

    aws_request_id = "an-id"

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return round(self._seconds * 1000)


@pytest.mark.parametrize(("left", "seconds"), [(60, 10), (4, 4 - MARGIN_SECONDS)])
def test_retries_end_before_the_invocation(left: float, seconds: float) -> None:
    policy = InvocationRetryPolicy(deadline=10)
    found = []

    def app(environ: dict[str, object], start_response: object) -> list[bytes]:
        found.append(policy.give_up_at() - policy.clock())
        assert environ["HTTP_X_REQUEST_ID"] == "an-id"
        return []

    environ = {"lambda.context": Context(left)}
    copy_context().run(InvocationMiddleware(app), environ, lambda *_: lambda _: None)
    assert found[0] == pytest.approx(seconds, abs=0.1)


def test_elsewhere_retries_end_at_their_deadline() -> None:
    policy: RetryPolicy = InvocationRetryPolicy(deadline=10)
    assert policy.give_up_at() - policy.clock() == pytest.approx(10, abs=0.1)
