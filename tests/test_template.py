"""The template itself: its own Python, its README, its options."""

import re

import pytest

from .bake import TEMPLATE, make_targets, run_in, tool
from .conftest import OPTIONS

README = (TEMPLATE / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("check", ["ruff check", "ruff format --check", "mypy"])
def test_checker_finds_nothing_in_the_template_s_own_python(check: str) -> None:
    command, *arguments = check.split()
    done = run_in(TEMPLATE, tool(command), *arguments)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_option_has_a_label_for_itself_and_for_each_choice() -> None:
    labels = OPTIONS["__prompts__"]
    for option, default in OPTIONS.items():
        if option.startswith("_"):
            continue
        label = labels[option]
        if isinstance(default, list):
            assert label.keys() == {"__prompt__", *default}
            assert all(len(line) <= 72 for line in label.values())  # one line of a terminal
        else:
            assert label


def test_readme_lists_exactly_the_options_with_their_defaults() -> None:
    table = README.partition("| option | default |")[2].partition("\n\n")[0]
    listed = re.findall("^\\| (`.*?`) \\|", table, re.MULTILINE)
    names = [name for cell in listed for name in re.findall("`(\\w+)`", cell)]
    assert names == [option for option in OPTIONS if not option.startswith("_")]
    for option, default in OPTIONS.items():
        if isinstance(default, list):
            assert re.search(f"`{option}` \\| `{default[0]}`", table), option


@pytest.mark.parametrize(
    "document",
    ["README.md", "CONTRIBUTING.md", "docs/releasing.md", ".github/PULL_REQUEST_TEMPLATE.md"],
)
def test_make_targets_that_a_document_names_exist(document: str) -> None:
    text = (TEMPLATE / document).read_text(encoding="utf-8")
    of_a_project = {"deploy", "package", "run"}
    named = set(re.findall(r"\bmake ([a-z-]+)", text)) - of_a_project
    assert named <= make_targets(TEMPLATE)


def test_documents_link_to_what_exists() -> None:
    for document in TEMPLATE.glob("*.md"):
        for link in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
            assert (TEMPLATE / link).exists(), f"{document.name}: {link}"


def test_help_lists_every_target() -> None:
    shown = run_in(TEMPLATE, "make", "help").stdout
    assert {line.split()[1] for line in shown.splitlines()} == make_targets(TEMPLATE)


def test_lock_names_no_index() -> None:
    lock = (TEMPLATE / "requirements.txt").read_text()
    assert "://" not in lock
    assert "--index" not in lock
    pins = re.findall(r"^\w[\w.-]*==\S+", lock, re.MULTILINE)
    assert len(pins) > 20
    assert len(pins) <= lock.count("--hash=sha256:")
