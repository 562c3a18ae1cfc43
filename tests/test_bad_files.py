"""What stands in the way of the JSON file is told in one line, on the wire, and nothing is lost."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from .bake import Bake, clean_environ
from .servers import Server, serve

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="permissions and mounts are those of Unix"),
]

ADA = {"customerID": "1", "firstName": "Ada", "lastName": "Lovelace"}
ALAN = {"customerID": "2", "firstName": "Alan", "lastName": "Turing"}
WHOLE = json.dumps({"1": ADA}, indent=2)


@pytest.fixture(scope="module")
def project(installed: Callable[[str], Bake]) -> Bake:
    return installed("default")


@contextlib.contextmanager
def serving(project: Bake, file: Path, wrapper: Sequence[str] = ()) -> Iterator[Server]:
    """The project on a file, in development so that a single process serves."""
    command = 'exec "$0" -m flask run --host "$HOST" --port "$PORT"'
    environ = clean_environ({"DATA_PATH": str(file), "RETRY_DEADLINE_SECONDS": "0.5"})
    with serve([*wrapper, "sh", "-c", command, project.python], project.path, environ) as server:
        yield server


def refusals(client: httpx.Client) -> set[str]:
    """The lines with which every route refuses, after checking that they are 503s."""
    answers = [
        client.get("/"),
        client.get("/?limit=1"),
        client.get("/get/1"),
        client.post("/set", json=ALAN),
        client.delete("/delete/1"),
    ]
    assert {answer.status_code for answer in answers} == {503}
    assert {answer.headers["Retry-After"] for answer in answers} == {"1"}
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200
    return {answer.text for answer in answers}


FOREIGN = {
    "truncated": (WHOLE[:-20].encode(), "line 5, column 5: Unterminated string starting at"),
    "empty": (b"", "line 1, column 1: Expecting value"),
    "a list": (b"[]", "line 1: not a JSON object"),
    "key and customerID differ": (
        WHOLE.replace('"1": {', '"2": {').encode(),
        "line 2, column 3: the key and its customerID differ",
    ),
    "duplicate keys": (
        f'{{"1": {json.dumps(ADA)},\n"1": {json.dumps(ADA)}}}'.encode(),
        "line 2, column 1: this customer ID stands in the file twice",
    ),
    "invalid UTF-8": (WHOLE.replace("Ada", "Ad\u00e1").encode("latin-1"), "line 4: not UTF-8"),
    "a field too many": (
        WHOLE.replace('"Ada"', '"Ada", "age": 36').encode(),
        "line 2, column 3: a field besides customerID, firstName, lastName",
    ),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_file_is_refused_with_its_place_and_left_as_it_is(
    project: Bake, tmp_path: Path, kind: str
) -> None:
    content, place = FOREIGN[kind]
    file = tmp_path / "customers.json"
    file.write_bytes(content)
    with serving(project, file) as server, server.client() as client:
        assert refusals(client) == {f"storage unavailable: customers.json: {place}"}
    checked = project.run(
        project.python, "-m", "flask", "storage", "check", environ={"DATA_PATH": str(file)}
    )
    assert (checked.returncode, checked.stderr) == (1, f"Error: customers.json: {place}\n")
    assert file.read_bytes() == content
    assert sorted(os.listdir(tmp_path)) == ["customers.json", "customers.json.lock"]


def test_folder_in_the_place_of_the_file_is_refused(project: Bake, tmp_path: Path) -> None:
    file = tmp_path / "customers.json"
    file.mkdir()
    with serving(project, file) as server, server.client() as client:
        assert refusals(client) == {"storage unavailable: customers.json: not a regular file"}


def test_pipe_in_the_place_of_the_file_does_not_hang(project: Bake, tmp_path: Path) -> None:
    file = tmp_path / "customers.json"
    os.mkfifo(file)
    with serving(project, file) as server, server.client() as client:
        assert refusals(client) == {"storage unavailable: customers.json: not a regular file"}


def test_missing_folder_is_refused_and_not_made(project: Bake, tmp_path: Path) -> None:
    file = tmp_path / "missing" / "customers.json"
    with serving(project, file) as server, server.client() as client:
        assert refusals(client) == {
            "storage unavailable: customers.json: its folder does not exist"
        }
    assert not file.parent.exists()


@pytest.fixture
def without_privileges() -> list[str]:
    """A command that runs another one so that permissions apply to it, also for root."""
    if os.geteuid() != 0:
        return []
    if not shutil.which("setpriv"):
        pytest.skip("needs setpriv, or a user other than root")
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]


def test_unreadable_file_is_refused(
    project: Bake, tmp_path: Path, without_privileges: list[str]
) -> None:
    file = tmp_path / "customers.json"
    file.write_text(WHOLE)
    file.chmod(0)
    with serving(project, file, without_privileges) as server, server.client() as client:
        assert refusals(client) == {"storage unavailable: customers.json: Permission denied"}
    file.chmod(0o600)
    assert file.read_text() == WHOLE


def test_read_only_folder_refuses_writes_and_serves_reads(
    project: Bake, tmp_path: Path, without_privileges: list[str]
) -> None:
    file = tmp_path / "customers.json"
    file.write_text(WHOLE)
    file.chmod(0o644)
    tmp_path.chmod(0o555)
    with serving(project, file, without_privileges) as server, server.client() as client:
        assert client.get("/get/1").json() == ADA
        answer = client.post("/set", json=ALAN)
        assert (answer.status_code, answer.text) == (
            503,
            "storage unavailable: customers.json: Permission denied",
        )
        assert client.get("/readyz").json() == {
            "status": "unavailable",
            "storage": "customers.json: its folder cannot be written to",
        }
    assert file.read_text() == WHOLE


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if not shutil.which("mount") or os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount a disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def fill(client: httpx.Client) -> tuple[dict[str, object], httpx.Response]:
    """Add customers until one is refused; what was acknowledged, and the refusal."""
    acknowledged: dict[str, object] = {}
    while True:
        customer = {"customerID": f"{len(acknowledged):04}", "firstName": "x" * 256, "lastName": ""}
        answer = client.post("/set", json=customer)
        if answer.status_code != 200:
            return acknowledged, answer
        acknowledged[customer["customerID"]] = customer


def test_full_disk_refuses_the_write_and_loses_nothing(project: Bake, small_disk: Path) -> None:
    file = small_disk / "customers.json"
    with serving(project, file) as server, server.client() as client:
        acknowledged, refusal = fill(client)
        assert (refusal.status_code, refusal.text) == (
            503,
            "storage unavailable: customers.json: No space left on device",
        )
        assert len(acknowledged) > 50
        assert client.get("/").json() == acknowledged
        assert json.loads(file.read_text()) == acknowledged
        client.delete("/delete/0000")
        assert client.get("/get/0000").status_code == 404
    assert sorted(os.listdir(small_disk)) == ["customers.json", "customers.json.lock"]


def test_file_size_limit_refuses_the_write_and_loses_nothing(project: Bake, tmp_path: Path) -> None:
    file = tmp_path / "customers.json"
    limit = "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (32768, 32768)); "
    wrapper = [sys.executable, "-c", limit + "os.execvp(sys.argv[1], sys.argv[1:])"]
    with serving(project, file, wrapper) as server, server.client() as client:
        acknowledged, refusal = fill(client)
        assert (refusal.status_code, refusal.text) == (
            503,
            "storage unavailable: customers.json: File too large",
        )
        assert client.get("/").json() == acknowledged
    assert json.loads(file.read_text()) == acknowledged
    assert len(acknowledged) > 50
