"""A write to the JSON file: the old file or the new one is there, whatever happens."""

import errno
import json
import os
from pathlib import Path
from typing import BinaryIO

import pytest

from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.retry import RetryPolicy
from {{ cookiecutter.package_name }}.storage import StorageUnavailableError, json_file
from {{ cookiecutter.package_name }}.storage.json_document import JsonDocument
from {{ cookiecutter.package_name }}.storage.json_file import JsonFileStorage
from {{ cookiecutter.package_name }}.storage.json_on_disk import FileOnDisk, sync_folder

ADA = Customer("1", "Ada", "Lovelace")
ALAN = Customer("2", "Alan", "Turing")
BY_HAND = '{"1": {"lastName": "Lovelace", "firstName": "Ada", "customerID": "1"}}'


@pytest.fixture
def storage(path: Path) -> JsonFileStorage:
    return JsonFileStorage(path, RetryPolicy(deadline=0.2))


def test_remains_of_a_crash_are_written_over(storage: JsonFileStorage, path: Path) -> None:
    path.with_name("customers.json.tmp").write_text('{"half')
    storage.set(ADA)
    assert {p.name for p in path.parent.iterdir()} == {"customers.json", "customers.json.lock"}


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
        with pytest.raises(
            StorageUnavailableError, match=rf"^customers\.json: {os.strerror(errno.EFBIG)}$"
        ):
            storage.set(ALAN)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert {p.name for p in path.parent.iterdir()} == {"customers.json", "customers.json.lock"}
    assert storage.get("2") is None
    storage.set(ALAN)
    assert storage.get("2") == ALAN


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


def test_version_grows_when_the_clock_goes_back(storage: JsonFileStorage, path: Path) -> None:
    storage.set(ADA)
    future = path.stat().st_mtime_ns + 10**18
    os.utime(path, ns=(future, future))
    storage.set(ALAN)
    assert path.stat().st_mtime_ns > future


@pytest.mark.parametrize("step", ["version", "_parse", "replace"])
def test_stale_handle_of_a_network_file_system_is_tried_again(
    path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    storage = JsonFileStorage(path, RetryPolicy(backoff=0.001))
    path.write_text("{}")
    real = getattr(FileOnDisk, step)
    failures = [OSError(errno.ESTALE, "stale"), OSError(errno.ESTALE, "stale")]

    def stale_at_first(*args: object) -> object:
        if failures:
            raise failures.pop()
        return real(*args)

    monkeypatch.setattr(FileOnDisk, step, stale_at_first)
    storage.set(ADA)
    assert storage.get("1") == ADA
    assert failures == []


def test_delete_says_so_although_its_folder_had_to_be_synced_again(
    storage: JsonFileStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.set(ADA)
    failures = [OSError(errno.ESTALE, "stale")]

    def stale_at_first(folder: Path) -> None:
        if failures:
            raise failures.pop()
        sync_folder(folder)

    monkeypatch.setattr(json_file, "sync_folder", stale_at_first)
    assert storage.delete("1")
    assert failures == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_new_file_has_the_permissions_of_the_old_one_before_it_has_customers(
    storage: JsonFileStorage, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text("{}")
    path.chmod(0o640)
    modes: list[int] = []
    write = JsonDocument.write

    def write_and_note(document: JsonDocument, file: BinaryIO) -> None:
        modes.append(os.fstat(file.fileno()).st_mode & 0o777)
        write(document, file)

    monkeypatch.setattr(JsonDocument, "write", write_and_note)
    storage.set(ADA)
    assert [*modes, path.stat().st_mode & 0o777] == [0o640, 0o640]


@pytest.mark.skipif(os.name == "nt", reason="Windows lets few users make links")
def test_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    link = tmp_path / "customers.json"
    link.symlink_to(tmp_path / "data" / "real.json")
    JsonFileStorage(link, RetryPolicy()).set(ADA)
    assert link.is_symlink()
    assert list(json.loads((tmp_path / "data" / "real.json").read_text())) == ["1"]
