"""Bad requests on the wire: each is refused, and harms nobody else."""

import json
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection

import httpx
import pytest

from .bad_requests import (
    ADD,
    BAD,
    CHUNKED,
    JSON,
    KEY,
    MIB,
    RIGHT,
    Request,
    answer_to,
    connect,
    is_empty,
    request,
    seconds_to_answer,
    started_requests,
)
from .bake import Bake
from .servers import Server

pytestmark = pytest.mark.slow

THREADS = 4
# As the other clients are answered in a few milliseconds, and the machine may be busy.
AT_ONCE = 2.0
HEADER_SECONDS = 3
WITHOUT_KEY = {"Content-Length": "9"}
WITH_KEY = {**WITHOUT_KEY, "Authorization": f"Bearer {KEY}"}
AS_JSON = {**WITH_KEY, "Content-Type": "application/json"}


@pytest.fixture(scope="module")
def server(
    installed: Callable[[str], Bake], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """The default project with a key, served as in production by one worker."""
    environ = {
        "APP_ENV": "production",
        "API_KEYS": KEY,
        "DATA_PATH": str(tmp_path_factory.mktemp("bad-requests") / "customers.json"),
        "WORKERS": "1",
        "THREADS": str(THREADS),
        "GRANIAN_HTTP1_HEADER_READ_TIMEOUT": str(HEADER_SECONDS * 1000),
    }
    with installed("default").serve("serve", **environ) as server:
        yield server


def http_connection(server: Server) -> closing[HTTPConnection]:
    address = httpx.URL(server.url)
    return closing(HTTPConnection(address.host, address.port, timeout=20))


@pytest.mark.parametrize(("sent", "status"), BAD.values(), ids=BAD)
def test_bad_request_is_refused(server: Server, sent: Request, status: int) -> None:
    assert answer_to(server, sent).startswith(b"HTTP/1.1 %d " % status)
    assert is_empty(answer_to(server, request(RIGHT)))


def test_http_2_is_left_to_the_proxy(server: Server) -> None:
    assert answer_to(server, [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(100)]) == b""


def test_garbage_behind_a_request_does_not_change_its_answer(server: Server) -> None:
    first = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    answers = answer_to(server, [first + b"\0forged\r\n\r\n"])
    assert answers.startswith(b"HTTP/1.1 200 ")
    assert answers.count(b"HTTP/1.1 ") <= 2
    assert b"HTTP/1.1 5" not in answers


@pytest.mark.parametrize(
    ("line", "headers", "status"),
    [
        pytest.param("POST /set", WITHOUT_KEY, 401, id="401"),
        pytest.param("POST /set", WITH_KEY, 415, id="415"),
        pytest.param("POST /set", {**AS_JSON, "Content-Length": "65537"}, 413, id="413"),
        pytest.param("POST /nowhere", AS_JSON, 404, id="404"),
        pytest.param("POST /", AS_JSON, 405, id="405"),
        pytest.param("GET /", AS_JSON, 200, id="200"),
    ],
)
def test_client_whose_body_is_not_read_is_told_that_the_connection_ends(
    server: Server, line: str, headers: dict[str, str], status: int
) -> None:
    with http_connection(server) as connection:
        method, path = line.split()
        connection.request(method, path, headers=headers)  # and what was announced never comes
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("Connection")) == (status, "close")


def test_client_whose_chunks_are_not_all_read_is_told_that_the_connection_ends(
    server: Server,
) -> None:
    with http_connection(server) as connection:
        headers = {**AS_JSON, "Transfer-Encoding": "chunked"}
        del headers["Content-Length"]
        connection.request("POST", "/set", [b" " * 65537], headers, encode_chunked=True)
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("Connection")) == (413, "close")


def test_connection_goes_on_behind_a_bad_body_that_was_read(server: Server) -> None:
    with http_connection(server) as connection:
        for _ in range(2):
            connection.request("POST", "/set", b"forged {}", AS_JSON)
            answer = connection.getresponse()
            answer.read()
            assert (answer.status, answer.getheader("Connection")) == (400, None)
            assert connection.sock  # http.client leaves one open unless it is told to end it


def test_forged_header_does_not_come_back(server: Server) -> None:
    answer = answer_to(server, request(RIGHT, b"X-Request-ID: a\nX-Forged: x"))
    assert b"forged" not in answer.lower()
    answer = answer_to(server, request(RIGHT, line=b"GET /get/a%0D%0AX-Forged:%20x"))
    assert b"forged" not in answer.lower()


