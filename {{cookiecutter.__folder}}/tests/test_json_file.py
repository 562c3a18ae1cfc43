"""The JSON file: read only when it changed, and refused if it is not one of customers."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.retry import RetryPolicy
from {{ cookiecutter.package_name }}.storage import StorageUnavailableError
from {{ cookiecutter.package_name }}.storage.json_document import JsonDocument
from {{ cookiecutter.package_name }}.storage.json_file import JsonFileStorage

ADA = Customer("1", "Ada", "Lovelace")
ALAN = Customer("2", "Alan", "Turing")
BY_HAND = '{"1": {"lastName": "Lovelace", "firstName": "Ada", "customerID": "1"}}'


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


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(StorageUnavailableError) as refused:
        call()
    return str(refused.value)


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


def test_reading_does_not_wait_for_a_writer(storage: JsonFileStorage, path: Path) -> None:
    storage.set(ADA)
    with FileLock(f"{path}.lock"):
        assert storage.get("1") == ADA
        assert list(storage.stream()) == [[ADA]]


def test_stream_shows_one_state_of_the_file(storage: JsonFileStorage) -> None:
    storage.set_many(Customer(f"{n:05}", "x" * 100, "y") for n in range(1000))
    batches = storage.stream()
    seen = next(batches)
    storage.delete("00999")
    for batch in batches:
        seen += batch
    assert len(seen) == 1000


def test_corrupt_file_is_refused_and_left_as_it_is(storage: JsonFileStorage, path: Path) -> None:
    text = BY_HAND.replace('"1"', '"2"', 1)
    path.write_text(text)
    for call in (
        lambda: storage.get("1"),
        lambda: list(storage.stream()),
        lambda: storage.page(1, None),
        lambda: storage.set(ADA),
        lambda: storage.delete("1"),
        storage.check,
    ):
        problem = "customers.json: line 1, column 2: the key and its customerID differ"
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
