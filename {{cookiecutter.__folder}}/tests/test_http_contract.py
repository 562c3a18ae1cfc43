"""What the service answers, whichever the storage is."""

import json
import re
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from {{ cookiecutter.package_name }} import create_app
from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.middleware import MOST_AT_ONCE
from {{ cookiecutter.package_name }}.storage import CustomerStorage

from .contract import CASES, STORED, Case


def send(client: FlaskClient, case: Case) -> TestResponse:
    headers = {"Content-Type": case.body_type} if case.body is not None else {}
    return client.open(case.path, method=case.method, data=case.body, headers=headers)


def customers(count: int) -> list[Customer]:
    return [Customer(f"{number:06}", f"First {number}", "Läst") for number in range(count)]


def as_json(stored: list[Customer]) -> dict[str, dict[str, str]]:
    return {
        customer.customer_id: {
            "customerID": customer.customer_id,
            "firstName": customer.first_name,
            "lastName": customer.last_name,
        }
        for customer in stored
    }


def assert_answer_is_that_of(case: Case, response: TestResponse) -> None:
    assert (response.status_code, response.data) == (case.status, case.answer)
    assert response.content_type == case.content_type


ASKING = [case for case in CASES if case.asks_storage]
NOT_ASKING = [case for case in CASES if not case.asks_storage]


@pytest.mark.parametrize("case", ASKING, ids=lambda case: case.name)
def test_request_is_answered_as_the_contract_says(client: FlaskClient, case: Case) -> None:
    assert client.post("/set", json=STORED).status_code == 200
    assert_answer_is_that_of(case, send(client, case))


@pytest.mark.parametrize("case", NOT_ASKING, ids=lambda case: case.name)
def test_request_whose_answer_needs_no_storage_does_not_ask_it(
    environ_of_lost_storage: dict[str, str], case: Case
) -> None:
    client = create_app({**environ_of_lost_storage, "RETRY_DEADLINE_SECONDS": "0.2"}).test_client()
    assert_answer_is_that_of(case, send(client, case))


@pytest.mark.parametrize("case", [c for c in ASKING if c.status >= 400], ids=lambda case: case.name)
def test_refused_request_changes_nothing(client: FlaskClient, case: Case) -> None:
    client.post("/set", json=STORED)
    send(client, case)
    assert client.get("/").json == {"7": STORED}


def test_no_customers_are_an_empty_object(client: FlaskClient) -> None:
    assert client.get("/").data == b"{}"
    assert client.get("/?limit=5").data == b"{}"


def test_added_customer_is_found_and_listed(client: FlaskClient) -> None:
    ada = {"customerID": ' é"\\?#%&', "firstName": "Ada\n", "lastName": "\U0001f600/"}
    client.post("/set", json=ada)
    assert client.get(f"/get/{quote(ada['customerID'])}").json == ada
    assert client.get("/").json == {ada["customerID"]: ada}


def test_path_that_is_not_utf8_names_nobody(client: FlaskClient) -> None:
    client.post("/set", json={**STORED, "customerID": "\ufffd"})
    not_utf8 = {"PATH_INFO": "/get/\xff"}  # the client would put U+FFFD itself
    assert client.get("/get/x", environ_overrides=not_utf8).status_code == 404
    not_utf8 = {"PATH_INFO": "/delete/\xff"}
    assert client.delete("/delete/x", environ_overrides=not_utf8).status_code == 404
    assert client.get("/get/%EF%BF%BD").status_code == 200


def test_extra_fields_are_not_kept(client: FlaskClient) -> None:
    client.post("/set", json={**STORED, "age": 36})
    assert client.get("/get/7").json == STORED


def test_second_customer_with_an_id_replaces_the_first(client: FlaskClient) -> None:
    client.post("/set", json=STORED)
    client.post("/set", json={**STORED, "firstName": "Augusta"})
    assert client.get("/").json == {"7": {**STORED, "firstName": "Augusta"}}


def test_deleted_customer_is_gone(client: FlaskClient) -> None:
    client.post("/set", json=STORED)
    assert client.delete("/delete/7").status_code == 200
    assert client.get("/get/7").status_code == 404
    assert client.delete("/delete/7").status_code == 404


def test_read_only_service_answers_reads_and_no_writes(
    make_app: Callable[..., Flask], storage: CustomerStorage
) -> None:
    storage.set(Customer(*STORED.values()))
    client = make_app(READ_ONLY="1").test_client()
    for refused in (client.post("/set", json=STORED), client.delete("/delete/7")):
        assert refused.status_code == 503
        assert refused.data == b"storage unavailable: the service is read-only for now"
        assert refused.headers["Retry-After"] == "1"
    assert client.get("/").json == {"7": STORED}
    assert client.get("/get/7").json == STORED
    assert client.get("/readyz").status_code == 200


