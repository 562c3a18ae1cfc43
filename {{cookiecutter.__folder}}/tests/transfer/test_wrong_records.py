"""What is wrong with a file of customers is refused with its place."""

import pytest

from {{ cookiecutter.package_name }}.transfer.records import Format

from .files import ADA, TEXT, THREE, braced, formats, pieces, read, written

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
