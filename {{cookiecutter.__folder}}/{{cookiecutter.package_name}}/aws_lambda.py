"""What the service does otherwise on AWS Lambda."""

import logging
import math
import os
import time
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING

from flask import Flask

from .logs import HANDLER
from .retry import RetryPolicy

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Seconds that are left for the answer when the retries end.
MARGIN_SECONDS = 0.5
_ends_at: ContextVar[float] = ContextVar("ends_at", default=math.inf)


class InvocationRetryPolicy(RetryPolicy):
    """Gives up before Lambda ends the invocation."""

    __slots__ = ()

    def give_up_at(self) -> float:
        """The time on `clock` at which a call that starts now gives up."""
        return min(RetryPolicy.give_up_at(self), _ends_at.get() - MARGIN_SECONDS)


class InvocationMiddleware:
    """Wraps a WSGI application, and tells it what Lambda says of the invocation."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        context = environ.get("lambda.context")
        if context is not None:
            _ends_at.set(time.monotonic() + context.get_remaining_time_in_millis() / 1000)
            environ.setdefault("HTTP_X_REQUEST_ID", context.aws_request_id)
        return self._app(environ, start_response)


def is_here(variables: Mapping[str, str]) -> bool:
    """Whether the process runs on Lambda."""
    return "AWS_LAMBDA_FUNCTION_NAME" in variables


def register(app: Flask) -> None:
    """Tell the application of each invocation, and log nothing twice."""
    app.wsgi_app = InvocationMiddleware(app.wsgi_app)  # type: ignore[method-assign]
    root = logging.getLogger()
    if is_here(os.environ):  # where Lambda and Zappa have handlers of their own
        root.handlers = [handler for handler in root.handlers if handler.name == HANDLER]
    # It logs each request once more, and customer IDs with it.
    logging.getLogger("zappa.wsgi").setLevel(logging.WARNING)
