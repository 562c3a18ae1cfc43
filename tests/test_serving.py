"""Each rendering, served as its README says, keeps the HTTP contract on the wire."""

import importlib.util
import json
import re
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from .bake import Bake
from .conftest import NewStorage
from .servers import Server, wait_until_gone

pytestmark = pytest.mark.slow

ADA = {"customerID": "7", "firstName": "Ada", "lastName": "Lovelace"}


def contract_of(bake: Bake) -> Any:
    """The project's own table of requests and answers."""
    spec = importlib.util.spec_from_file_location("contract", bake.path / "tests" / "contract.py")
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module", params=["run", "serve"])
def target(request: pytest.FixtureRequest) -> str:
    """What serves the project for development, and as in production."""
    return str(request.param)


@pytest.fixture(scope="module")
def server(
    backend: Bake, target: str, new_storage: NewStorage, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """The project, served. Shared: its storage may hold what other tests sent."""
    environ = new_storage(backend, tmp_path_factory.mktemp("served"))
    with backend.serve(target, **environ) as server:
        yield server


@pytest.fixture
def own_server(backend: Bake, target: str, storage_environ: dict[str, str]) -> Iterator[Server]:
    """The project, served for one test."""
    with backend.serve(target, **storage_environ) as server:
        yield server


def test_contract_holds_on_the_wire(backend: Bake, server: Server) -> None:
    contract = contract_of(backend)
    wrong = []
    with server.client() as client:
        for case in contract.CASES:
            for customer_id in client.get("/").json():
                client.delete(f"/delete/{httpx.URL(path=customer_id).raw_path.decode()}")
            client.post("/set", json=contract.STORED)
            # A server may close the connection after an answer to a body that it did not read.
            headers = {"Connection": "close"}
            if case.body is not None:
                headers["Content-Type"] = case.body_type
            answer = client.request(
                case.method, httpx.URL(server.url + case.path), content=case.body, headers=headers
            )
            got = (answer.status_code, answer.content, answer.headers["content-type"])
            if got != (case.status, case.answer, case.content_type):
                wrong.append((case.name, got))
    assert len(contract.CASES) > 100
    assert wrong == []


def test_body_sent_in_chunks_is_read_and_limited(server: Server) -> None:
    def chunks(text: bytes) -> Iterator[bytes]:
        for start in range(0, len(text), 1000):
            yield text[start : start + 1000]

    headers = {"Content-Type": "application/json"}
    with server.client() as client:
        body = json.dumps({**ADA, "extra": "x" * 10_000}).encode()
        assert client.post("/set", content=chunks(body), headers=headers).status_code == 200
        assert client.get("/get/7").json() == ADA
        body = json.dumps({**ADA, "extra": "x" * 100_000}).encode()
        assert client.post("/set", content=chunks(body), headers=headers).status_code == 413


def test_forged_request_cannot_add_lines_to_the_log(server: Server) -> None:
    address = httpx.URL(server.url)
    with socket.create_connection((address.host, address.port or 80)) as connection:
        connection.sendall(
            b"GET /get/a%0Ab%0D%0Aforged HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            b"X-Request-ID: a\tforged\r\n\r\n"
        )
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 400"))
    assert "forged" not in server.log.read_text()


def test_head_has_the_headers_and_no_body(server: Server) -> None:
    with server.client() as client:
        answer = client.head("/get/nobody")
        assert answer.status_code == 404
        assert answer.content == b""


def test_server_ends_when_told_and_leaves_no_process(own_server: Server) -> None:
    family = own_server.family()
    assert len(family) > 2
    own_server.stop(signal.SIGINT)
    wait_until_gone(family)


@pytest.mark.parametrize(
    ("variable", "value"),
    [("LOG_LEVEL", "loud"), ("APP_ENV", "production")],
)
def test_malformed_variable_stops_the_start_with_one_line(
    backend: Bake, storage_environ: dict[str, str], target: str, variable: str, value: str
) -> None:
    done = backend.run("make", target, environ={**storage_environ, variable: value})
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert len(lines) == 1
    named = "API_KEYS" if variable == "APP_ENV" else variable
    assert re.fullmatch(f"configuration: {named} must be .*", lines[0])


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_cluster_of_make_run_ends_with_it(
    installed: Callable[[str], Bake], how: signal.Signals
) -> None:
    with installed("redis").serve("run") as server, server.client() as client:
        assert client.post("/set", json=ADA).status_code == 200
        assert client.get("/").json() == {"7": ADA}
        family = server.family()
        assert len(family) > 8  # six servers among them
        server.stop(how)
        wait_until_gone(family)


def test_env_file_is_read_in_development(backend: Bake, tmp_path: Path) -> None:
    project = backend.copy_to(tmp_path)
    (project.path / ".env").write_text(
        backend.read(".env.example").replace("LOG_LEVEL=INFO", "LOG_LEVEL=loud")
    )
    done = project.run(backend.python, "-m", "flask", "customers", "list")
    assert done.returncode != 0
    assert "LOG_LEVEL must be" in done.stderr


def test_every_curl_of_the_readme_works(backend: Bake, server: Server) -> None:
    section = backend.read("README.md").partition("## Call")[2].partition("## Configure")[0]
    script = "".join(re.findall(r"```console\n(curl .*?)```", section, re.DOTALL))
    assert script.count("curl") >= 5
    script = script.replace("http://127.0.0.1:5000", server.url).replace("curl", "curl -sSf")
    done = backend.run("sh", "-ec", script)
    assert done.returncode == 0, done.stderr
    assert "success" in done.stdout
    assert '"firstName":"Ada"' in done.stdout


def test_every_flask_command_of_the_readme_works(
    backend: Bake, storage_environ: dict[str, str], tmp_path: Path
) -> None:
    project = backend.copy_to(tmp_path, share_environment=True)  # as some of them write files
    commands = re.findall(r"^(\.venv/bin/flask .*)$", project.read("README.md"), re.MULTILINE)
    assert len(commands) >= 8
    for command in commands:
        done = project.run(*command.split(), environ=storage_environ)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
