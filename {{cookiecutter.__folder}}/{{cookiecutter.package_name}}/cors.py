"""Which pages of other sites may call the service.

See "CORS protocol" in the Fetch Standard (https://fetch.spec.whatwg.org/#http-cors-protocol).
"""

from collections.abc import Sequence

from flask import Flask


def register(app: Flask, origins: Sequence[str]) -> None:
    """Let pages of some origins call `app` and read its answers; no others if there are none."""
    if not origins:
        return
    from flask_cors import CORS  # imported only where it is needed: it takes some milliseconds

    CORS(
        app,
        origins=list(origins),
        methods=["DELETE", "GET", "POST"],
        allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
        expose_headers=["Link", "Retry-After", "X-Request-ID"],
        max_age=600,
        always_send=False,
    )
