"""Files of customers: what is written, what is read, and what is refused with its place."""

import io
import json
import tracemalloc
from collections.abc import Sequence
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.transfer import records
from {{ cookiecutter.package_name }}.transfer.records import (
    Format,
    RecordReader,
    format_of,
    write_customers,
)
from {{ cookiecutter.package_name }}.transfer.summary import Summary

from .strategies import customers, encodable

ADA = Customer("1", "Ada", "Lovelace")
ALAN = Customer("2", "Alan", "Türing\n")
GRACE = Customer('"3"', "Grace", "{}")
THREE = [ADA, ALAN, GRACE]
TEXT = '{"customerID":"1","firstName":"Ada","lastName":"Lovelace"}'


def braced(members: str) -> str:
    return "{" + members + "}"


pieces = pytest.mark.usefixtures("_pieces")
formats = pytest.mark.parametrize("file_format", Format)
any_customers = st.lists(customers, max_size=8, unique_by=lambda customer: customer.customer_id)


@pytest.fixture(params=[1, 7, 100_000], ids=lambda size: f"pieces of {size}")
def _pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are read in pieces of several sizes, so that each token is cut somewhere."""
    monkeypatch.setattr(records, "PIECE_BYTES", request.param)


def written(file_format: Format, found: Sequence[Customer]) -> bytes:
    file = io.BytesIO()
    *_, summary = write_customers(file, file_format, [[customer] for customer in found])
    assert summary == summed(found)
    return file.getvalue()


def summed(found: Sequence[Customer]) -> Summary:
    summary = Summary()
    for customer in found:
        summary.add(customer)
    return summary


def read(file_format: Format, text: bytes) -> tuple[list[Customer], list[str]]:
    """The customers in a file, and what is wrong with the rest."""
    found = list(RecordReader(io.BytesIO(text), file_format))
    return (
        [record.customer for record in found if record.customer],
        [str(record) for record in found if not record.customer],
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
        if length > len(records.HEADER):
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


SLASH = "customerID must not contain / or a control character"
BAD_RECORDS = {
    '{"customerID":"1","firstName":"Ada"}': '"1": lastName required',
    '{"customerID":"1","firstName":"Ada","lastName":7}': '"1": lastName must be a string',
    '{"customerID":"1","firstName":"Ada","lastName":"a\\ud800b"}': (
        '"1": lastName must not contain a lone surrogate'
    ),
    '{"customerID":"1","firstName":"Ada","lastName":"x","lastName":"y"}': (
        '"1": a field stands there twice'
    ),
}


@pieces
@pytest.mark.parametrize("bad", BAD_RECORDS)
def test_bad_record_is_told_with_line_and_key_and_the_others_are_read(bad: str) -> None:
    lines = f"{TEXT.replace('1', '0')}\n{bad}\n{TEXT.replace('1', '2')}\n"
    found, problems = read(Format.JSONL, lines.encode())
    assert ([c.customer_id for c in found], problems) == (
        ["0", "2"],
        [f"line 2, {BAD_RECORDS[bad]}"],
    )

    members = braced(f'"0": {TEXT.replace("1", "0")},\n"1": {bad},\n"2": {TEXT.replace("1", "2")}')
    found, problems = read(Format.JSON, members.encode())
    assert ([c.customer_id for c in found], problems) == (
        ["0", "2"],
        [f"line 2, {BAD_RECORDS[bad]}"],
    )


LONG = '"' + "x" * 10_000_000 + '"'
BAD_LINES = {
    "[1]": "line 1: a customer must be a JSON object",
    "7": "line 1: a customer must be a JSON object",
    '{"customerID":7,"firstName":"","lastName":""}': "line 1: customerID must be a string",
    '{"customerID":"a/b","firstName":"","lastName":""}': f'line 1, "a/b": {SLASH}',
    '{"customerID":"\\u001b[2J","firstName":"","lastName":""}': f'line 1, "\\u001b[2J": {SLASH}',
    '{"customerID":"1" 2}': "line 1: column 19: Expecting ',' delimiter",
    "{'customerID':'1'}": "line 1: column 2: Expecting property name enclosed in double quotes",
    '{"customerID":NaN}': "line 1: NaN is not JSON",
    "[" * 60_000: "line 1: nested too deeply",
    "9" * 60_000: "line 1: a customer must be a JSON object",
    braced(f'"customerID":{LONG}'): "line 1: longer than 65536 bytes",
    f"\ufeff{TEXT}": "line 1: a byte-order mark: save the file as UTF-8 without it",
    "": "line 1: the file is empty",
}


@pytest.mark.parametrize("text", BAD_LINES, ids=lambda text: text[:20])
def test_line_that_is_no_customer_is_told(text: str) -> None:
    assert read(Format.JSONL, text.encode()) == ([], [BAD_LINES[text]])
    if text:
        assert read(Format.JSONL, f"{text}\n{TEXT}".encode()) == ([ADA], [BAD_LINES[text]])


BAD_OBJECTS = {
    "[]": "line 1: { should stand here",
    braced(f"\n{TEXT}"): "line 2: a customer ID in quotes should stand here",
    braced(f'\n"7"\n{TEXT}'): "line 3: : should stand here",
    braced(f'"1": {TEXT}\n"2": {TEXT}'): "line 2: } should stand here",
    braced(f'"1": {TEXT},\n'): "line 2: Expecting value",
    braced(f'"1": {TEXT}') + "\nx": "line 2: there is more text behind the object",
    '{"1": ' + "[" * 60_000 + "}": "line 1: nested too deeply",
    "\ufeff" + braced(f'"1": {TEXT}'): (
        "line 1: a byte-order mark: save the file as UTF-8 without it"
    ),
    "": "line 1: the file is empty",
    " \n": "line 2: the file ends here, before its end: it was cut off",
    TEXT: 'line 1, "customerID": a customer must be a JSON object',
}


@pieces
@pytest.mark.parametrize("text", BAD_OBJECTS, ids=lambda text: text[:20])
def test_text_that_is_no_object_of_customers_is_told(text: str) -> None:
    _, problems = read(Format.JSON, text.encode())
    assert problems[0] == BAD_OBJECTS[text]


# Not in pieces of 1, as each piece of a value is read from the value's start on.
@pytest.mark.parametrize("_pieces", [7, 100_000], indirect=True)
@pytest.mark.parametrize("member", [f'"1": {LONG}', f"{LONG}: {TEXT}"], ids=["value", "key"])
@pieces
def test_customer_that_is_too_long_is_told(member: str) -> None:
    assert read(Format.JSON, braced(member).encode()) == (
        [],
        ["line 1: a customer longer than 65536 characters"],
    )


def test_key_that_differs_from_the_id_is_told() -> None:
    assert read(Format.JSON, braced(f'"7": {TEXT}').encode()) == (
        [],
        ['line 1, "7": the key and its customerID differ'],
    )


@pieces
@formats
@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1"])
def test_wrong_encoding_is_told(file_format: Format, encoding: str) -> None:
    text = braced(f'"1": {TEXT}') if file_format is Format.JSON else TEXT
    found, problems = read(file_format, text.replace("Ada", "Adä").encode(encoding))
    assert found == []
    assert problems[0] == "line 1: not UTF-8"


def test_closing_line_that_tells_of_others_is_told() -> None:
    first, one, two, _, last = written(Format.JSONL, THREE).splitlines(keepends=True)
    _, problems = read(Format.JSONL, b"".join([first, one, two, last]))
    assert len(problems) == 1
    assert problems[0].startswith("line 4: the closing line tells of 3 customers and another")
    _, problems = read(Format.JSONL, written(Format.JSONL, THREE) + one)
    assert problems == ["line 6: there is more text behind the closing line"]


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
    monkeypatch.setattr(records, "PIECE_BYTES", 25_000)
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