def test_list_is_sent_in_pieces(client: FlaskClient, storage: CustomerStorage) -> None:
    stored = customers(3000)
    storage.set_many(stored)
    pieces = list(client.get("/", buffered=False).iter_encoded())
    assert len(pieces) > 3
    assert json.loads(b"".join(pieces)) == as_json(stored)


@pytest.mark.any_storage
def test_large_answer_of_known_length_is_sent_in_pieces(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    made = 0

    def pieces() -> Iterator[bytes]:
        nonlocal made
        for _ in range(10):
            made += 1
            yield b"x" * MOST_AT_ONCE

    length = {"Content-Length": str(10 * MOST_AT_ONCE)}
    app.add_url_rule("/large", view_func=lambda: Response(pieces(), headers=length))
    answer = app.test_client().get("/large", buffered=False)
    assert made == 1
    assert sum(map(len, answer.iter_encoded())) == 10 * MOST_AT_ONCE


@pytest.mark.parametrize("limit", [1, 7, 10, 24, 25, 1000])
def test_following_next_shows_every_customer_once(
    client: FlaskClient, storage: CustomerStorage, limit: int
) -> None:
    stored = customers(25)
    storage.set_many(stored)
    shown: list[tuple[str, object]] = []
    target: str | None = f"/?limit={limit}"
    while target:
        response = client.get(target)
        assert response.status_code == 200
        assert len(response.get_json()) <= limit
        shown += response.get_json().items()
        link = re.fullmatch('<(/[^>]*)>; rel="next"', response.headers.get("Link", ""))
        target = link[1] if link else None
    assert len(shown) == len(stored)
    assert dict(shown) == as_json(stored)


@pytest.mark.parametrize("given", ["a", "Abc-1.2_3", "x" * 64])
def test_well_formed_request_id_comes_back(client: FlaskClient, given: str) -> None:
    assert client.get("/", headers={"X-Request-ID": given}).headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a;b", "é", "<script>"])
def test_other_request_id_is_exchanged(client: FlaskClient, given: str) -> None:
    answered = client.get("/", headers={"X-Request-ID": given}).headers.getlist("X-Request-ID")
    assert len(answered) == 1
    assert re.fullmatch("[0-9a-f]{16}", answered[0])


@pytest.mark.parametrize(
    "given", ["a\n", "a\r\nforged: x", "\0", "\x1b[31m", "a\x85", "x" * 60_000]
)
def test_request_id_that_could_forge_a_line_is_exchanged(client: FlaskClient, given: str) -> None:
    sent = {"HTTP_X_REQUEST_ID": given}  # the client would refuse to send some
    answered = client.get("/", environ_overrides=sent).headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{16}", answered)


@pytest.mark.parametrize("path", ["/", "/get/8", "/nowhere", "/set", "/healthz"])
def test_every_answer_has_safe_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/?limit=1"),
        ("GET", "/get/7"),
        ("POST", "/set"),
        ("DELETE", "/delete/7"),
    ],
)
def test_lost_storage_is_a_503_of_one_line(
    environ_of_lost_storage: dict[str, str], method: str, path: str
) -> None:
    client = create_app({**environ_of_lost_storage, "RETRY_DEADLINE_SECONDS": "0.2"}).test_client()
    response = client.open(path, method=method, json=STORED if method == "POST" else None)
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"
    assert re.fullmatch(r"storage unavailable: [^\n]+", response.text)


def test_lost_storage_is_not_ready_but_alive(environ_of_lost_storage: dict[str, str]) -> None:
    client = create_app({**environ_of_lost_storage, "RETRY_DEADLINE_SECONDS": "0.2"}).test_client()
    assert client.get("/healthz").status_code == 200
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.get_json()["status"] == "unavailable"


def test_unexpected_error_is_a_500_without_a_traceback(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: str) -> Customer:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(app.extensions["customer_storage"], "get", fail)
    response = client.get("/get/7")
    assert (response.status_code, response.text) == (500, "internal server error")


def test_another_instance_sees_what_was_set(
    client: FlaskClient, open_storage: Callable[[], CustomerStorage]
) -> None:
    client.post("/set", json=STORED)
    assert open_storage().get("7") == Customer("7", "Ada", "Lovelace")
