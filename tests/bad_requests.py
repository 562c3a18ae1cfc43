"""Requests that a server must refuse, and how they are sent, byte by byte."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress

import httpx

from .servers import Server

KEY = "0123456789-abcdefghij"
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
