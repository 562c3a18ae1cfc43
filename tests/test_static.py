"""Each rendering, read without running it."""

import re
from pathlib import Path

import pytest

from .bake import TEMPLATE, Bake, tool
from .conftest import COMBINATIONS, Render
from .git import listed

FILE_LISTS = Path(__file__).parent / "file_lists"
LONGEST_PATH = 120

# A word that belongs to a choice, and the answers that bring it.
TRACES = {
    r"redis(?!t)|valkey|sentinel": ("storage_backend", "redis"),
    r"sql|postgres|psycopg|alembic|migrat|database": ("storage_backend", "sql"),
    r"json file|json_file|json_document": ("storage_backend", "json"),
    r"data_path": ("__kept_in", "file"),
    r"filelock": ("storage_backend", "json sql"),
    r"zappa|\baws\b(?! architecture blog)|boto|serverless": ("use_zappa", "True"),
    r"github": ("ci", "github"),
    r"gitlab": ("ci", "gitlab"),
    r"permission is hereby granted": ("license", "MIT"),
    r"redistribution and use in source": ("license", "BSD-3-Clause"),
    r"apache license": ("license", "Apache-2.0"),
    r"all rights reserved": ("license", "Proprietary"),
}

# Python's own SQLite is where many IDs are remembered for a while, whatever the storage is.
SPOOLED_SET = re.compile(r"spooled_set\.py$")


def python_files(bake: Bake) -> list[str]:
    return [file for file in bake.files() if file.endswith(".py")]


def test_files_are_exactly_those_of_the_list(bake: Bake) -> None:
    listed = (FILE_LISTS / f"{bake.name}.txt").read_text().splitlines()
    assert bake.files() == listed


def test_no_jinja_is_left(bake: Bake) -> None:
    for file in bake.files():
        text = bake.read(file)
        assert "{%" not in text, file
        assert not re.search(r"cookiecutter\s*\.", text), file
        assert not re.search(r"(?<!\$)\{\{(?! braces)", text), file


def test_no_trace_of_a_choice_not_made(bake: Bake) -> None:
    absent = [
        word
        for word, (option, answers) in TRACES.items()
        if str(bake.answers[option]) not in answers.split()
    ]
    assert len(absent) >= len(TRACES) / 2  # as most options have more than two answers
    for file in bake.files():
        text = f"{file}\n{bake.read(file)}"
        if SPOOLED_SET.search(file):
            text = re.sub("(?i)sqlite", "", text)
        found = [word for word in absent if re.search(word, text, re.IGNORECASE)]
        assert found == [], file


def test_answers_arrive_unchanged(bake: Bake) -> None:
    answers = bake.answers
    stated = bake.stated_answers()
    assert stated == {option: answers[option] for option in stated}
    assert bake.read("README.md").splitlines()[:3] == [
        f"# {answers['project_name']}",
        "",
        answers["description"],
    ]
    assert answers["author_name"] in bake.read("LICENSE")


def test_each_file_that_the_threat_model_names_is_there(bake: Bake) -> None:
    named = re.findall(r"`((?:tests|docs)/[\w./-]+)`", bake.read("SECURITY.md"))
    assert len(named) >= 10
    assert set(named) <= set(bake.files())


@pytest.mark.parametrize("page", ["SECURITY.md", "CONTRIBUTING.md"])
def test_each_file_of_the_tests_that_a_page_names_is_there(page: str) -> None:
    named = re.findall(r"`(tests/[\w./-]+)`", (TEMPLATE / page).read_text())
    assert named
    assert [file for file in named if not (TEMPLATE / file).exists()] == []


def test_data_files_parse(bake: Bake) -> None:
    parsed = bake.data()
    assert parsed
    assert all(parsed.values())


def test_files_are_clean_text(bake: Bake) -> None:
    for file in bake.files():
        text = bake.read(file)
        assert text.endswith("\n"), file
        assert not text.endswith("\n\n"), file
        assert "\r" not in text, file
        assert not re.search(r"[ \t]$", text, re.MULTILINE), file


def test_names_are_allowed_on_every_system(bake: Bake) -> None:
    for file in bake.files():
        assert not re.search(r'[<>:"|?*\\\x00-\x1f]|[. ](/|$)', file), file
        assert len(f"{bake.path.name}/{file}") <= LONGEST_PATH
    names = [file.lower() for file in bake.files()]
    assert len(names) == len(set(names))


def test_longest_names_keep_paths_short(render: Render) -> None:
    bake = render("longest", {"project_slug": "s" * 40, "package_name": "p" * 40})
    assert max(len(f"{bake.path.name}/{file}") for file in bake.files()) <= LONGEST_PATH


@pytest.mark.parametrize("check", ["check", "format --check"])
@pytest.mark.parametrize("name", [*COMBINATIONS, "longest", "last"])
def test_ruff_finds_nothing(render: Render, name: str, check: str) -> None:
    answers = {
        "longest": {"project_slug": "s" * 40, "package_name": "p" * 40},
        "last": {"package_name": "zzz"},  # sorts behind every import
    }
    bake = render(name, {**COMBINATIONS, **answers}[name])
    done = bake.run(tool("ruff"), *check.split(), "--no-cache")
    assert done.returncode == 0, done.stdout + done.stderr


def test_scripts_may_be_executed(bake: Bake) -> None:
    for file in bake.files():
        is_script = bake.read(file).startswith("#!")
        assert bool((bake.path / file).stat().st_mode & 0o100) == is_script, file


def test_combinations_differ_only_where_their_answers_do(render: Render) -> None:
    default = render("default", COMBINATIONS["default"])
    for name in ("bsd", "proprietary"):
        other = render(name, COMBINATIONS[name])
        for file in python_files(default):
            assert other.read(file) == default.read(file)


def test_python_files_of_the_template_have_no_jinja_control_flow() -> None:
    files = list(TEMPLATE.glob("{{*/**/*.py"))
    assert len(files) > 20
    assert [file for file in files if "{%" in file.read_text() or "{#" in file.read_text()] == []


def test_python_files_of_the_template_substitute_only_names_of_modules() -> None:
    allowed = re.compile(
        r"^ *(from|import) [.]?\{\{ cookiecutter\.package_name \}\}[\w.]* "
        r"|^from \.storage\.\{\{ cookiecutter\.__storage_module \}\} "
        r"import \{\{ cookiecutter\.__storage_class \}\} as Storage$"
    )
    for file in TEMPLATE.glob("{{*/**/*.py"):
        for line in file.read_text().splitlines():
            assert "{{" not in line or allowed.search(line), f"{file}: {line}"


def test_nothing_that_tools_made_lies_in_the_template() -> None:
    files = listed(TEMPLATE)
    assert "cookiecutter.json" in files
    assert [file for file in files if re.search(r"__pycache__|\.pyc$|\.venv|_cache/", file)] == []
