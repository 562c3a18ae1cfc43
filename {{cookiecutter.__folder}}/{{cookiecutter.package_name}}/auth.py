"""Who may call: whoever sends one of the API keys.

Another way to decide, such as the tokens of an OpenID Connect provider, takes the place of
`ApiKeys.accepts`. If a gateway in front of the service decides, set ALLOW_ANONYMOUS to 1 instead.
"""

import hmac
import re
from collections.abc import Iterable
from hashlib import sha256

from flask import Flask, Response, request

from .errors import line

# Blueprints that everybody may ask.
OPEN = ("docs", "health")

# RFC 6750, section 2.1; the scheme's case does not matter (RFC 9110, section 11.1).
_BEARER = re.compile(r"(?i:bearer) +([A-Za-z0-9._~+/-]+=*)")


class ApiKeys:
    """Keys, of which only digests are kept."""

    def __init__(self, keys: Iterable[str]) -> None:
        """Accept these keys: several, while callers change from one to the next."""
        self._digests = [_digest(key) for key in keys]

    def __len__(self) -> int:
        """How many keys there are."""
        return len(self._digests)

    def accepts(self, key: str) -> bool:
        """Whether a key is one of these. The time that it takes does not tell how near it is."""
        given = _digest(key)
        return any([hmac.compare_digest(given, known) for known in self._digests])  # noqa: C419, all are compared


def _digest(key: str) -> bytes:
    return sha256(key.encode()).digest()


def register(app: Flask, keys: ApiKeys) -> None:
    """Let `app` answer only those who send a key, if there are keys at all."""

    def refuse_strangers() -> Response | None:
        sent = _BEARER.fullmatch(request.environ.get("HTTP_AUTHORIZATION", ""))
        if sent and keys.accepts(sent[1]):
            return None
        # A browser asks by OPTIONS, without a key, what it may send.
        if request.blueprint in OPEN or request.method == "OPTIONS":
            return None
        response = line("an API key is required: Authorization: Bearer KEY", 401)
        # RFC 6750, section 3.1
        response.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"' if sent else "Bearer"
        return response

    app.config["ASKS_FOR_KEYS"] = bool(keys)
    if keys:
        app.before_request(refuse_strangers)
