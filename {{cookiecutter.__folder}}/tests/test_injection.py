"""What looks like a command, a pattern or an end of text is an ID like any other, or is refused."""

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.storage import (
    BadCursorError,
    CustomerStorage,
    Page,
    encode_cursor,
)

# Those whom a pattern, a condition that is always true, or a wider key would take, too.
OTHERS = ("7", "70", "7 EX 1", "a", "ab", "a.b", "customer_id", "customers", "{a}")

HOSTILE = {
    "all of a glob": "*",
    "one of a glob": "?",
    "a set of a glob": "[a-z7]*",
    "an escape of a glob": "\\*",
    "a hash tag": "{a}b",
    "an open hash tag": "{",
    "all of a LIKE": "%",
    "one of a LIKE": "_",
    "a condition": "' OR '1'='1",
    "a condition in double quotes": '" OR ""="',
    "a condition behind an escape": "\\' OR 1=1 -- ",
    "a statement": "7'; DROP TABLE customers; --",
    "a union": "7' UNION SELECT * FROM customers --",
    "a comment": "7 --",
    "a named parameter": ":customer_id",
    "a parameter of a driver": "%(customer_id)s",
    "a parameter of another driver": "%s",
    "a numbered parameter": "$1",
    "a format": "{0.__class__}",
    "a command's option": "7 GET EX 1",
    "a script": "return server.call('FLUSHALL')",
    "an end of JSON": '"}, "a": {"customerID": "a',
    "a name of JavaScript": "__proto__",
    "a path": "..",
    "a header": "7%0D%0ASet-Cookie: a",
    "markup": "<script>alert(1)<",
}

REFUSED = {
    "a line end": "7\nDEL 7",
    "a command of its own": "7\r\nFLUSHALL\r\n",
    "a NUL": "7\0",
    "an end of input": "7\x1a",
    "an escape of a terminal": "7\x1b[2J",
    "a path": "../7",
}


def record(customer_id: str, name: str = "x") -> dict[str, str]:
    return {"customerID": customer_id, "firstName": name, "lastName": name}


OTHERS_RECORDS = {customer_id: record(customer_id) for customer_id in OTHERS}


def target(action: str, customer_id: str) -> str:
    return f"/{action}/{quote(customer_id, safe='')}"


@pytest.fixture(autouse=True)
def _others(client: FlaskClient) -> None:
    """Keep some who must stay as they are."""
    for one in OTHERS_RECORDS.values():
        assert client.post("/set", json=one).status_code == 200


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_hostile_id_finds_and_deletes_nobody_else(client: FlaskClient, hostile: str) -> None:
    assert client.get(target("get", hostile)).status_code == 404
    assert client.delete(target("delete", hostile)).status_code == 404
    assert client.get("/").json == OTHERS_RECORDS


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_hostile_id_is_one_customer_s(client: FlaskClient, hostile: str) -> None:
    own = record(hostile, name=hostile)
    assert client.post("/set", json=own).status_code == 200
    assert client.get(target("get", hostile)).json == own
    assert client.get("/").json == {**OTHERS_RECORDS, hostile: own}
    assert client.delete(target("delete", hostile)).status_code == 200
    assert client.get("/").json == OTHERS_RECORDS


@pytest.mark.parametrize("hostile", REFUSED.values(), ids=REFUSED)
def test_id_that_could_end_a_command_is_refused(client: FlaskClient, hostile: str) -> None:
    assert client.post("/set", json=record(hostile)).status_code == 400
    assert client.get(target("get", hostile)).status_code == 404
    assert client.delete(target("delete", hostile)).status_code == 404
    assert client.get("/").json == OTHERS_RECORDS


def test_many_hostile_ids_at_once_are_those_customers(
    client: FlaskClient, storage: CustomerStorage
) -> None:
    ids = list(HOSTILE.values())
    hostile = [Customer(text, text, text) for text in ids]
    assert storage.get_many(ids) == []
    assert storage.delete_many(ids) == 0
    assert storage.add_many(hostile) == []
    assert sorted(storage.get_many(ids), key=repr) == sorted(hostile, key=repr)
    assert storage.delete_many(ids) == len(ids)
    assert client.get("/").json == OTHERS_RECORDS


def forged(page: Page, text: str) -> Iterator[str]:
    """Cursors that someone makes of one that the storage gave out, and a text of their own."""
    real = page.next_cursor
    assert real
    yield from (text, real + text, text + real)
    for inside in (text, json.dumps(text)[1:-1]):
        yield from (real.replace(customer_id, inside) for customer_id in OTHERS)


@pytest.mark.parametrize("hostile", [*HOSTILE.values(), *REFUSED.values()])
def test_forged_cursor_is_refused_or_shows_who_is_there(
    client: FlaskClient, storage: CustomerStorage, hostile: str
) -> None:
    for cursor in {*forged(storage.page(1, None), hostile)}:
        answer = client.get(f"/?limit=1000&cursor={encode_cursor(cursor)}")
        assert answer.status_code in (200, 400)
        if answer.status_code == 400:
            assert answer.text == str(BadCursorError())
        else:
            assert isinstance(answer.json, dict)
            assert answer.json.items() <= OTHERS_RECORDS.items()
    assert client.get("/").json == OTHERS_RECORDS
