"""Any bytes in the place of the file: read as customers, or refused in one line and left alone."""

import json
from contextlib import suppress
from itertools import chain
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from {{ cookiecutter.package_name }}.customers import Customer
from {{ cookiecutter.package_name }}.retry import RetryPolicy
from {{ cookiecutter.package_name }}.storage import StorageUnavailableError
from {{ cookiecutter.package_name }}.storage.json_file import JsonFileStorage

from .strategies import customers, damaged, encodable

ADA = Customer("1", "Ada", "Lovelace")
BY_HAND = """{
  "1": {"customerID":"1","firstName":"Ada","lastName":"Lovelace"},
  "2": { "lastName": "Tur\\u0069ng\\ud83d\\ude00", "customerID": "2", "firstName": "é" }
}
"""


def written(stored: list[Customer], indent: int | None) -> str:
    """The text of a file by another program."""
    fields = Customer.__struct_encode_fields__
    entries = {
        customer.customer_id: {
            name: getattr(customer, attribute)
            for name, attribute in zip(fields, Customer.__struct_fields__, strict=True)
        }
        for customer in stored
    }
    return json.dumps(entries, indent=indent)


texts = (
    damaged(BY_HAND)
    | st.builds(written, st.lists(customers, max_size=4), st.sampled_from([None, 2])).flatmap(
        lambda text: st.just(text) | damaged(text)
    )
    | st.text(encodable)
)
contents = texts.map(str.encode) | texts.map(lambda text: text.encode("utf-16")) | st.binary()


@given(content=contents)
def test_any_content_is_read_or_refused_and_left_as_it_is(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    storage = JsonFileStorage(path, RetryPolicy(deadline=0.2))
    problem = ""
    try:
        found = list(chain.from_iterable(storage.stream()))
    except StorageUnavailableError as error:
        problem = str(error)
    if problem:
        assert problem.startswith("customers.json: ")
        assert "\n" not in problem
        with suppress(StorageUnavailableError):
            storage.set(ADA)
        assert path.read_bytes() == content
        return
    for customer in found:
        customer.check()
        assert storage.get(customer.customer_id) == customer
    assert json.loads(written(found, None)) == json.loads(content.decode("utf-8-sig"))


@given(content=texts.map(str.encode))
def test_file_is_whole_after_a_write_whatever_stood_in_it(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    storage = JsonFileStorage(path, RetryPolicy(deadline=0.2))
    with suppress(StorageUnavailableError):
        before = json.loads(content) if list(storage.stream()) else {}
        storage.set(ADA)
        expected = {**before, **json.loads(written([ADA], None))}
        assert json.loads(path.read_bytes()) == expected
        content = path.read_bytes()
    assert path.read_bytes() == content
    assert {file.name for file in path.parent.iterdir()} <= {path.name, f"{path.name}.lock"}
