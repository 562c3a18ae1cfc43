"""What a service may answer to a client, and what it may not."""

from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any, Literal, NamedTuple, TypeAlias

Kind: TypeAlias = Literal["write", "read", "list"]
Outcome: TypeAlias = Literal["right", "refused", "cut", "broken", "wrong"]


class Answer(NamedTuple):
    """What became of one request. The times are of time.monotonic().

    Attributes:
        kind: What was asked for.
        sent: When.
        ended: When the answer was whole, or the client gave up.
        outcome: "right"; "refused" by a 503 as the contract has it; "cut" with the connection;
            "broken" if the contract does not allow such an answer; or "wrong" if it holds what it
            must not hold, or lacks what was acknowledged.
        problem: Empty if the answer was right.
    """

    kind: Kind
    sent: float
    ended: float
    outcome: Outcome
    problem: str

    @property
    def seconds(self) -> float:
        """How long the client waited."""
        return self.ended - self.sent


class RefusedError(Exception):
    """The service answered 503, in one line and with a Retry-After."""


class BrokenAnswerError(Exception):
    """The service answered as it never may."""


class WrongAnswerError(Exception):
    """The service gave what was not written, or did not give what was."""


# What may become of a request that is not answered rightly.
OUTCOMES: Mapping[type[Exception], Outcome] = {
    RefusedError: "refused",
    HTTPException: "cut",
    OSError: "cut",
    WrongAnswerError: "wrong",
    BrokenAnswerError: "broken",
    ValueError: "broken",  # no JSON
}
CAUGHT = tuple(OUTCOMES)


def customer_of(customer_id: str, number: int) -> dict[str, str]:
    """A customer with a number as the last name."""
    return {"customerID": customer_id, "firstName": "Ada", "lastName": str(number)}


def outcome_of(error: Exception) -> Outcome:
    """What became of a request that ended with an error."""
    return next(outcome for kind, outcome in OUTCOMES.items() if isinstance(error, kind))


def ok(connection: HTTPConnection, method: str, path: str, body: bytes | None = None) -> bytes:
    """Send a request that must be answered with 200; what the answer holds."""
    headers = {"Content-Type": "application/json"} if body else {}
    connection.request(method, path, body, headers)
    return body_of(connection.getresponse())


def delete(connection: HTTPConnection, customer_id: str, *, missing: bool) -> None:
    """Delete a customer, which may be missing or must be there."""
    connection.request("DELETE", f"/delete/{customer_id}")
    body_of(connection.getresponse(), *([404] if missing else []))


def body_of(answer: HTTPResponse, *also: int) -> bytes:
    """What an answer holds, whose status must be 200 or one of some others."""
    body = answer.read()
    if answer.status in (200, *also):
        return body
    said = f"{answer.status} {body[:200].decode()}"
    if answer.status == 503 and answer.headers.get("Retry-After") and b"\n" not in body:
        raise RefusedError(said)
    raise (WrongAnswerError if answer.status == 404 else BrokenAnswerError)(said)


def without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, whose names must differ."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise WrongAnswerError(f"{len(pairs) - len(found)} customers are doubled")
    return found
