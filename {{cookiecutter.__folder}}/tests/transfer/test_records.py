"""Files of customers: what is written, and what is read."""

import io
import json
import tracemalloc
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.transfer import json_text
from {{ cookiecutter.package_name }}.transfer.records import (
    HEADER,
    Format,
    RecordReader,
    format_of,
)

from ..strategies import encodable
from .files import (
    ADA,
    TEXT,
    THREE,
    any_customers,
    formats,
    pieces,
    read,
    summed,
    written,
)


@pieces
@formats
@given(any_customers)
def test_what_is_written_is_read(file_format: Format, found: list[Customer]) -> None:
    assert read(file_format, written(file_format, found)) == (found, [])


@pytest.mark.parametrize("found", [[], [ADA], THREE], ids=len)
def test_written_object_is_what_people_keep_by_hand(found: list[Customer]) -> None:
    assert json.loads(written(Format.JSON, found)) == {
        customer.customer_id: {
            "customerID": customer.customer_id,
            "firstName": customer.first_name,
            "lastName": customer.last_name,
        }
        for customer in found
    }


def test_written_lines_are_customers_between_a_first_and_a_last_line() -> None:
    first, *lines, last = written(Format.JSONL, THREE).splitlines()
    assert json.loads(first) == {"format": "customers", "version": 1}
    assert json.loads(lines[0]) == json.loads(TEXT)
    assert len(lines) == 3
    assert json.loads(last) == {"customers": 3, "checksum": summed(THREE).checksum}


def test_lines_that_another_program_wrote_need_no_first_and_last_line() -> None:
    spaced = '  {"lastName": "Lovelace",\t"firstName": "Ada", "customerID": "1"}\r\n'
    for text in (TEXT, f"{TEXT}\n", f"\n\n{TEXT}\r\n \n", spaced):
        assert read(Format.JSONL, text.encode()) == ([ADA], [])


@pieces
@pytest.mark.parametrize("indent", [None, 0, 2, "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_object_may_be_laid_out_in_any_way(indent: int | str | None, line_end: str) -> None:
    whole = json.loads(written(Format.JSON, THREE))
    for ascii_only in (False, True):
        text = json.dumps(whole, indent=indent, ensure_ascii=ascii_only).replace("\n", line_end)
        for around in (text, f"  {text}{line_end}{line_end}"):
            assert read(Format.JSON, around.encode()) == (THREE, [])


@pieces
@formats
def test_no_part_of_a_written_file_is_taken_for_the_whole(file_format: Format) -> None:
    whole = written(file_format, THREE)
    for length in range(len(whole) - 1):  # but for the last line's end
        _, problems = read(file_format, whole[:length])
        assert problems, whole[:length]
        if length > len(HEADER):
            assert problems[-1].endswith("it was cut off")


@pieces
@formats
def test_reader_goes_on_where_another_one_stopped(file_format: Format) -> None:
    file = io.BytesIO(written(file_format, THREE))
    whole = RecordReader(file, file_format)
    expected = list(whole)
    for stop in range(1, len(expected) + 1):
        first = RecordReader(file, file_format)
        done = list(islice(first, stop))
        then = RecordReader(file, file_format, first.offset, first.line, first.summary)
        assert done + list(then) == expected
        assert (then.offset, then.line) == (whole.offset, whole.line)
        assert then.summary == summed(THREE)


def test_other_fields_are_counted() -> None:
    text = TEXT.replace("}", ',"age":36}').encode()
    for file_format, whole in ((Format.JSONL, text), (Format.JSON, b'{"1":' + text + b"}")):
        reader = RecordReader(io.BytesIO(whole), file_format)
        assert [record.customer for record in reader] == [ADA]
        assert reader.with_other_fields == 1


@given(st.sampled_from(Format), st.binary() | st.text(encodable).map(str.encode))
def test_any_bytes_are_read_or_told(file_format: Format, text: bytes) -> None:
    for file in (text, written(file_format, THREE) + text, written(file_format, THREE)[:-9] + text):
        read(file_format, file)


@formats
def test_memory_does_not_grow_with_the_file(
    file_format: Format, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_text, "PIECE_BYTES", 25_000)
    many = [Customer(f"{number}", "x" * 200, "y" * 200) for number in range(6_000)]
    file = io.BytesIO(written(file_format, many))
    tracemalloc.start()
    assert sum(1 for _ in RecordReader(file, file_format)) == len(many)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 300_000 < len(file.getvalue()) / 8


@given(any_customers, st.randoms(use_true_random=False))
def test_checksum_does_not_depend_on_the_order(found: list[Customer], random: st.DrawFn) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert summed(shuffled) == summed(found)


def test_checksum_tells_customers_apart() -> None:
    similar = [
        [],
        [Customer("1", "a", "b")],
        [Customer("1", "", "ab")],
        [Customer("1", "ab", "")],
        [Customer("1a", "", "b")],
        [Customer("2", "a", "b")],
        [Customer("1", "a", "b"), Customer("2", "", "")],
        [Customer("1", "", ""), Customer("2", "a", "b")],
    ]
    assert len({summed(found).checksum for found in similar}) == len(similar)


def test_checksum_is_what_its_description_says() -> None:
    # printf '1\0Ada\0Lovelace' | sha256sum
    assert summed([ADA]).checksum == (
        "c049daed013e0c73b3585fc3cc54d110fbc73d06602c8c3e733436f1a219bc20"
    )


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("customers.json", Format.JSON),
        ("a.b/c.JSONL", Format.JSONL),
        ("x.ndjson", Format.JSONL),
        ("-", Format.JSONL),
        ("customers", None),
        ("customers.csv", None),
    ],
)
def test_name_tells_the_format(file: str, expected: Format | None) -> None:
    assert format_of(file) is expected
