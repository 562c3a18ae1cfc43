"""Answers that no one should give: each is refused in one line, or becomes a project that works."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from .bake import Bake, clean_environ, tool
from .conftest import COMBINATIONS, OPTIONS, Render
from .desk import Desk, answer, call_cookiecutter
from .hostile_answers import OWN_PACKAGE, REFUSED, RENDERED, SAME_CODE, SLUG, Case, title_of
from .servers import serve


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path / "desk")
    desk.lay_out()
    return desk


@pytest.fixture
def desk_with_project(
    request: pytest.FixtureRequest, shared: Path, tmp_path: Path
) -> tuple[Case, Desk]:
    """A case that is rendered, and where: once in a test run. Shared: not to be changed."""
    case: Case = request.param
    name = f"hostile-{RENDERED.index(case)}"
    final = Desk(shared / name)
    with FileLock(shared / f"{name}.lock"):
        if not final.path.exists():
            desk = Desk(tmp_path / "desk")
            desk.lay_out()
            done = answer(case, desk, tmp_path / "home")
            assert done.returncode == 0, done.stdout + done.stderr
            shutil.move(desk.path, final.path)
    return case, final


@pytest.fixture
def default(render: Render) -> Bake:
    """The project of someone who answers nothing. Shared: not to be changed."""
    return render("default", COMBINATIONS["default"])


@pytest.fixture
def project(desk_with_project: tuple[Case, Desk], default: Bake) -> Bake:
    """The project of a case. Shared: not to be changed."""
    case, desk = desk_with_project
    answers = {**default.answers, **case.answers, **case.becomes}
    return Bake(case.title, desk.here / answers["project_slug"], answers)


@pytest.fixture(scope="session")
def mypy_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What mypy remembers of the dependencies, which are the same in each project."""
    return tmp_path_factory.mktemp("mypy")


each_rendered = pytest.mark.parametrize("desk_with_project", RENDERED, ids=title_of, indirect=True)


@pytest.mark.parametrize("case", REFUSED, ids=title_of)
def test_a_bad_answer_is_refused_in_one_line_and_nothing_is_left(
    case: Case, desk: Desk, tmp_path: Path
) -> None:
    before = desk.contents()
    done = answer(case, desk, tmp_path / "home")
    assert done.returncode != 0
    assert case.refused is not None
    if case.refused.partition(":")[0] in OPTIONS:
        # Cookiecutter's own words about it go to the other stream.
        assert done.stderr == f"{case.refused}\n"
    else:
        assert case.refused in done.stdout + done.stderr
    assert desk.contents() == before
    assert not Path("/evil").exists()


@pytest.mark.parametrize("value", ["null", "yes"])
def test_a_configured_answer_that_is_no_text_is_refused(
    value: str, desk: Desk, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".cookiecutterrc").write_text(f"default_context:\n  project_name: {value}\n")
    done = call_cookiecutter(desk, home, "--no-input")
    assert done.stderr == "project_name: is not text; put it in quotes\n"


def test_a_refusal_leaves_a_folder_of_that_name_as_it_is(desk: Desk, tmp_path: Path) -> None:
    shutil.copytree(desk.path / "evil", desk.here / "evil")
    before = desk.contents()
    arguments = ("--no-input", "--overwrite-if-exists", "project_slug=../evil")
    done = call_cookiecutter(desk, tmp_path / "home", *arguments)
    assert done.stderr == f"{SLUG}\n"
    assert desk.contents() == before


@pytest.mark.slow
@each_rendered
def test_each_answer_stands_in_the_files_as_it_was_given(project: Bake) -> None:
    answers = project.answers
    stated = project.stated_answers()
    assert stated == {option: answers[option] for option in stated}
    readme = project.read("README.md")
    assert readme.partition("\n")[0] == f"# {answers['project_name']}"
    assert f"\n{answers['description']}\n" in readme
    assert answers["author_name"] in project.read("LICENSE")
    about = json.loads(project.read(f"{project.package}/about.json"))
    assert about["title"] == answers["project_name"]
    assert about["description"] == answers["description"]


@pytest.mark.slow
@each_rendered
def test_every_file_of_data_can_be_read(project: Bake) -> None:
    for file, content in project.data().items():
        assert content, file


@pytest.mark.slow
@each_rendered
def test_the_installer_takes_the_project_file(project: Bake) -> None:
    # Stricter than a reader of TOML, and the first that every user of the project meets.
    done = project.run(tool("uv"), "version", "--offline")
    assert done.stdout == f"{project.answers['project_slug']} 0.1.0\n", done.stderr


@pytest.mark.slow
@each_rendered
def test_nothing_of_the_template_is_left(project: Bake) -> None:
    for file in project.files():
        text = project.read(file)
        for option in ("project_name", "description", "author_name", "author_email"):
            text = text.replace(project.answers[option], "")
            # As a text of TOML.
            text = text.replace(json.dumps(project.answers[option], ensure_ascii=False), "")
        assert not re.search(r"\{\{ ?cookiecutter|\{%", text), file


@pytest.mark.slow
@each_rendered
def test_the_project_has_the_default_files_and_nothing_stands_beside_it(
    desk_with_project: tuple[Case, Desk], project: Bake, default: Bake, tmp_path: Path
) -> None:
    _, desk = desk_with_project
    untouched = Desk(tmp_path / "untouched")
    untouched.lay_out()
    expected = [file.replace(default.package, project.package) for file in default.files()]
    assert project.files() == sorted(expected)
    inside = project.path.relative_to(desk.path).as_posix()
    outside = {
        path: content
        for path, content in desk.contents().items()
        if path != inside and not path.startswith(f"{inside}/")
    }
    assert outside == untouched.contents()


@pytest.mark.slow
@pytest.mark.parametrize("desk_with_project", SAME_CODE, ids=title_of, indirect=True)
def test_no_text_gets_into_what_is_run(project: Bake, default: Bake) -> None:
    kinds = (".py", ".sh", ".yaml", ".yml", "Dockerfile", "Makefile")
    run = [file for file in default.files() if file.endswith(kinds)]
    assert {file: project.read(file) for file in run} == {file: default.read(file) for file in run}


@pytest.mark.slow
@pytest.mark.parametrize("desk_with_project", OWN_PACKAGE, ids=title_of, indirect=True)
@pytest.mark.parametrize(
    "check", ["ruff check --no-cache", "ruff format --check --no-cache", "mypy"]
)
def test_a_package_of_any_name_passes_every_static_check(
    check: str,
    project: Bake,
    installed: Callable[[str], Bake],
    mypy_cache: Path,
) -> None:
    command = [installed("default").python, "-m", *check.split()]
    done = project.run(*command, environ={"MYPY_CACHE_DIR": str(mypy_cache)})
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@each_rendered
def test_the_project_serves(
    project: Bake, installed: Callable[[str], Bake], tmp_path: Path
) -> None:
    copy = project.copy_to(tmp_path / "copy")
    flask_run = 'exec "$0" -m flask run --host "$HOST" --port "$PORT"'
    command = ["sh", "-c", flask_run, installed("default").python]
    customer = {"customerID": "1", "firstName": "Ada", "lastName": "Lovelace"}
    with serve(command, copy.path, clean_environ()) as server, server.client() as client:
        client.post("/set", json=customer).raise_for_status()
        assert client.get("/get/1").json() == customer
