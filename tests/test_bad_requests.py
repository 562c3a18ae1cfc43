"""Bad requests on the wire: each is refused, and harms nobody else."""

import json
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from http.client import HTTPConnection

import httpx
import pytest

from .bake import Bake
from .servers import Server

pytestmark = pytest.mark.slow

KEY = "0123456789-abcdefghij"
THREADS = 4
# As the other clients are answered in a few milliseconds, and the machine may be busy.
AT_ONCE = 2.0
HEADER_SECONDS = 3
MIB = 1024 * 1024

Request = list[bytes]  # pieces, so that those of a huge one need not be joined


def request(*headers: bytes, line: bytes = b"GET /", body: Request | None = None) -> Request:
    head = [line + b" HTTP/1.1", b"Host: x", b"Connection: close", *headers, b"", b""]
    return [b"\r\n".join(head), *(body or [])]


RIGHT = b"Authorization: Bearer " + KEY.encode()
WRONG = b"Authorization: Bearer " + KEY[::-1].encode()
JSON = b"Content-Type: application/json"
CHUNKED = b"Transfer-Encoding: chunked"
ADD = b"POST /set"
HUGE_IN_CHUNKS = [b"100000\r\n", b" " * MIB, b"\r\n"] * 50 + [b"0\r\n\r\n"]

# What is sent, and the status of the answer.
BAD: dict[str, tuple[Request, int]] = {
    "a header of 1 MB": (request(RIGHT, b"X-Forged: " + b"x" * 1_000_000), 431),
    "a key of 1 MB": (request(b"Authorization: Bearer " + b"x" * 1_000_000), 431),
    "10,000 headers": (request(RIGHT, *(b"X-Forged-%d: x" % n for n in range(10_000))), 431),
    "a path of 100 KB": (request(RIGHT, line=b"GET /get/" + b"x" * 100_000), 414),
    "a huge body, its length told": (
        request(RIGHT, JSON, b"Content-Length: 52428800", line=ADD, body=[b" " * MIB] * 50),
        413,
    ),
    "a huge body in chunks": (request(RIGHT, JSON, CHUNKED, line=ADD, body=HUGE_IN_CHUNKS), 413),
    "a huge body in chunks, without a key": (
        request(JSON, CHUNKED, line=ADD, body=HUGE_IN_CHUNKS),
        401,
    ),
    "a body that is told to be huge": (
        request(RIGHT, JSON, b"Content-Length: 99999999999", line=ADD, body=[b"{"]),
        413,
    ),
    "a length beyond all numbers": (
        request(RIGHT, JSON, b"Content-Length: " + b"9" * 30, line=ADD),
        400,
    ),
    "a negative length": (request(RIGHT, JSON, b"Content-Length: -1", line=ADD), 400),
    "two lengths": (
        request(RIGHT, JSON, b"Content-Length: 2", b"Content-Length: 3", line=ADD, body=[b"{} "]),
        400,
    ),
    "a chunk without a length": (
        request(RIGHT, JSON, CHUNKED, line=ADD, body=[b"forged\r\n{}\r\n0\r\n\r\n"]),
        400,
    ),
    "a body in another encoding": (
        request(RIGHT, JSON, b"Transfer-Encoding: forged", line=ADD, body=[b"{}"]),
        400,
    ),
    "the right key twice": (request(RIGHT, RIGHT), 401),
    "a wrong key before the right one": (request(WRONG, RIGHT), 401),
    "a wrong key behind the right one": (request(RIGHT, WRONG), 401),
    "a key that is no text": (request(b"Authorization: Bearer \xff\xfe"), 401),
    "the right key in a second line": (
        request(b"Authorization: Bearer\r\n " + KEY.encode()),
        400,
    ),
    "a line end in the request ID": (request(RIGHT, b"X-Request-ID: a\rforged: x"), 400),
    "a NUL in the request ID": (request(RIGHT, b"X-Request-ID: a\0forged"), 400),
    "a line end in the path": (request(RIGHT, line=b"GET /get/a%0D%0Aforged"), 404),
    "a control character in the path": (request(RIGHT, line=b"GET /get/\x1b[31mforged"), 400),
    "an unknown method": (request(RIGHT, line=b"forged /"), 405),
    "a method of 100 KB": (request(RIGHT, line=b"F" * 100_000 + b" /"), 405),
    "an unknown path": (request(RIGHT, line=b"GET /forged"), 404),
    "the target of a proxy": (request(RIGHT, line=b"CONNECT forged:80"), 404),
    "an unknown version": ([b"GET / HTTP/3.7\r\nHost: x\r\n\r\n"], 400),
    "no HTTP at all": ([b"\0\x01forged\r\n\r\n"], 400),
    "TLS": ([b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32)], 400),
}


def connect(server: Server) -> socket.socket:
    address = httpx.URL(server.url)
    return socket.create_connection((address.host, address.port or 80), timeout=20)


def answer_to(server: Server, pieces: Request) -> bytes:
    """What is answered until the connection ends, even if not all of the request is taken."""
    answer = b""
    with connect(server) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
            while received := connection.recv(65536):
                answer += received
        except (BrokenPipeError, ConnectionResetError):
            connection.setblocking(False)
            with suppress(OSError):
                answer += connection.recv(65536)
    return answer


def is_empty(answer: bytes) -> bool:
    """Whether it is a list of no customers, in one chunk."""
    return answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"\r\n2\r\n{}\r\n0\r\n\r\n")


def seconds_to_answer(server: Server) -> float:
    """How long another client waits, the longest of ten times."""
    waited = []
    for _ in range(10):
        started = time.monotonic()
        answer = answer_to(server, request(RIGHT))
        waited.append(time.monotonic() - started)
        assert answer.startswith(b"HTTP/1.1 200")
    return max(waited)


@contextmanager
def started_requests(server: Server, count: int, begin: bytes) -> Iterator[list[socket.socket]]:
    """Connections on which a request was begun and is not ended."""
    with ExitStack() as stack:
        connections = [stack.enter_context(closing(connect(server))) for _ in range(count)]
        for connection in connections:
            connection.sendall(begin)
        yield connections


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
        server.wait_for("Started worker")
        yield server


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
    address = httpx.URL(server.url)
    with closing(HTTPConnection(address.host, address.port, timeout=20)) as connection:

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
