"""The JSON file: kept whole and durable whatever happens, and read only when it changed."""

import errno
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from filelock import FileLock

from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.retry import RetryPolicy
from {{ cookiecutter.package_name }}.storage import (
    CustomerStorage,
    StorageUnavailableError,
    json_file,
)
from {{ cookiecutter.package_name }}.storage.json_document import JsonDocument
from {{ cookiecutter.package_name }}.storage.json_file import JsonFileStorage, _Change

ADA = Customer("1", "Ada", "Lovelace")
ALAN = Customer("2", "Alan", "Turing")
BY_HAND = '{"1": {"lastName": "Lovelace", "firstName": "Ada", "customerID": "1"}}'

WRITER = """
import sys
from pathlib import Path
from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.retry import RetryPolicy
from {{ cookiecutter.package_name }}.storage.json_file import JsonFileStorage

storage = JsonFileStorage(Path(sys.argv[1]), RetryPolicy(deadline=60))
for number in range(int(sys.argv[3])):
    storage.set(Customer(f"{sys.argv[2]}-{number}", "x", "y"))
    print(number, flush=True)
"""


@pytest.fixture
def storage(path: Path) -> JsonFileStorage:
    return JsonFileStorage(path, RetryPolicy(deadline=0.2))


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The texts that were parsed."""
    texts: list[bytes] = []
    parse = JsonDocument.parse

    def parse_and_note(text: bytes, known: JsonDocument) -> JsonDocument:
        texts.append(text)
        return parse(text, known)

    monkeypatch.setattr(JsonDocument, "parse", parse_and_note)
    return texts


def start_writer(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), name, str(count)],
        stdout=subprocess.PIPE,
        text=True,
    )


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(StorageUnavailableError) as refused:
        call()
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_file_is_json_that_people_can_read(storage: JsonFileStorage, path: Path) -> None:
    storage.set_many([ALAN, ADA])
    assert path.read_text() == (
        "{\n"
        '  "1": {"customerID":"1","firstName":"Ada","lastName":"Lovelace"},\n'
        '  "2": {"customerID":"2","firstName":"Alan","lastName":"Turing"}\n'
        "}\n"
    )


def test_file_written_by_hand_is_read_and_keeps_its_text_until_a_write(
    storage: JsonFileStorage, path: Path
) -> None:
    path.write_text(BY_HAND)
    assert storage.get("1") == ADA
    assert path.read_text() == BY_HAND
    storage.set(ALAN)
    assert list(json.loads(path.read_text())) == ["1", "2"]


def test_change_by_hand_is_seen(storage: JsonFileStorage, path: Path) -> None:
    storage.set(ADA)
    path.write_text(path.read_text().replace("Ada", "Eva"))
    assert storage.get("1") == Customer("1", "Eva", "Lovelace")


def test_unchanged_file_is_parsed_once(
    storage: JsonFileStorage, path: Path, parsed: list[bytes]
) -> None:
    path.write_text(BY_HAND)
    for _ in range(3):
        storage.get("1")
        list(storage.stream())
        storage.page(10, None)
    assert len(parsed) == 1


def test_corrupt_file_is_parsed_once(
    storage: JsonFileStorage, path: Path, parsed: list[bytes]
) -> None:
    path.write_text("[]")
    for _ in range(3):
        refusal(lambda: storage.get("1"))
    assert len(parsed) == 1


def test_own_writes_are_not_parsed(storage: JsonFileStorage, parsed: list[bytes]) -> None:
    for number in range(5):
        storage.set(Customer(str(number), "x", "y"))
        storage.get(str(number))
    assert parsed == []


def test_equal_looking_versions_of_the_file_are_told_apart(
    storage: JsonFileStorage, path: Path
) -> None:
    """Same size, same coarse time, and an inode number that the file system gives out again."""
    other = JsonFileStorage(path, RetryPolicy())
    for number in range(100):
        storage.set(Customer("1", f"{number:03}", "x"))
        found = other.get("1")
        assert found is not None
        assert found.first_name == f"{number:03}"


def test_version_grows_when_the_clock_goes_back(storage: JsonFileStorage, path: Path) -> None:
    storage.set(ADA)
    future = path.stat().st_mtime_ns + 10**18
    os.utime(path, ns=(future, future))
    storage.set(ALAN)
    assert path.stat().st_mtime_ns > future


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"1": {"customerID":', "customers.json: line 1, column 21: Expecting value"),
        ("[]", "customers.json: line 1: not a JSON object"),
        (
            BY_HAND.replace('"1"', '"2"', 1),
            "customers.json: line 1, column 2: the key and its customerID differ",
        ),
    ],
)
def test_corrupt_file_is_refused_and_left_as_it_is(
    storage: JsonFileStorage, path: Path, text: str, problem: str
) -> None:
    path.write_text(text)
    for call in (
        lambda: storage.get("1"),
        lambda: list(storage.stream()),
        lambda: storage.page(1, None),
        lambda: storage.set(ADA),
        lambda: storage.delete("1"),
        storage.check,
    ):
        assert refusal(call) == problem
    assert path.read_text() == text


def test_mended_file_is_used_again(storage: JsonFileStorage, path: Path) -> None:
    path.write_text("[]")
    refusal(lambda: storage.get("1"))
    path.write_text(BY_HAND)
    assert storage.get("1") == ADA


def test_folder_in_the_place_of_the_file_is_refused(storage: JsonFileStorage, path: Path) -> None:
    path.mkdir()
    assert refusal(lambda: storage.get("1")) == "customers.json: not a regular file"
    assert refusal(lambda: storage.set(ADA)) == "customers.json: not a regular file"


def test_missing_folder_is_refused_and_not_made(tmp_path: Path) -> None:
    storage = JsonFileStorage(tmp_path / "missing" / "customers.json", RetryPolicy())
    problem = "customers.json: its folder does not exist"
    assert refusal(lambda: storage.get("1")) == problem
    assert refusal(lambda: storage.set(ADA)) == problem
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limit")
def test_write_that_does_not_fit_leaves_the_file_and_nothing_beside_it(
    storage: JsonFileStorage, path: Path
) -> None:
    import resource

    storage.set(ADA)
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before), limits[1]))
    try:
        problem = refusal(lambda: storage.set(ALAN))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert problem == f"customers.json: {os.strerror(errno.EFBIG)}"
    assert path.read_bytes() == before
    assert {p.name for p in path.parent.iterdir()} == {"customers.json", "customers.json.lock"}
    assert storage.get("2") is None
    storage.set(ALAN)
    assert storage.get("2") == ALAN


@pytest.mark.parametrize("step", ["_version", "_parse", "_replace_file"])
def test_stale_handle_of_a_network_file_system_is_tried_again(
    path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    storage = JsonFileStorage(path, RetryPolicy(backoff=0.001))
    path.write_text("{}")
    real = getattr(storage, step)
    failures = [OSError(errno.ESTALE, "stale"), OSError(errno.ESTALE, "stale")]

    def stale_at_first(*args: object) -> object:
        if failures:
            raise failures.pop()
        return real(*args)

    monkeypatch.setattr(storage, step, stale_at_first)
    storage.set(ADA)
    assert storage.get("1") == ADA
    assert failures == []


def test_write_waits_for_the_lock_of_another_process(storage: JsonFileStorage, path: Path) -> None:
    with FileLock(f"{path}.lock"):
        assert refusal(lambda: storage.set(ADA)) == "customers.json: another process holds its lock"
    storage.set(ADA)


def test_reading_does_not_wait_for_a_writer(storage: JsonFileStorage, path: Path) -> None:
    storage.set(ADA)
    with FileLock(f"{path}.lock"):
        assert storage.get("1") == ADA
        assert list(storage.stream()) == [[ADA]]


def test_writes_that_wait_for_the_lock_are_written_together(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = JsonFileStorage(path, RetryPolicy())
    replacements = 0
    replace = os.replace

    def count_and_replace(old: str, new: str) -> None:
        nonlocal replacements
        replacements += 1
        replace(old, new)

    monkeypatch.setattr(os, "replace", count_and_replace)
    with ThreadPoolExecutor(21) as pool:
        lock = FileLock(f"{path}.lock", thread_local=False)
        with lock:
            first = pool.submit(storage.set, Customer("first", "x", "y"))
            waiting_for(lambda: storage._busy)
            others = [pool.submit(storage.set, Customer(str(n), "x", "y")) for n in range(20)]
            waiting_for(lambda: len(storage._waiting) == 20)
        for written in (first, *others):
            written.result()
    assert replacements == 1
    assert sum(len(batch) for batch in storage.stream()) == 21


def test_waiting_writers_are_told_of_their_write_at_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With each exchange slowed down, no writer waits for more than the one after its own."""
    storage = JsonFileStorage(path, RetryPolicy())
    exchanges = 0
    replace = storage._replace_file

    def replace_slowly(*args: Any) -> None:
        nonlocal exchanges
        exchanges += 1
        threading.Event().wait(0.002)
        replace(*args)

    monkeypatch.setattr(storage, "_replace_file", replace_slowly)

    def write(writer: int) -> int:
        longest = 0
        for number in range(20):
            before = exchanges
            storage.set(Customer(f"{writer}-{number}", "x", "y"))
            longest = max(longest, exchanges - before)
        return longest

    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(write, range(8)))
    assert max(waits) <= 5
    assert exchanges < 8 * 20


