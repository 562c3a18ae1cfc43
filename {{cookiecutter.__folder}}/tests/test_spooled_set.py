"""A set that goes to a temporary file when it grows."""

import sys
from pathlib import Path

import pytest

from {{ cookiecutter.package_name }}.spooled_set import SpooledSet


def fill(found: SpooledSet) -> None:
    for number in range(200_000):  # at 100 bytes each, more than it keeps in memory
        found.add(f"{number:0100}")


@pytest.mark.parametrize("most_in_memory", [0, 3, 100], ids=["in a file", "in both", "in memory"])
def test_text_is_new_once(most_in_memory: int) -> None:
    texts = ["b", "a", "A", "a ", "ä", "\U0001f600", "", "a'; DROP TABLE"]
    with SpooledSet(most_in_memory) as found:
        assert [text in found for text in texts] == [False] * len(texts)
        assert [found.add(text) for text in texts] == [True] * len(texts)
        assert [found.add(text) for text in texts] == [False] * len(texts)
        assert [text in found for text in texts] == [True] * len(texts)
        assert "c" not in found


def test_no_file_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQLITE_TMPDIR", str(tmp_path))
    with SpooledSet(0) as found:
        fill(found)
        assert "9" * 100 not in found
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_no_room_for_the_file_is_an_os_error() -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with SpooledSet(0) as found:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
        try:
            with pytest.raises(OSError, match="no room in the folder for temporary files"):
                fill(found)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
