"""The description of the API says what the service does, and all of it."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from {{ cookiecutter.package_name }} import auth, create_app
from {{ cookiecutter.package_name }}.api import MAX_PAGE
from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.openapi import document, schemas
from {{ cookiecutter.package_name }}.record import InvalidRecordError

from .contract import CASES, NOT_JSON, STORED, Case
from .described import Validator, check_answer, errors, operation_of
from .strategies import encodable

pytestmark = pytest.mark.any_storage

KEY = "0123456789abcdef"


@pytest.fixture
def guarded(make_app: Callable[..., Flask]) -> Flask:
    """An application that asks for a key."""
    return make_app(API_KEYS=KEY)


def test_every_route_is_described_and_nothing_else(app: Flask) -> None:
    routes = {
        (re.sub("<(.*?)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}  # those come with each
    }
    described = {
        (path, method) for path, methods in document(app)["paths"].items() for method in methods
    }
    assert described == routes


def test_every_operation_has_a_name_of_its_own_and_a_summary(app: Flask) -> None:
    operations = [o for methods in document(app)["paths"].values() for o in methods.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    assert all(operation["summary"] for operation in operations)


def test_every_variable_of_a_path_is_described(app: Flask) -> None:
    for path, methods in document(app)["paths"].items():
        for operation in methods.values():
            parameters = operation.get("parameters", [])
            inside = {p["name"] for p in parameters if p["in"] == "path"}
            assert inside == set(re.findall("{(.*?)}", path))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_answer_of_the_contract_is_described(
    app: Flask, client: FlaskClient, case: Case
) -> None:
    client.post("/set", json=STORED)
    headers = {"Content-Type": case.body_type} if case.body is not None else {}
    answer = client.open(case.path, method=case.method, data=case.body, headers=headers)
    if operation_of(app, case.method, case.path):
        check_answer(app, case.method, case.path, answer)
    else:
        assert answer.status_code in (404, 405)
        assert re.fullmatch("[^\n]+", answer.text)


def bodies() -> list[Any]:
    """The bodies of the contract that are JSON, and whether they are taken."""
    return [
        pytest.param(json.loads(case.body), case.status == 200, id=case.name)
        for case in CASES
        if case.body is not None
        and case.status in (200, 400)
        and case.answer != NOT_JSON.encode()
        and b"surrogate" not in case.answer  # a pattern cannot tell them in each language
    ]


@pytest.mark.parametrize(("body", "taken"), bodies())
def test_bodies_that_are_taken_are_those_that_are_described(
    app: Flask, body: object, taken: bool
) -> None:
    operation = document(app)["paths"]["/set"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert (errors(document(app), schema, body) == []) is taken


anything = st.text(encodable) | st.sampled_from(
    ["", "/", "a\n", "\x7f", "\x85", "\u2028", "\0", "x" * 128, "x" * 129, "é" * 256, "é" * 257]
)


@given(st.fixed_dictionaries(dict.fromkeys(STORED, anything)))
def test_record_s_rules_are_those_that_are_described(fields: dict[str, str]) -> None:
    described = {"components": {"schemas": schemas()}}
    try:
        Customer.from_fields(fields)
    except InvalidRecordError:
        valid = False
    else:
        valid = True
    for name in ("Customer", "Fields"):
        schema = {"$ref": f"#/components/schemas/{name}"}
        assert (errors(described, schema, fields) == []) is valid


@pytest.mark.parametrize("limit", [-1, 0, 1, MAX_PAGE, MAX_PAGE + 1])
def test_limits_that_are_taken_are_those_that_are_described(
    app: Flask, client: FlaskClient, limit: int
) -> None:
    (schema,) = (
        parameter["schema"]
        for parameter in document(app)["paths"]["/"]["get"]["parameters"]
        if parameter["name"] == "limit"
    )
    taken = client.get(f"/?limit={limit}").status_code == 200
    assert (errors(document(app), schema, limit) == []) is taken


def test_link_to_the_next_page_is_described(app: Flask, client: FlaskClient) -> None:
    for number in "12":
        client.post("/set", json={**STORED, "customerID": number})
    answer = client.get("/?limit=1")
    assert "Link" in answer.headers
    check_answer(app, "GET", "/?limit=1", answer)
    operation = operation_of(app, "GET", "/")
    assert operation
    assert "Link" in operation["responses"]["200"]["headers"]


STORAGE_IS_ASKED = [
    ("GET", "/"),
    ("GET", "/?limit=1"),
    ("GET", "/get/7"),
    ("POST", "/set"),
    ("DELETE", "/delete/7"),
    ("GET", "/readyz"),
]


@pytest.mark.parametrize(("method", "target"), STORAGE_IS_ASKED)
def test_answer_of_a_lost_storage_is_described(
    environ_of_lost_storage: dict[str, str], method: str, target: str
) -> None:
    app = create_app({**environ_of_lost_storage, "RETRY_DEADLINE_SECONDS": "0.2"})
    body = STORED if method == "POST" else None
    answer = app.test_client().open(target, method=method, json=body)
    assert answer.status_code == 503
    check_answer(app, method, target, answer)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
def test_key_is_described_where_it_is_asked_for(guarded: Flask, headers: dict[str, str]) -> None:
    described = document(guarded)
    assert described["security"] == [{"key": []}]
    assert described["components"]["securitySchemes"] == {
        "key": {"type": "http", "scheme": "bearer"}
    }
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            answer = guarded.test_client().open(path, method=method.upper(), headers=headers)
            asked = operation.get("security", described["security"]) != []
            assert asked == (answer.status_code == 401) == ("401" in operation["responses"])
            if asked:
                check_answer(guarded, method.upper(), path, answer)


def test_no_key_is_described_if_none_is_asked_for(app: Flask) -> None:
    described = document(app)
    assert described["security"] == []
    assert described["components"]["securitySchemes"] == {}
    assert "401" not in json.dumps(described["paths"])


def test_every_schema_is_one_and_leads_to_others_that_are_there(app: Flask) -> None:
    described = document(app)

    def check(part: Any) -> None:
        if isinstance(part, dict):
            if "schema" in part:
                Validator.check_schema(part["schema"])
                errors(described, part["schema"], {"7": STORED})  # follows each reference
            for value in part.values():
                check(value)
        elif isinstance(part, list):
            for value in part:
                check(value)

    check(described)
    for schema in described["components"]["schemas"].values():
        Validator.check_schema(schema)


# As it is served


@pytest.mark.parametrize("keys", ["", KEY])
def test_description_is_everybody_s(make_app: Callable[..., Flask], keys: str) -> None:
    app = make_app(API_KEYS=keys)
    answer = app.test_client().get("/openapi.json")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert answer.get_json() == json.loads(json.dumps(document(app)))
    assert answer.get_json()["openapi"].startswith("3.1.")
    assert "docs" in auth.OPEN


def test_no_secret_is_in_the_description(guarded: Flask) -> None:
    assert KEY not in guarded.test_client().get("/openapi.json").text


def test_addresses_are_relative_so_that_any_prefix_will_do(client: FlaskClient) -> None:
    answer = client.get("/openapi.json", environ_overrides={"SCRIPT_NAME": "/dev"})
    assert answer.get_json()["servers"] == [{"url": "."}]
