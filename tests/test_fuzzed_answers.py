"""Whatever is answered becomes a project whose files can be read, or is refused in one line."""

import ast
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cookiecutter.exceptions import FailedHookException  # type: ignore[import-untyped]
from cookiecutter.main import cookiecutter  # type: ignore[import-untyped]
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .bake import TEMPLATE, Bake
from .conftest import OPTIONS

PROJECTS = max(15, int(os.environ.get("EXAMPLES", "100")) // 100)
EXAMPLES = int(os.environ.get("EXAMPLES", "100"))

# What something might be made of, in a line of plain text.
pieces = st.sampled_from(
    ["{{", "}}", "{%", "%}", "'", '"', "\\", "$(", "`", "#", ": ", "<", "-->", "]", "|", " "]
)
plain = st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"]), max_size=20)
plain_lines = st.lists(pieces | plain, min_size=1, max_size=8).map("".join).filter(str.strip)
lines = st.lists(pieces | st.text(max_size=20), max_size=8).map("".join)
slugs = st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,3}-api", fullmatch=True)
packages = st.from_regex(r"[a-z][a-z0-9_]{0,20}_api", fullmatch=True)
emails = st.from_regex(r"[a-z'+{}$%`()]{1,20}@[a-z]{1,9}\.[a-z]{2,3}", fullmatch=True)
choices = {
    option: st.sampled_from(values)
    for option, values in OPTIONS.items()
    if isinstance(values, list)
} | {"use_zappa": st.sampled_from(["yes", "no"])}
plain_texts = {
    "project_name": plain_lines,
    "project_slug": slugs,
    "package_name": packages,
    "description": plain_lines,
    "author_name": plain_lines,
    "author_email": emails,
}
texts = {option: good | lines for option, good in plain_texts.items()}


@given(text=lines)
@settings(max_examples=EXAMPLES, deadline=None)
@pytest.mark.parametrize("rule", ["line", "slug", "package", "email"])
def test_any_text_is_taken_as_it_is_or_refused_in_one_line(
    rules: dict[str, Any], rule: str, text: str
) -> None:
    problem_with: Callable[[str], str | None] = rules[f"problem_with_{rule}"]
    problem = problem_with(text)
    if problem is None:
        assert len(text.splitlines()) == 1
        assert text.encode().decode() == text
        assert text.strip()
    else:
        assert re.fullmatch("[^\n]+; type[^\n]+", problem)


few = settings(
    max_examples=PROJECTS,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.slow
@given(chosen=st.fixed_dictionaries(plain_texts | choices))
@few
def test_any_lines_of_plain_text_become_a_project_that_states_them(chosen: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check(Bake("fuzzed", render(chosen, Path(folder)), chosen))


@pytest.mark.slow
@given(chosen=st.fixed_dictionaries(texts | choices))
@few
def test_any_answers_become_a_project_or_are_refused_in_one_line(
    capfd: pytest.CaptureFixture[str], chosen: dict[str, str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        capfd.readouterr()
        try:
            path = render(chosen, Path(folder))
        except FailedHookException:
            path = None
        if path:
            check(Bake("fuzzed", path, chosen))
        else:
            assert re.fullmatch(r"[a-z_]+: [^\n]+\n", capfd.readouterr().err)
            assert os.listdir(Path(folder, "out")) == []


def check(bake: Bake) -> None:
    """Read what was rendered, as its tools do."""
    for file in bake.files():
        if file.endswith(".py"):
            ast.parse(bake.read(file), file)
    assert all(bake.data().values())
    stated = bake.stated_answers()
    assert stated == {option: bake.answers[option] for option in stated}


def render(chosen: dict[str, str], folder: Path) -> Path:
    """Render a project with these answers to the letter."""
    config = folder / "config.yaml"
    config.write_text(f"replay_dir: {folder / 'replay'}\ncookiecutters_dir: {folder / 'clones'}\n")
    (folder / "out").mkdir()
    path = cookiecutter(
        str(TEMPLATE),
        no_input=True,
        # Each is rendered as a template, of which this is one that gives the text.
        extra_context={
            option: f"{{{{ {text!a} }}}}" if option in texts else text
            for option, text in chosen.items()
        },
        output_dir=str(folder / "out"),
        config_file=str(config),
    )
    return Path(path)