def test_only_writes_whose_time_is_up_fail_while_the_lock_is_held(path: Path) -> None:
    early = JsonFileStorage(path, RetryPolicy(deadline=0.2))
    with ThreadPoolExecutor(2) as pool, FileLock(f"{path}.lock", thread_local=False) as lock:
        first = pool.submit(early.set, ADA)
        waiting_for(lambda: early._busy)
        second = pool.submit(early._write, _Change({"2": ALAN}, early._retry.clock() + 60))
        with pytest.raises(StorageUnavailableError):
            first.result()
        waiting_for(lambda: early._busy)
        lock.release()
        second.result()
    assert early.get("1") is None
    assert early.get("2") == ALAN


def test_delete_says_so_although_its_folder_had_to_be_synced_again(
    storage: JsonFileStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.set(ADA)
    synced = json_file.sync_folder
    failures = [OSError(errno.ESTALE, "stale")]

    def stale_at_first(folder: Path) -> None:
        if failures:
            raise failures.pop()
        synced(folder)

    monkeypatch.setattr(json_file, "sync_folder", stale_at_first)
    assert storage.delete("1")
    assert failures == []


def test_edit_in_the_middle_of_a_write_is_not_lost(
    storage: JsonFileStorage, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text("{}")
    write = JsonDocument.write
    edits = [BY_HAND]

    def edit_and_write(document: JsonDocument, file: BinaryIO) -> None:
        if edits:
            path.write_text(edits.pop())
        write(document, file)

    monkeypatch.setattr(JsonDocument, "write", edit_and_write)
    storage.set(ALAN)
    assert list(json.loads(path.read_text())) == ["1", "2"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_storage_made_before_a_fork_writes_after_it(storage: JsonFileStorage) -> None:
    storage.set(ADA)
    child = os.fork()
    if child == 0:
        storage.set(ALAN)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert storage.get("2") == ALAN


def waiting_for(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    while not condition():
        pause.wait(0.001)


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_customers_are_never_more_readable_than_the_file(
    storage: JsonFileStorage, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.set(ADA)
    path.chmod(0o600)
    modes: list[int] = []
    write = JsonDocument.write

    def write_and_note(document: JsonDocument, file: BinaryIO) -> None:
        modes.append(os.fstat(file.fileno()).st_mode & 0o777)
        write(document, file)

    monkeypatch.setattr(JsonDocument, "write", write_and_note)
    storage.set(ALAN)
    assert modes == [0o600]


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_file_keeps_its_permissions(storage: JsonFileStorage, path: Path) -> None:
    path.write_text("{}")
    path.chmod(0o640)
    storage.set(ADA)
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(os.name == "nt", reason="Windows lets few users make links")
def test_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    link = tmp_path / "customers.json"
    link.symlink_to(tmp_path / "data" / "real.json")
    JsonFileStorage(link, RetryPolicy()).set(ADA)
    assert link.is_symlink()
    assert list(json.loads((tmp_path / "data" / "real.json").read_text())) == ["1"]


def test_processes_write_without_losing_anything(path: Path) -> None:
    writers = [start_writer(path, str(writer), 50) for writer in range(4)]
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    expected = {f"{writer}-{number}" for writer in range(4) for number in range(50)}
    assert json.loads(path.read_text()).keys() == expected


def test_killed_writer_leaves_every_acknowledged_write_and_no_lock(path: Path) -> None:
    for round_ in range(5):
        writer = start_writer(path, f"round {round_}", 100_000)
        assert writer.stdout is not None
        acknowledged = [writer.stdout.readline() for _ in range(10 + round_)]
        writer.kill()
        acknowledged += writer.communicate()[0].splitlines()
        found = json.loads(path.read_text())
        assert {
            f"round {round_}-{number.strip()}" for number in acknowledged if number.strip()
        } <= found.keys()
    JsonFileStorage(path, RetryPolicy(deadline=1)).set(ADA)


def test_remains_of_a_crash_are_written_over(storage: JsonFileStorage, path: Path) -> None:
    path.with_name("customers.json.tmp").write_text('{"half')
    storage.set(ADA)
    assert {p.name for p in path.parent.iterdir()} == {"customers.json", "customers.json.lock"}


def test_stream_shows_one_state_of_the_file(storage: CustomerStorage) -> None:
    storage.set_many(Customer(f"{n:05}", "x" * 100, "y") for n in range(1000))
    batches = storage.stream()
    seen = next(batches)
    storage.delete("00999")
    for batch in batches:
        seen += batch
    assert len(seen) == 1000
