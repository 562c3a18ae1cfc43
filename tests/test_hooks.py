"""The hooks: one table of choices, the same result each time, and a next step that works."""

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from .bake import TEMPLATE, Bake, as_passed, clean_environ
from .conftest import COMBINATIONS, OPTIONS, Render
from .servers import serve
from .test_readme_picture import lines_of_tests, shown_by_picture, without_numbers

POST_GEN = TEMPLATE / "hooks" / "post_gen_project.py"
HOOKS = sorted((TEMPLATE / "hooks").glob("*.py"))
PROJECT = next(TEMPLATE.glob("{{*"))


def choices() -> list[tuple[str, str, str, str]]:
    """The rows of the table, as they are before rendering."""
    tree = ast.parse(POST_GEN.read_text())
    (table,) = (
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "CHOICES"
    )
    assert isinstance(table, ast.Tuple)
    rows = []
    for call in table.elts:
        assert isinstance(call, ast.Call)
        values = [ast.literal_eval(argument) for argument in call.args]
        rows.append((*values, "") if len(values) == 3 else tuple(values))
    return rows


@pytest.mark.parametrize("row", choices(), ids=lambda row: f"{row[0]} {row[1]}={row[2]}")
def test_row_of_the_table_names_what_exists(row: tuple[str, str, str, str], render: Render) -> None:
    path, option, answers, _ = row
    folder = PROJECT / path.replace(
        "{{ cookiecutter.package_name }}", "{{cookiecutter.package_name}}"
    )
    assert folder.exists()
    assert set(answers.split()) <= given_answers(option, render)


def given_answers(option: str, render: Render) -> set[str]:
    """What the combinations answer to an option, or derive from answers."""
    return {str(render(name, COMBINATIONS[name]).answers[option]) for name in COMBINATIONS}


def test_combinations_give_each_answer_to_each_choice(render: Render) -> None:
    for option, possible in OPTIONS.items():
        if isinstance(possible, list):
            assert given_answers(option, render) == set(possible), option


def test_no_two_rows_end_as_the_same_file_for_one_answer() -> None:
    ends = [
        (option, answer, name or path)
        for path, option, row_answers, name in choices()
        for answer in row_answers.split()
    ]
    assert len(ends) == len(set(ends))


def test_every_option_that_chooses_files_has_rows_for_its_answers() -> None:
    answers: dict[str, set[str]] = {}
    for _, option, row_answers, _ in choices():
        answers.setdefault(option, set()).update(row_answers.split())
    for option, possible in OPTIONS.items():
        if isinstance(possible, list):
            assert answers[option] == set(possible) - {"none"}


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook.name)
def test_hook_imports_nothing_that_is_installed_or_asks_the_world(hook: Path) -> None:
    imported = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else alias.name
        for node in ast.walk(ast.parse(hook.read_text()))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    harmless = {
        "collections.abc",
        "json",
        "pathlib",
        "re",
        "shutil",
        "sys",
        "typing",
        "unicodedata",
    }
    assert imported <= harmless


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook.name)
def test_hook_reads_answers_only_as_data(hook: Path) -> None:
    names = re.findall(r"\{\{(.*?)\}\}", hook.read_text())
    assert set(names) <= {" cookiecutter | tojson ", " cookiecutter.package_name "}


def snapshot(bake: Bake) -> Mapping[str, str]:
    return {file: bake.read(file) for file in bake.files()}


def test_rendering_again_gives_the_same(bake: Bake, render: Render) -> None:
    again = render(f"{bake.name}-again", COMBINATIONS[bake.name])
    assert snapshot(again) == snapshot(bake)


def test_post_gen_hook_may_run_twice(bake: Bake, tmp_path: Path) -> None:
    copy = bake.copy_to(tmp_path)
    for _ in range(2):
        done = copy.run(sys.executable, str(bake.hook("post_gen_project", tmp_path)))
        assert done.returncode == 0, done.stderr
    assert snapshot(copy) == snapshot(bake)


def test_post_gen_hook_leaves_what_a_team_added(bake: Bake, tmp_path: Path) -> None:
    copy = bake.copy_to(tmp_path)
    (copy.path / "NOTES.txt").write_text("theirs\n")
    copy.run(sys.executable, str(bake.hook("post_gen_project", tmp_path)))
    assert copy.read("NOTES.txt") == "theirs\n"


@pytest.mark.slow
@pytest.mark.long
def test_next_steps_are_printed_and_work(tmp_path: Path, installed: Callable[[str], Bake]) -> None:
    installed("changed")  # fills the cache of packages
    answers = [f"{name}={text}" for name, text in as_passed(COMBINATIONS["changed"]).items()]
    cookiecutter = [sys.executable, "-m", "cookiecutter", str(TEMPLATE), "--no-input", *answers]
    environ = clean_environ({"HOME": str(tmp_path / "home")})
    (tmp_path / "home").mkdir()
    printed = subprocess.run(
        cookiecutter, cwd=tmp_path, env=environ, capture_output=True, text=True, check=True
    ).stdout
    commands = re.findall("^    (.+)$", printed, re.MULTILINE)
    assert commands == ["cd book-shop", "make test", "make run"]
    (curl,) = re.findall("curl http://127.0.0.1:5000/", printed)
    script = " && ".join(commands)
    # The server starts when the project's own tests have passed.
    with serve(["sh", "-c", script], tmp_path, environ, patience=300) as server:
        printed = server.log.read_text()
        assert re.search(r"^=* ?[0-9]{3,} passed", printed, re.MULTILINE)
        shown_in_readme = lines_of_tests(shown_by_picture()["make test"])
        with_its_name = printed.replace("book-shop", "customer-api")
        assert shown_in_readme <= {*without_numbers(with_its_name.splitlines())}
        shown = subprocess.run(
            curl.replace("http://127.0.0.1:5000", server.url).split(),
            capture_output=True,
            check=True,
        )
    assert shown.stdout == b"{}"
