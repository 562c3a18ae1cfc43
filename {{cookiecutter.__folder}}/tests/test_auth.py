"""Who may call, whichever the storage is."""

import hmac
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from {{ cookiecutter.package_name }}.auth import ApiKeys

from .contract import STORED

pytestmark = pytest.mark.any_storage

KEY = "0123456789abcdef"
NEXT_KEY = "fedcba9876543210-._~+/=="


@pytest.fixture
def guarded(make_app: Callable[..., Flask]) -> FlaskClient:
    """Sends requests to an application that knows two keys."""
    return make_app(API_KEYS=f"{KEY}, {NEXT_KEY}", APP_ENV="production").test_client()


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER   "])
@pytest.mark.parametrize("key", [KEY, NEXT_KEY])
def test_each_key_lets_in(guarded: FlaskClient, scheme: str, key: str) -> None:
    headers = {"Authorization": scheme + key}
    assert guarded.post("/set", json=STORED, headers=headers).status_code == 200
    assert guarded.get("/get/7", headers=headers).json == STORED
    assert guarded.get("/nothing", headers=headers).status_code == 404


WRONG = {
    "no header": None,
    "nothing": "",
    "no key": "Bearer",
    "no key either": "Bearer ",
    "no scheme": KEY,
    "another scheme": f"Basic {KEY}",
    "another key": f"Bearer {KEY[::-1]}",
    "a part of the key": f"Bearer {KEY[:-1]}",
    "a longer key": f"Bearer {KEY}0",
    "another case": f"Bearer {KEY.upper()}",
    "both keys": f"Bearer {KEY}, {NEXT_KEY}",
    "the header twice": f"Bearer {KEY},Bearer {KEY}",
    "text behind the key": f"Bearer {KEY} x",
    "a quoted key": f'Bearer "{KEY}"',
    "characters beyond ASCII": f"Bearer {KEY}é",
    "a long key": "Bearer " + "x" * 60_000,
}


@pytest.mark.parametrize("sent", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize(
    ("method", "target"),
    [("GET", "/"), ("GET", "/get/7"), ("POST", "/set"), ("DELETE", "/delete/7"), ("GET", "/x")],
)
def test_others_are_refused_and_change_nothing(
    guarded: FlaskClient, method: str, target: str, sent: str | None
) -> None:
    known = {"Authorization": f"Bearer {KEY}"}
    guarded.post("/set", json=STORED, headers=known)
    headers = {} if sent is None else {"Authorization": sent}
    changed = {**STORED, "lastName": "x"}
    response = guarded.open(target, method=method, json=changed, headers=headers)
    assert response.status_code == 401
    assert response.data == b"an API key is required: Authorization: Bearer KEY"
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert guarded.get("/", headers=known).json == {"7": STORED}


@pytest.mark.parametrize("character", "\n\r\t\0\x0b\x1c\x7f\x85")
def test_control_character_makes_a_key_wrong(guarded: FlaskClient, character: str) -> None:
    for key in (f"{KEY}{character}", f"{character}{KEY}", f"{KEY[:8]}{character}{KEY[8:]}"):
        sent = {"HTTP_AUTHORIZATION": f"Bearer {key}"}  # the client would refuse to send some
        assert guarded.get("/", environ_overrides=sent).status_code == 401
    sent = {"HTTP_AUTHORIZATION": f"Bearer{character}{KEY}"}
    assert guarded.get("/", environ_overrides=sent).status_code == 401


@pytest.mark.parametrize("target", ["/healthz", "/readyz"])
def test_health_is_everybody_s(guarded: FlaskClient, target: str) -> None:
    assert guarded.get(target).status_code == 200


def test_without_keys_everybody_may_call(client: FlaskClient) -> None:
    assert client.get("/", headers={"Authorization": "Bearer x"}).status_code == 200


def test_key_is_compared_with_every_known_one_in_constant_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared = []
    compare = hmac.compare_digest

    def note(given: bytes, known: bytes) -> bool:
        compared.append((len(given), len(known)))
        return compare(given, known)

    monkeypatch.setattr(hmac, "compare_digest", note)
    keys = ApiKeys([KEY, NEXT_KEY])
    for given in (KEY, NEXT_KEY, "", "x" * 10_000):
        keys.accepts(given)
    assert compared == [(32, 32)] * 8


@pytest.mark.parametrize("equal", [True, False])
def test_nothing_but_that_comparison_decides(
    guarded: FlaskClient, monkeypatch: pytest.MonkeyPatch, equal: bool
) -> None:
    monkeypatch.setattr(hmac, "compare_digest", lambda given, known: equal)
    for key in (KEY, NEXT_KEY, KEY[::-1]):
        answer = guarded.get("/", headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == (200 if equal else 401)


def test_key_is_nowhere_to_be_seen(
    guarded: FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    guarded.get("/", headers={"Authorization": f"Bearer {KEY}"})
    guarded.get("/", headers={"Authorization": f"Bearer {KEY}x"})
    written = capsys.readouterr()
    assert KEY not in written.err + written.out
    assert KEY not in repr(vars(ApiKeys([KEY])))


# Pages of other sites

ORIGIN = "https://example.org"


@pytest.fixture
def shared(make_app: Callable[..., Flask]) -> FlaskClient:
    """Sends requests to an application that pages of one other site may call."""
    return make_app(API_KEYS=KEY, CORS_ORIGINS=f"{ORIGIN},http://localhost:3000").test_client()


def test_page_of_a_known_site_may_ask_and_read(shared: FlaskClient) -> None:
    asked = shared.options(
        "/set",
        headers={
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type",
        },
    )
    assert asked.status_code == 200
    assert asked.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert asked.headers["Access-Control-Allow-Headers"].lower() == "authorization, content-type"
    assert "POST" in asked.headers["Access-Control-Allow-Methods"]

    for headers, status in (({"Authorization": f"Bearer {KEY}"}, 200), ({}, 401)):
        answer = shared.get("/", headers={"Origin": ORIGIN, **headers})
        assert answer.status_code == status
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("origin", ["https://example.com", "http://example.org", "null"])
def test_page_of_another_site_may_not(shared: FlaskClient, origin: str) -> None:
    for answer in (shared.get("/", headers={"Origin": origin}), shared.options("/set")):
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_no_page_of_another_site_may_by_default(client: FlaskClient) -> None:
    answer = client.get("/", headers={"Origin": ORIGIN})
    assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]
