"""What every request gets: an ID, safe headers and one log line.

One WSGI wrapper, as it is cheaper than Flask's hooks and also sees what fails outside of a view.
"""

import logging
import random
import re
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from werkzeug.wsgi import ClosingIterator

from .logs import request_id

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# What an answer has if it does not say otherwise.
SAFE_HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
]

# The largest answer, in bytes, that is given to the server as a whole.
MOST_AT_ONCE = 64 * 1024

_WELL_FORMED_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_WELL_FORMED_METHOD = re.compile("[A-Z]{1,16}")

log = logging.getLogger(__name__)


class RequestMiddleware:
    """Wraps a WSGI application."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        started = time.perf_counter()
        given = environ.get("HTTP_X_REQUEST_ID", "")
        this_request = given if _WELL_FORMED_ID.fullmatch(given) else _new_id()
        request_id.set(this_request)
        if environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
            # Servers end such a body by themselves but do not all say so, and Werkzeug then reads
            # nothing of it.
            environ["wsgi.input_terminated"] = True
        status_code, route, is_small = 500, "-", False

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None
        ) -> Callable[[bytes], object]:
            nonlocal status_code, route, is_small
            status_code = int(status[:3])
            route = _route(environ)
            own = {name.lower(): value for name, value in headers}
            is_small = int(own.get("content-length", MOST_AT_ONCE + 1)) <= MOST_AT_ONCE
            safe = [header for header in SAFE_HEADERS if header[0].lower() not in own]
            with_ours = [*headers, *safe, ("X-Request-ID", this_request)]
            if _leaves_body(environ, status_code):
                with_ours.append(("Connection", "close"))
            return start_response(status, with_ours, exc_info)

        def finish() -> None:
            request_id.set(this_request)
            _log(environ["REQUEST_METHOD"], route, status_code, time.perf_counter() - started)

        answer = ClosingIterator(self._app(environ, start), finish)
        if not is_small:
            return answer
        try:
            return list(answer)  # which a server sends at once, without coming back for each part
        finally:
            answer.close()


def _new_id() -> str:
    return f"{random.getrandbits(64):016x}"  # no secret


def _route(environ: "WSGIEnvironment") -> str:
    """The route, not the path: a path holds customer IDs."""
    request = environ.get("werkzeug.request")
    return request.url_rule.rule if request and request.url_rule else "-"


def _leaves_body(environ: "WSGIEnvironment", status: int) -> bool:
    """Whether granian closes the connection behind this answer, as a body came that nobody read.

    A client that is not told (RFC 9112, section 9.6) may send its next request into the void. The
    rest is not read for it: who has no key could hold a thread by sending it slowly. Other servers
    see to it by themselves, and refuse this header (PEP 3333).
    """
    if environ.get("SERVER_SOFTWARE") != "Granian":
        return False
    if environ.get("CONTENT_LENGTH", "0") == "0" and "HTTP_TRANSFER_ENCODING" not in environ:
        return False
    request = environ.get("werkzeug.request")
    was_read = request is not None and "stream" in vars(request)  # a cached property
    return status == 413 or not was_read


def _log(method: str, route: str, status: int, seconds: float) -> None:
    fields = {
        # A client may send any text, of any length, as its method.
        "method": method if _WELL_FORMED_METHOD.fullmatch(method) else "-",
        "route": route,
        "status": status,
        "milliseconds": round(seconds * 1000, 1),
    }
    log.info("%s %s %s %s ms", *fields.values(), extra={"fields": fields})
