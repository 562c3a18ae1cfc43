"""The HTTP contract as a table: with customer 7 stored, a request and its answer."""

import json
from typing import Any, NamedTuple

STORED = {"customerID": "7", "firstName": "Ada", "lastName": "Lovelace"}
VALID = {"customerID": "8", "firstName": "Alan", "lastName": "Turing"}

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"


class Case(NamedTuple):
    """A request and what is answered to it."""

    name: str
    method: str
    path: str
    status: int
    answer: bytes
    content_type: str = TEXT
    body: bytes | None = None
    body_type: str = JSON

    @property
    def asks_storage(self) -> bool:
        """Whether the answer depends on the storage; a cursor is the storage's own, too."""
        if self.answer in (b"{}", WRONG_CURSOR):
            return True
        return self.status == 200 and self.path != "/healthz"


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _set(name: str, status: int, answer: str, body: bytes, body_type: str = JSON) -> Case:
    return Case(f"POST /set {name}", "POST", "/set", status, answer.encode(), TEXT, body, body_type)


def _set_with(name: str, status: int, answer: str, **fields: Any) -> Case:
    return _set(name, status, answer, json.dumps({**VALID, **fields}).encode())


def _set_without(*missing: str) -> Case:
    body = _json({name: value for name, value in VALID.items() if name not in missing})
    return _set(f"without {', '.join(missing)}", 400, f"{missing[0]} required", body)


NOT_JSON = "the body must be JSON, encoded as UTF-8"
NOT_AN_OBJECT = "the body must be a JSON object"
WRONG_TYPE = "the content type must be application/json"
WRONG_LIMIT = b"limit must be a whole number from 1 to 1000"
WRONG_CURSOR = b"cursor is not one that this service gave out"
FORBIDDEN = "customerID must not contain / or a control character"

