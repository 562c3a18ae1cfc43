"""Secrets are planted in every setting, things fail, and nothing that comes out shows a secret."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from .bake import Bake
from .servers import free_port

SECRET = "pl4nted"  # noqa: S105, a part of every secret here
KEY = f"{SECRET}-0123456789"
STORAGES = {"default": "json", "redis": "redis", "sql": "sql"}
NO_TEXT = f"{SECRET}\udcff"  # with a byte that is not UTF-8

# Variables, by storage, that stop the start; each is named with what is wrong, and not repeated.
REFUSED: dict[str, dict[str, dict[str, str]]] = {
    "json": {
        "a short key": {"API_KEYS": SECRET},
        "a key with a space": {"API_KEYS": f"{KEY},{KEY} {KEY}"},
        "a key that is no text": {"API_KEYS": NO_TEXT},
        "a key and everybody": {"API_KEYS": KEY, "ALLOW_ANONYMOUS": "1"},
        "a key as another variable": {"API_KEYS": KEY, "CORS_ORIGINS": KEY},
        "a key as the level": {"API_KEYS": KEY, "LOG_LEVEL": KEY},
        "a key as a number": {"API_KEYS": KEY, "RETRY_MAX_RETRIES": KEY},
    },
    "redis": {
        "a password in the address": {"REDIS_SENTINELS": f"redis://user:{SECRET}@127.0.0.1:1"},
        "a password as a user": {"REDIS_SENTINELS": "127.0.0.1:1", "REDIS_USERNAME": SECRET},
        "a password that is no text": {
            "REDIS_SENTINELS": "127.0.0.1:1",
            "REDIS_PASSWORD": NO_TEXT,
        },
        "a password as a number": {"REDIS_SENTINELS": "127.0.0.1:1", "REDIS_DB": SECRET},
        "a TLS key that is not there": {
            "REDIS_SENTINELS": "127.0.0.1:1",
            "REDIS_TLS": "1",
            "REDIS_TLS_CA": f"/nowhere/{SECRET}.key",
        },
    },
    "sql": {
        "another database": {"DATABASE_URL": f"oracle://user:{SECRET}@host/customers"},
        "a wrong port": {"DATABASE_URL": f"postgresql://user:{SECRET}@host:port/customers"},
        "an @ in the password": {"DATABASE_URL": f"postgresql://user:x@{SECRET}@host/customers"},
        "a password alone": {"DATABASE_URL": SECRET},
        "a password as an option": {"DATABASE_URL": f"postgresql://host/customers?pass={SECRET}"},
        "a password that is no text": {"DATABASE_URL": f"mysql://user:{NO_TEXT}@host/customers"},
    },
}
STARTS = [
    pytest.param(name, variables, id=f"{name}: {title}")
    for name, storage in STORAGES.items()
    for title, variables in REFUSED[storage].items()
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "variables"), STARTS)
def test_start_that_is_refused_says_one_line_without_the_secret(
    installed: Callable[[str], Bake], name: str, variables: dict[str, str]
) -> None:
    bake = installed(name)
    environ = {"APP_ENV": "production", **({"API_KEYS": KEY} | variables)}
    done = bake.run(bake.python, "-c", "import run", environ=environ)
    assert done.returncode == 1
    (line,) = (done.stdout + done.stderr).splitlines()
    assert line.startswith("configuration: ")
    assert any(variable in line for variable in variables)
    assert SECRET not in line


@contextmanager
def echo() -> Iterator[int]:
    """The port of a server that sends back all that it is told, passwords included."""

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while received := connection.recv(65536):
                connection.sendall(received)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)


REDIS = {
    "REDIS_USERNAME": f"user-{SECRET}",
    "REDIS_PASSWORD": f"{SECRET}-1",
    "REDIS_SENTINEL_USERNAME": f"sentinel-{SECRET}",
    "REDIS_SENTINEL_PASSWORD": f"{SECRET}-2",
}
# Which storage fails how: the variables for a port where nobody listens, or where the echo is.
FAILING: dict[str, tuple[str, Callable[[int], dict[str, str]]]] = {
    "Redis": ("redis", lambda port: {**REDIS, "REDIS_SENTINELS": f"127.0.0.1:{port}"}),
    "Redis over TLS": (
        "redis",
        lambda port: {**REDIS, "REDIS_SENTINELS": f"127.0.0.1:{port}", "REDIS_TLS": "1"},
    ),
    "PostgreSQL": (
        "sql",
        lambda port: {"DATABASE_URL": f"postgresql://u:{SECRET}@127.0.0.1:{port}/customers"},
    ),
    "PostgreSQL, its password as an option": (
        "sql",
        lambda port: {
            "DATABASE_URL": f"postgresql://127.0.0.1:{port}/customers?user=u&password={SECRET}"
            f"&sslkey=/nowhere/{SECRET}.key"
        },
    ),
    "MySQL": (
        "sql",
        lambda port: {"DATABASE_URL": f"mysql://u:{SECRET}@127.0.0.1:{port}/customers"},
    ),
}


def ask_wrongly_and_rightly(client: httpx.Client) -> list[httpx.Response]:
    """Requests that fail, each with a secret somewhere; their answers."""
    right = {"Authorization": f"Bearer {KEY}"}
    customer = {"customerID": SECRET, "firstName": SECRET, "lastName": SECRET}
    return [
        client.get("/"),
        client.get("/", headers={"Authorization": f"Bearer {KEY}x"}),
        client.get("/", headers={"Authorization": f"Basic {KEY}"}),
        client.get(f"/?key={KEY}", headers={"Cookie": f"key={KEY}", "X-API-Key": KEY}),
        client.get("/", headers=right),
        client.get(f"/?limit={SECRET}", headers=right),
        client.get(f"/?limit=1&cursor={SECRET}", headers=right),
        client.get(f"/get/{SECRET}", headers=right),
        client.get(f"/{SECRET}", headers=right),
        client.post("/set", json=customer, headers=right),
        client.post("/set", json={**customer, "lastName": [SECRET]}, headers=right),
        client.post("/set", content=f'{{"{SECRET}', headers=right),
        client.delete(f"/delete/{SECRET}", headers=right),
        client.request(SECRET.upper(), "/", headers=right),
        client.get("/readyz"),
    ]


def assert_nothing_shows(bake: Bake, variables: dict[str, str]) -> None:
    """Serve with the most detailed log, and run commands, while the storage fails."""
    environ = {
        "API_KEYS": KEY,
        "APP_ENV": "production",
        "LOG_LEVEL": "DEBUG",
        "RETRY_DEADLINE_SECONDS": "0.2",
        "WORKERS": "1",
        **variables,
    }
    with bake.serve("serve", **environ) as server, server.client() as client:
        answers = ask_wrongly_and_rightly(client)
        statuses = {answer.status_code for answer in answers}
        assert statuses > {400, 401, 404, 405, 415}
        assert statuses & {500, 503}
        for answer in answers:
            assert SECRET not in (f"{answer.headers}{answer.text}").lower(), answer.request
        server.wait_for('"/readyz"')
        assert SECRET not in server.log.read_text().lower()
    for command in ("storage check", "customers export -"):
        done = bake.run(bake.python, "-m", "flask", *command.split(), environ=environ)
        assert done.returncode != 0, command
        assert done.stderr, command
        assert SECRET not in done.stdout + done.stderr, command


@pytest.mark.slow
@pytest.mark.parametrize("kind", FAILING)
def test_storage_that_cannot_be_reached_shows_no_secret(
    installed: Callable[[str], Bake], kind: str
) -> None:
    name, variables = FAILING[kind]
    assert_nothing_shows(installed(name), variables(free_port()))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["Redis", "PostgreSQL"])  # MySQL's servers speak first
def test_storage_that_sends_back_what_it_is_told_shows_no_secret(
    installed: Callable[[str], Bake], kind: str
) -> None:
    name, variables = FAILING[kind]
    with echo() as port:
        assert_nothing_shows(installed(name), variables(port))


@pytest.mark.slow
def test_file_that_cannot_be_read_shows_nothing_of_what_is_in_it(
    installed: Callable[[str], Bake], tmp_path: Path
) -> None:
    file = tmp_path / "customers.json"
    file.write_text(f'{{"1": {{"customerID": "{SECRET}", "{SECRET}": 1')
    assert_nothing_shows(installed("default"), {"DATA_PATH": str(file)})


@pytest.mark.slow
def test_server_that_refuses_the_password_is_told_and_the_password_is_not(
    installed: Callable[[str], Bake], clusters: Callable[[Bake], dict[str, str]]
) -> None:
    bake = installed("redis")
    refused = {name: REDIS[name] for name in ("REDIS_USERNAME", "REDIS_PASSWORD")}
    assert_nothing_shows(bake, {**clusters(bake), **refused})