def test_client_that_hangs_up_in_its_body_adds_nobody(server: Server) -> None:
    body = b'{"customerID":"1","firstName":"a","lastName":"b"'
    for sent in (
        request(RIGHT, JSON, b"Content-Length: 99", line=ADD, body=[body]),
        request(RIGHT, JSON, CHUNKED, line=ADD, body=[b"%x\r\n" % len(body), body, b"\r\n"]),
    ):
        with connect(server) as connection:
            connection.sendall(b"".join(sent))
            connection.shutdown(socket.SHUT_WR)
            assert not connection.recv(65536).startswith((b"HTTP/1.1 2", b"HTTP/1.1 5"))
    assert is_empty(answer_to(server, request(RIGHT)))


def test_bad_requests_are_whole_lines_of_the_log_and_leave_nothing_of_them(server: Server) -> None:
    logged = len(server.log.read_text())
    for sent, _ in BAD.values():
        answer_to(server, sent)
    answer_to(server, request(RIGHT, b"X-Request-ID: the-last-one"))
    server.wait_for("the-last-one")
    text = server.log.read_text()[logged:]
    lines = [json.loads(line) for line in text.splitlines()]
    assert len(lines) > 10
    assert {line["level"] for line in lines} == {"INFO"}
    assert max(line["status"] for line in lines) < 500
    assert max(map(len, text.splitlines())) < 400
    for secret in ("forged", "FFFF", KEY, KEY[::-1]):
        assert secret not in text


def test_huge_requests_need_little_memory(server: Server) -> None:
    huge = [sent for name, (sent, _) in BAD.items() if "huge" in name or "MB" in name]
    assert len(huge) >= 5
    for sent in huge:
        answer_to(server, sent)
    before = server.memory()
    for sent in huge * 10:
        answer_to(server, sent)
    assert server.memory() - before < 5 * MIB


def test_thousands_of_wrong_keys_do_not_keep_out_the_right_one(server: Server) -> None:
    with http_connection(server) as connection:

        def ask(key: str) -> int:
            connection.request("GET", "/", headers={"Authorization": f"Bearer {key}"})
            answer = connection.getresponse()
            answer.read()
            return answer.status

        assert {ask(f"{number:020}") for number in range(500)} == {401}
        before = server.memory()
        assert {ask(f"{number:020}") for number in range(5000)} == {401}
        started = time.monotonic()
        assert ask(KEY) == 200
        assert time.monotonic() - started < AT_ONCE
    assert server.memory() - before < 5 * MIB


@pytest.mark.parametrize(
    ("begin", "count"),
    [
        pytest.param(b"", 200, id="nothing"),
        pytest.param(b"GET / HTTP/1.1\r\nHo", 200, id="half a request"),
        pytest.param(request(JSON, b"Content-Length: 99", line=ADD)[0], 200, id="a body, no key"),
        pytest.param(
            request(RIGHT, JSON, b"Content-Length: 99", line=ADD)[0] + b"{",
            THREADS - 1,
            id="half a body",
        ),
        pytest.param(
            request(RIGHT, JSON, CHUNKED, line=ADD)[0] + b"63\r\n{",
            THREADS - 1,
            id="half a chunk",
        ),
    ],
)
def test_clients_that_send_and_stop_do_not_hold_up_others(
    server: Server, begin: bytes, count: int
) -> None:
    with started_requests(server, count, begin):
        assert seconds_to_answer(server) < AT_ONCE
    assert seconds_to_answer(server) < AT_ONCE


def test_body_that_comes_byte_by_byte_holds_up_nobody_and_is_taken(server: Server) -> None:
    customer = {"customerID": "slow", "firstName": "Ada", "lastName": "Lovelace"}
    body = json.dumps(customer).encode()
    head = request(RIGHT, JSON, b"Content-Length: %d" % len(body), line=ADD)[0]
    waited = []
    with started_requests(server, THREADS - 1, head) as connections:
        for byte in body:
            for connection in connections:
                connection.sendall(bytes([byte]))
            waited.append(seconds_to_answer(server))
        for connection in connections:
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    assert statistics.median(waited) < AT_ONCE
    answer_to(server, request(RIGHT, line=b"DELETE /delete/slow"))


def test_connection_without_a_request_is_closed(server: Server) -> None:
    with ExitStack() as stack:
        connections = [
            stack.enter_context(started_requests(server, 1, begin))[0]
            for begin in (b"", b"PRI * HT", b"GET / HTTP/1.1\r\nHo")
        ]
        assert [connection.recv(65536) for connection in connections] == [b"", b"", b""]
