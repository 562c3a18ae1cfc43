"""README.md: its commands are run as they stand, and its figures are those of other pages."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from .bake import TEMPLATE
from .hostile_answers import CASES
from .newcomer import Newcomer
from .page_in_terminal import ADDRESS
from .servers import serve
from .updating import Workshop

README = (TEMPLATE / "README.md").read_text(encoding="utf-8")
DOCS = {page.name: page.read_text(encoding="utf-8") for page in (TEMPLATE / "docs").glob("*.md")}

PROSE = re.sub(r"\s+", " ", re.sub(r"(?ms)^```.*?^```$", "", README))
BLOCKS: list[str] = re.findall(r"^```console\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"`((?:[A-Z_]+=\S+ )*(?:curl|git|make|pip|uv|uvx) [^`]+)`")
# Commands in the text, and where each is run: a file, and the line of it that does so.
RUN_BY = {
    "PORT=8000 make demo": ("tests/test_demo.py", 'with serve(["make", "demo"], TEMPLATE'),
    "PORT=8000 make run": ("tests/test_readme.py", "with serve(typed(RENDER"),
    "make help": ("tests/test_template.py", 'run_in(TEMPLATE, "make", "help")'),
    "make lint": ("tests/test_own_tests.py", 'backend.make("lint", '),
    "make run": ("tests/test_readme.py", "with serve(typed(RENDER"),
    # Here this test belongs to it; in a project, tests/test_hooks.py runs it.
    "make test": (".github/workflows/test.yml", "- run: make test"),
}
FIGURE = r"\d[\d,.]*\d(?:/s\b| s\b| ms\b| MB\b)?"
taken: list[str] = []


def block(beginning: str) -> str:
    """The console block with this beginning, to be run by a test."""
    (found,) = (block for block in BLOCKS if block.startswith(beginning))
    taken.append(found)
    return found


RENDER = block("uvx cookiecutter ")
ASK = block("curl ")
RENDER_TO_UPDATE = block("uvx cruft ")
LOOK = block("git clone ")


def typed(commands: str, folder: Path) -> list[str]:
    """The commands, each question of theirs answered with Enter, up to the first that fails."""
    answers = folder / "answers.txt"
    answers.write_text("\n" * 20)
    return ["sh", "-e", "-c", f"exec < {answers}\n{commands}"]


def table(text: str, header: str) -> list[list[str]]:
    """The rows of the table under a header."""
    rows = text.partition(f"{header}\n")[2].partition("\n\n")[0].splitlines()[1:]
    assert rows, header
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


@pytest.fixture
def newcomer(workshop: Workshop, tmp_path: Path) -> Newcomer:
    """Has a home of their own, with nothing in it."""
    return Newcomer.set_up(workshop, tmp_path / "home")


def test_each_block_is_run_by_a_test() -> None:
    assert README.count("```") == 2 * len(BLOCKS)
    assert sorted(taken) == sorted(BLOCKS)


def test_each_command_in_the_text_is_run_somewhere() -> None:
    assert set(COMMAND.findall(PROSE)) == RUN_BY.keys()
    for command, (file, line) in RUN_BY.items():
        assert line in (TEMPLATE / file).read_text(encoding="utf-8"), command


@pytest.mark.slow
@pytest.mark.long
def test_project_is_rendered_run_and_asked(newcomer: Newcomer, tmp_path: Path) -> None:
    with serve(typed(RENDER, tmp_path), newcomer.home, newcomer.environ, patience=300) as server:
        answers = subprocess.run(
            ["sh", "-e", "-c", ASK.replace("http://127.0.0.1:5000", server.url)],
            capture_output=True,
            text=True,
            check=True,
        )
    assert answers.stdout == 'success{"customerID":"1","firstName":"Ada","lastName":"Lovelace"}'


@pytest.mark.slow
def test_project_is_rendered_to_be_updated(newcomer: Newcomer, tmp_path: Path) -> None:
    command = typed(RENDER_TO_UPDATE, tmp_path)
    subprocess.run(command, cwd=newcomer.home, env=newcomer.environ, check=True)
    state = json.loads((newcomer.home / "customer-api" / ".cruft.json").read_text())
    assert state["template"] == ADDRESS


@pytest.mark.slow
@pytest.mark.long
def test_fresh_clone_shows_the_demo(newcomer: Newcomer, tmp_path: Path) -> None:
    with serve(typed(LOOK, tmp_path), newcomer.home, newcomer.environ, patience=300) as server:
        server.wait_for("The demo serves sample customers")
        with server.client() as client:
            assert client.get("/get/1").json()["lastName"] == "Lovelace"


def test_figures_are_those_of_the_pages() -> None:
    measured = DOCS["performance.md"] + DOCS["reliability.md"]
    for header in (
        "| | JSON file | Redis or Valkey, with Sentinel | SQL database |",
        "| | this template | naive | bare view |",
    ):
        cells = [cell for row in table(README, header) for cell in row[1:]]
        figures = re.findall(FIGURE, " ".join(cells))
        assert len(figures) > 10
        assert [figure for figure in figures if f" {figure}" not in measured] == []
    rows = re.findall(r"^\| (.+?) \| (.*) \|$", DOCS["performance.md"], re.MULTILINE)
    for label, *cells in table(README, "| | this template | naive | bare view |"):
        what = label.replace("JSON file", "JSON")
        (row,) = (figures for name, figures in rows if name in (what, f"{what}, 8 clients"))
        assert [one for one in re.findall(FIGURE, " ".join(cells)) if one not in row] == []
    (met, targets) = re.findall(r"(\d+) of (\d+) targets are met", measured)[0]
    assert f"{targets} targets, of which {met} are met" in PROSE


def test_faults_and_writes_are_summed_up_right() -> None:
    header = (
        "| storage | faults | writes acknowledged | lost | wrong | "
        "errors that a retry should hide |"
    )
    rows = table(DOCS["reliability.md"], header)
    faults, writes, *bad = (
        sum(int(cell.replace(",", "")) for cell in column)
        for column in list(zip(*rows, strict=True))[1:]
    )
    assert f"{faults} times" in PROSE
    assert f"under {writes:,} acknowledged writes" in PROSE
    assert bad == [0, 0, 0]
    assert f"retried; {faults} faults counted" in PROSE


def test_no_more_hostile_answers_are_counted_than_there_are() -> None:
    for text in (PROSE, DOCS["tested.md"]):
        (stated,) = re.findall(r"[Mm]ore than (\d+)(?:,| hostile answers)", text)
        assert len(CASES) > int(stated)


def test_comparison_is_a_part_of_the_page() -> None:
    header = re.search(r"^\| \| this template \| cookiecutter-django .*$", README, re.MULTILINE)
    assert header
    whole = table(DOCS["comparison.md"], header[0])
    assert [row for row in table(README, header[0]) if row not in whole] == []