CASES = [
    Case("GET / lists", "GET", "/", 200, _json({"7": STORED}), JSON),
    Case("GET / ignores other arguments", "GET", "/?a=b", 200, _json({"7": STORED}), JSON),
    Case("GET / with a limit", "GET", "/?limit=1000", 200, _json({"7": STORED}), JSON),
    *(
        Case(f"GET / refuses limit={limit!r}", "GET", f"/?limit={limit}", 400, WRONG_LIMIT)
        for limit in ("", "0", "-1", "1001", "1e3", "0x1", "99999999999", "%D9%A3", "1%0A", "ten")
    ),
    Case("GET / refuses a cursor alone", "GET", "/?cursor=YQ", 400, WRONG_LIMIT),
    *(
        Case(
            f"GET / refuses cursor={cursor!r}",
            "GET",
            f"/?limit=1&cursor={cursor}",
            400,
            WRONG_CURSOR,
        )
        for cursor in ("", "!", "YQ", "YQ==", "Y", "%00", "_w", "YWZ0ZXI6", "YWZ0ZXI6Lw", "A" * 999)
    ),
    Case("GET /get finds", "GET", "/get/7", 200, _json(STORED), JSON),
    Case("GET /get decodes the path", "GET", "/get/%37", 200, _json(STORED), JSON),
    *(
        Case(f"GET /get does not find {name}", "GET", f"/get/{path}", 404, b"{}", JSON)
        for name, path in {
            "an unknown ID": "8",
            "an ID that is too long": "7" * 129,
            "a control character": "7%0A",
            "a NUL": "7%00",
            "bytes that are not UTF-8": "%FF",
        }.items()
    ),
    _set("adds", 200, "success", _json(VALID)),
    _set("replaces", 200, "success", _json({**STORED, "firstName": "Augusta"})),
    _set_with("ignores extra fields", 200, "success", age=36, tags=[{"a": None}]),
    _set_with("takes an ID of 128 characters", 200, "success", customerID="x" * 128),
    _set_with("takes a name of 256 characters", 200, "success", firstName="\U0001f600" * 256),
    _set_with("takes empty names", 200, "success", firstName="", lastName=""),
    _set_with(
        "takes any text as a name", 200, "success", lastName="a/b\"\\\n\x01\x7f\x85'<é\u2028"
    ),
    _set_with(
        "takes any other text as an ID", 200, "success", customerID=" é\"'\\<&;=\u202e\U0001f600"
    ),
    _set("takes a charset", 200, "success", _json(VALID), "application/json; charset=utf-8"),
    _set_without("customerID"),
    _set_without("firstName"),
    _set_without("lastName"),
    _set_without("firstName", "lastName"),
    _set_without("customerID", "firstName", "lastName"),
    _set(
        "names what is missing before what is wrong",
        400,
        "lastName required",
        b'{"customerID":1,"firstName":1}',
    ),
    *(
        _set_with(f"refuses {field}: {value!r}", 400, f"{field} must be a string", **{field: value})
        for field in VALID
        for value in (None, 7, 1.5, True, [], ["x"], {"x": "y"})
    ),
    _set_with(
        "names the first field that is wrong",
        400,
        "customerID must not be empty",
        customerID="",
        firstName=5,
    ),
    _set_with("refuses an empty ID", 400, "customerID must not be empty", customerID=""),
    _set_with(
        "refuses an ID of 129 characters",
        400,
        "customerID must have at most 128 characters",
        customerID="é" * 129,
    ),
    _set_with(
        "refuses a first name of 257 characters",
        400,
        "firstName must have at most 256 characters",
        firstName="é" * 257,
    ),
    _set_with(
        "refuses a last name of 257 characters",
        400,
        "lastName must have at most 256 characters",
        lastName="é" * 257,
    ),
    *(
        _set_with(f"refuses an ID with {character!r}", 400, FORBIDDEN, customerID=f"a{character}b")
        for character in "/\n\r\t\x01\x1f\x7f\x80\x9f"
    ),
    *(
        _set_with(
            f"refuses {field} with a NUL",
            400,
            f"{field} must not contain a NUL character",
            **{field: "a\0"},
        )
        for field in VALID
    ),
    *(
        _set_with(
            f"refuses {field} with a lone surrogate",
            400,
            f"{field} must not contain a lone surrogate",
            **{field: "a\ud800b"},
        )
        for field in VALID
    ),
    *(
        _set(f"refuses {body[:20]!r}", 400, NOT_JSON, body)
        for body in (
            b"",
            b"{",
            b"customerID=7",
            b"{'customerID': '7'}",
            b'{"customerID":"\xff"}',
            b'\xef\xbb\xbf{"customerID":"7"}',
            _json(VALID) + b"x",
            _json(VALID).replace(b"}", b',"x":NaN}'),
            _json(VALID).replace(b"}", b',"x":-Infinity}'),
            json.dumps(VALID).encode("utf-16"),
            b'{"x":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        )
    ),
    *(
        _set(f"refuses {body!r}", 400, NOT_AN_OBJECT, body)
        for body in (b"[1]", b'"7"', b"7", b"null")
    ),
    *(
        _set(f"refuses the content type {body_type!r}", 415, WRONG_TYPE, _json(VALID), body_type)
        for body_type in ("text/plain", "application/x-www-form-urlencoded", "application/jsonx")
    ),
    _set_with("refuses a body of 64 KiB and more", 413, "request entity too large", x="x" * 65536),
    Case("DELETE /delete deletes", "DELETE", "/delete/7", 200, b"success"),
    Case("DELETE /delete does not find an unknown ID", "DELETE", "/delete/8", 404, b"{}", JSON),
    Case("DELETE /delete does not find a bad ID", "DELETE", "/delete/7%0A", 404, b"{}", JSON),
    Case("GET /healthz", "GET", "/healthz", 200, b'{"status":"ok"}', JSON),
    Case("GET /readyz", "GET", "/readyz", 200, b'{"status":"ready","storage":"ok"}', JSON),
    *(
        Case(f"{method} {path} is not allowed", method, path, 405, b"method not allowed")
        for method, path in (
            ("POST", "/"),
            ("PUT", "/set"),
            ("GET", "/set"),
            ("DELETE", "/get/7"),
            ("GET", "/delete/7"),
            ("POST", "/healthz"),
            ("BREW", "/"),
            ("PATCH", "/get/7"),
        )
    ),
    *(
        Case(f"GET {path} is not found", "GET", path, 404, b"not found")
        for path in (
            "/get/",
            "/get/7/",
            "/get/7/8",
            "/get/7%2F8",
            "/get//7",
            "/customers",
            "/.env",
            "/static/x",
        )
    ),
]
