"""Whatever a client sends is answered as the API's description says."""

import json
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from .contract import JSON, STORED
from .described import check_answer
from .strategies import damaged, encodable, ids

pytestmark = pytest.mark.any_storage

any_bytes = st.binary() | st.text(encodable).map(str.encode)
any_json = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(encodable),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*STORED]), inner),
    max_leaves=5,
)
almost = st.fixed_dictionaries(dict.fromkeys(STORED, st.text(encodable, max_size=300) | any_json))
records = (any_json | almost).map(json.dumps) | damaged(json.dumps(STORED))
bodies = any_bytes | records.map(str.encode)
limits = st.sampled_from(["1", "1000", "0", ""]) | st.text(encodable)
any_ids = ids | st.text(encodable, min_size=1) | any_bytes


@given(body=bodies, content_type=st.sampled_from([JSON, "text/plain", "", "application/json;x"]))
def test_any_body_is_taken_or_refused(
    app: Flask, client: FlaskClient, body: bytes, content_type: str
) -> None:
    answer = client.post("/set", data=body, headers={"Content-Type": content_type})
    assert answer.status_code in (200, 400, 415)
    check_answer(app, "POST", "/set", answer)


@given(limit=limits, cursor=st.text(encodable))
def test_any_limit_and_cursor_are_taken_or_refused(
    app: Flask, client: FlaskClient, limit: str, cursor: str
) -> None:
    answer = client.get("/", query_string={"limit": limit, "cursor": cursor})
    assert answer.status_code in (200, 400)
    check_answer(app, "GET", "/", answer)


@given(method=st.sampled_from(["GET", "DELETE"]), customer_id=any_ids)
def test_any_id_is_there_or_not(
    app: Flask, client: FlaskClient, method: str, customer_id: str | bytes
) -> None:
    path = f"/{'get' if method == 'GET' else 'delete'}/{quote(customer_id, safe='')}"
    answer = client.open(path, method=method)
    assert answer.status_code in (200, 404)
