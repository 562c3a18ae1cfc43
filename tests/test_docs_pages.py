"""What the pages in docs/ quote of the measurements, and of the projects, is really there."""

import re
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import pytest

from .bake import TEMPLATE, Bake, run_in
from .conftest import COMBINATIONS, Render

DOCS = TEMPLATE / "docs"
FIGURE = re.compile(r"\d[\d,.]*(?:/s| s| ms| MB)(?!\w)")
MEASURED = ("docs/performance.md", "docs/reliability.md")


@pytest.mark.parametrize("page", ["choose.md", "sentinel.md"])
def test_each_figure_of_a_page_was_measured(page: str) -> None:
    measured = " ".join((TEMPLATE / name).read_text(encoding="utf-8") for name in MEASURED)
    figures = FIGURE.findall((DOCS / page).read_text(encoding="utf-8"))
    assert figures
    assert [figure for figure in figures if figure not in FIGURE.findall(measured)] == []


# The sections of the runbooks, and the renderings whose code says what they quote.
RUNBOOKS = {
    "Redis behind Sentinel": "redis",
    "SQL": "sql",
    "JSON file": "default",
    "AWS Lambda": "json-lambda sql-lambda",
}
PLACEHOLDER = re.compile(r"\{[^{}]*\}|%[.\d]*[a-z]\b")
ADJACENT_LITERALS = re.compile(r'"\s*\n\s*f?"')


def said_by(bake: Bake) -> str:
    """The code of a project, with `…` where a message has something of its own."""
    code = "\n".join(bake.read(file) for file in bake.files() if file.endswith(".py"))
    return PLACEHOLDER.sub("…", ADJACENT_LITERALS.sub("", code))


@pytest.mark.parametrize("section", RUNBOOKS)
def test_each_message_of_the_runbooks_is_in_the_code(render: Render, section: str) -> None:
    text = (DOCS / "runbooks.md").read_text(encoding="utf-8")
    (table,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    seen = [row.split(" | ")[0] for row in table.splitlines() if row.startswith("| ")][1:]
    messages = [message for cell in seen for message in re.findall("`([^`]+)`", cell)]
    assert len(messages) >= 7
    names = RUNBOOKS[section].split()
    code = "\n".join(said_by(render(name, COMBINATIONS[name])) for name in names)
    parts = {part.strip() for message in messages for part in message.split("…")}
    assert [part for part in parts if part not in code] == []


def test_the_runbooks_have_no_other_table() -> None:
    text = (DOCS / "runbooks.md").read_text(encoding="utf-8")
    assert text.count("\n| seen |") == len(RUNBOOKS) == len(re.findall("^## ", text, re.MULTILINE))


def test_commands_of_the_page_on_lambda_are_those_of_the_project(render: Render) -> None:
    page = (DOCS / "lambda.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```console\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    commands = "".join(blocks).replace("production", "dev").splitlines()
    assert len(commands) >= 7
    of_the_project = render("sql-lambda", COMBINATIONS["sql-lambda"]).read("docs/lambda.md")
    assert [command for command in commands if command not in of_the_project] == []


def paths_named(section: str) -> list[str]:
    """The paths in the first column of a table of the page on how the template is built."""
    text = (DOCS / "built.md").read_text(encoding="utf-8")
    (table,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    rows = [row.split(" | ")[0] for row in table.splitlines() if row.startswith("| `")]
    assert rows
    return [path for row in rows for path in re.findall(r"`([\w{}<>./-]+)`", row)]


def test_the_table_of_the_template_names_everything_at_its_top() -> None:
    named = paths_named("The house: the template")
    assert [path for path in named if not (TEMPLATE / path).exists()] == []
    done = run_in(TEMPLATE, "git", "ls-files")
    there = {file.partition("/")[0] for file in done.stdout.splitlines()}
    assert there == {path.partition("/")[0] for path in named}


def test_the_table_of_a_project_names_what_projects_have(render: Render) -> None:
    named = paths_named("The house: a project")
    files = {
        re.sub(rf"^{bake.package}/", "<package>/", file)
        for bake in (render(name, answers) for name, answers in COMBINATIONS.items())
        for file in bake.files()
    }
    folders = {f"{parent}/" for file in files for parent in PurePosixPath(file).parents}
    assert [path for path in named if path not in files | folders] == []
    modules = {file for file in files if re.fullmatch(r"<package>/\w+\.py", file)}
    assert modules <= set(named)


def test_the_rows_of_the_page_are_those_of_the_hook() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", (DOCS / "built.md").read_text(), re.DOTALL)
    hook = (TEMPLATE / "hooks" / "post_gen_project.py").read_text(encoding="utf-8")
    rows = [line for line in block.splitlines() if "Choice(" in line]
    assert len(rows) >= 4
    assert [row for row in rows if f"\n{row}\n" not in hook] == []


def test_links_of_the_pages_lead_somewhere() -> None:
    pages = list((TEMPLATE / "docs").glob("*.md"))
    assert pages
    for page in pages:
        for link in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
            if not link.startswith("https://"):
                name, _, anchor = link.partition("#")
                target = page.parent / unquote(name) if name else page
                assert target.exists(), f"{page.name}: {link}"
                assert not anchor or anchor in anchors(target), f"{page.name}: {link}"


def anchors(page: Path) -> set[str]:
    """What GitHub calls the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
