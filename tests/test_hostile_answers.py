"""Answers that no one should give: each is refused in one line, or becomes a project that works.

To add one, add a row to CASES.
"""

import json
import re
import runpy
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from filelock import FileLock

from .bake import TEMPLATE, Bake, clean_environ, tool
from .conftest import COMBINATIONS, OPTIONS, Render
from .servers import serve


class Case(NamedTuple):
    """Answers to some of the options, and what comes of them.

    `refused` is the line that refuses them; None if they are rendered. `becomes` holds answers
    that follow from these, or that cookiecutter makes of them.
    """

    title: str
    answers: dict[str, str]
    refused: str | None
    becomes: dict[str, str]
    typed: bool


def typed(title: str, answers: dict[str, str], refused: str | None = None, **becomes: str) -> Case:
    """Answers that a person types at the prompts. A prompt drops the spaces around a text."""
    return Case(title, answers, refused, becomes, typed=True)


def given(title: str, answers: dict[str, str], refused: str | None = None, **becomes: str) -> Case:
    """Answers on the command line, where cookiecutter renders each as a Jinja template first."""
    return Case(title, answers, refused, becomes, typed=False)


def texts(text: str) -> dict[str, str]:
    """One text as the answer to each option that takes any line of text."""
    return {
        "project_name": text,
        "project_slug": "customer-api",
        "package_name": "customer_api",
        "description": text,
        "author_name": text,
    }


def blank(option: str) -> str:
    return f"{option}: is blank; type some text"


def holds(what: str, code: int, option: str = "description") -> str:
    return f"{option}: holds {what} (U+{code:04X}); type one line of plain text"


def device(slug: str) -> str:
    return f"project_slug: '{slug}' is a device's name on Windows; type, say, {slug}-api"


def installs(slug: str) -> str:
    return (
        f"project_slug: '{slug}' is also the name of what a project installs; type, say, {slug}-api"
    )


def word(package: str) -> str:
    return f"package_name: '{package}' is a word of the Python language; type, say, {package}_api"


def hides(package: str) -> str:
    return (
        f"package_name: '{package}' would hide a module that the project imports; "
        f"type, say, {package}_api"
    )


def too_long(option: str, length: int, most: int) -> str:
    return f"{option}: has {length} characters; type at most {most}"


CONTROL = "a control character"
LINE_BREAK = "a line break"
REORDERS = "a hidden character that reorders text"
BROKEN = "a broken character"
NO_SLUG = "project_slug: is blank; type, say, customer-api"
SLUG = (
    "project_slug: may hold only a-z, 0-9 and single hyphens between them; type, say, customer-api"
)
PACKAGE = "package_name: may hold only a-z, 0-9 and _ after a first letter; type, say, customer_api"
DIGIT = "package_name: starts with a digit; type a name that starts with a letter, say customer_api"
PASSED_OVER = "package_name: 'build' is a folder that tools pass over; type, say, build_api"
FOLDER = "__folder: follows project_slug; leave it out"
EMAIL = "author_email: is no e-mail address; type, say, you@example.com"

CASES = (
    # What languages, shells, templates and file formats would make something of.
    typed("single quotes", texts("It's 'ours' ''' + x + '''")),
    typed("double quotes", texts('"say" """ + __import__("os").name + """')),
    typed("backslashes", texts(r"C:\new\table \u0041 \N{BULLET} \" \\")),
    typed("a backslash at the end", texts("the end \\")),
    typed("Jinja's expressions", texts("{{ 7*7 }} {{ cookiecutter.project_slug }}")),
    typed("Jinja's statements", texts("{% raw %}{% if x %} {# y #} {{ {% {#")),
    typed("the shell's characters", texts("$(touch evil) `touch evil` $HOME $$ ; a & b | c > d #")),
    typed("formats of Python", texts("%s %(name)s %d 100 % {0} {name!r} {")),
    typed("YAML and TOML", texts('key: [a, *b] - &c !d "] [tool.x] # e')),
    typed("HTML and Markdown", texts("<script>x</script> <!-- --> ](x) ![y](z) | `` ***")),
    typed("an option of a command", texts("--help -n @file name=value")),
    typed("no text in YAML", {**texts("null"), "description": "1e3", "author_name": "yes"}),
    # Letters of all the world.
    typed("typographic quotes", texts("\u201eB\xfccher\u201c \u201aund\u2018 \xabetc.\xbb")),
    typed("emoji", texts("👩‍👩‍👧 🏳️‍🌈 😀")),
    typed("right-to-left text", texts("مرحبا بالعالم, שלום 123")),
    typed("accents apart from letters", texts("Zoe\u0308 \ufb03 \u212b \ufeff \U0010fffd")),
    typed("200 characters", texts("W" * 200)),
    typed("a licensee", {"license": "BSD-3-Clause", "author_name": '"O\'Brien" \\ {{ x }}'}),
    typed("an owner", {"license": "Proprietary", "author_name": "{% raw %} & {{ Söhne }}"}),
    typed("an odd e-mail address", {"author_email": "$(o'brien)+{{x}}%`@bücher.example"}),
    # Names of which the slug and the package are made.
    typed(
        "a name in Hebrew",
        {"project_name": "שלום עולם"},
        project_slug="shlvm-vlm",
        package_name="shlvm_vlm",
    ),
    typed(
        "a path as the name",
        {"project_name": "../../Up & Away/..."},
        project_slug="up-away",
        package_name="up_away",
    ),
    typed(
        "a name of 200 characters",
        {"project_name": "z" * 200},
        project_slug="z" * 40,
        package_name="z" * 40,
    ),
    typed("a name of emoji", {"project_name": "😀🎉"}, NO_SLUG),
    typed("a name that starts with a digit", {"project_name": "3D printing"}, DIGIT),
    typed("a name that is a device's", {"project_name": "CON"}, device("con")),
    typed("a name that is a dependency's", {"project_name": "Flask"}, installs("flask")),
    typed("a name that is a keyword", {"project_name": "Class"}, word("class")),
    # Nothing, and too much.
    given("an empty name", {"project_name": ""}, blank("project_name")),
    typed("a blank name", {"project_name": "  "}, blank("project_name")),
    typed("a blank description", {"description": "\u3000"}, blank("description")),
    typed("an invisible author", {"author_name": "\u200b\u2060\xad"}, blank("author_name")),
    given("an empty slug", {"project_slug": ""}, NO_SLUG),
    typed("201 characters", {"description": "W" * 201}, too_long("description", 201, 200)),
    typed("a slug of 300 letters", {"project_slug": "a" * 300}, too_long("project_slug", 300, 40)),
    typed("a package of 41 letters", {"package_name": "a" * 41}, too_long("package_name", 41, 40)),
    # Characters that end a line, or are not what they seem.
    given("a newline", {"description": "one\ntwo"}, holds(CONTROL, 0x0A)),
    given("a newline at the end", {"description": "one\n"}, holds(CONTROL, 0x0A)),
    typed("a tab", {"description": "one\ttwo"}, holds(CONTROL, 0x09)),
    typed("a NUL", {"description": "one\0two"}, holds(CONTROL, 0x00)),
    typed("a line separator", {"description": "one\u2028two"}, holds(LINE_BREAK, 0x2028)),
    typed("an override", {"author_name": "a\u202eb"}, holds(REORDERS, 0x202E, "author_name")),
    typed("an isolate", {"author_name": "a\u2067b"}, holds(REORDERS, 0x2067, "author_name")),
    given("a byte that is no UTF-8", {"description": "one\udcfftwo"}, holds(BROKEN, 0xDCFF)),
    # Slugs: paths, names of Windows, names that would not stay as they are.
    typed("a folder beside", {"project_slug": "../evil"}, SLUG),
    typed("a folder far above", {"project_slug": "../../../evil"}, SLUG),
    typed("the folder above", {"project_slug": ".."}, SLUG),
    typed("this folder", {"project_slug": "."}, SLUG),
    typed("an absolute path", {"project_slug": "/evil/customer-api"}, SLUG),
    typed("a folder in a folder", {"project_slug": "a/b"}, SLUG),
    typed("a path of Windows", {"project_slug": r"C:\x"}, SLUG),
    typed("dots at the end", {"project_slug": "customer-api..."}, SLUG),
    typed("a device with a dot", {"project_slug": "nul."}, SLUG),
    typed("a device", {"project_slug": "com1"}, device("com1")),
    typed("upper case", {"project_slug": "Customer-API"}, SLUG),
    typed("a slug in Jinja", {"project_slug": "{{ cookiecutter }}"}, SLUG),
    typed("a dependency as the slug", {"project_slug": "hypothesis"}, installs("hypothesis")),
    given("another folder than the slug's", {"__folder": "../evil2"}, FOLDER),
    # Packages: words of Python, names of modules, no names at all.
    typed("a keyword", {"package_name": "class"}, word("class")),
    typed("a word that is sometimes a keyword", {"package_name": "match"}, word("match")),
    typed("a module of Python", {"package_name": "json"}, hides("json")),
    typed("a module of a later Python", {"package_name": "compression"}, hides("compression")),
    typed("a dependency", {"package_name": "flask"}, hides("flask")),
    typed("a dependency of another backend", {"package_name": "redis"}, hides("redis")),
    typed("what a dependency would import", {"package_name": "dns"}, hides("dns")),
    typed("a file of the project", {"package_name": "run"}, hides("run")),
    typed("a folder of the project", {"package_name": "tests"}, hides("tests")),
    typed("a folder that no tool looks at", {"package_name": "build"}, PASSED_OVER),
    typed("a digit first", {"package_name": "3d"}, DIGIT),
    typed("a hyphen", {"package_name": "a-b"}, PACKAGE),
    typed("a path as the package", {"package_name": "../evil"}, PACKAGE),
    typed("a special name of Python", {"package_name": "__init__"}, PACKAGE),
    typed("an accent", {"package_name": "été"}, PACKAGE),
    typed("names of one character", {"project_slug": "1", "package_name": "a"}),
    # E-mail addresses that are none, or would end a text of TOML.
    typed("no e-mail address", {"author_email": "nobody"}, EMAIL),
    typed("a quote in an e-mail address", {"author_email": 'a"@example.com'}, EMAIL),
    # Choices; the last ones cookiecutter itself refuses, in its own words.
    given("no such licence", {"license": "GPL"}, "GPL provided for choice variable license"),
    given("neither yes nor no", {"use_zappa": "maybe"}, "maybe provided for variable use_zappa"),
    typed("no such number", {"ci": "9"}, "Please select one of the available options"),
    # The command line, where an answer is what Jinja makes of it.
    given("a sum", {"description": "{{ 7*7 }}"}, description="49"),
    given("Jinja in Jinja", {"description": "{{ '{{ 7*7 }}' }}"}, description="{{ 7*7 }}"),
    given("spaces around texts", {"description": "  wide  ", "author_name": " Zoë "}),
    given("Jinja that comes to nothing", {"author_name": "{# me #}"}, blank("author_name")),
    given("Jinja that climbs", {"project_slug": "{{ '../' * 3 }}evil"}, SLUG),
    given("broken Jinja", {"description": "{% foo"}, "Encountered unknown tag 'foo'"),
)

DEFAULT_PACKAGE = "customer_api"


def package_of(case: Case) -> str:
    return {"package_name": DEFAULT_PACKAGE, **case.answers, **case.becomes}["package_name"]


def title_of(case: Case) -> str:
    return case.title


REFUSED = [case for case in CASES if case.refused is not None]
RENDERED = [case for case in CASES if case.refused is None]
SAME_CODE = [case for case in RENDERED if package_of(case) == DEFAULT_PACKAGE]
OWN_PACKAGE = [case for case in RENDERED if package_of(case) != DEFAULT_PACKAGE]


def lines_at_the_prompts(answers: dict[str, str]) -> str:
    """What a person types who gives these answers, and just presses Enter for the rest."""
    lines = []
    for option, default in OPTIONS.items():
        if option.startswith("_"):
            continue
        answer = answers.get(option, "")
        chosen = isinstance(default, list) and answer in default
        lines.append(str(default.index(answer) + 1) if chosen else answer)
    return "".join(f"{line}\n" for line in lines)


class Desk(NamedTuple):
    """A folder where someone works, with other things in it."""

    path: Path

    @property
    def here(self) -> Path:
        """The folder in which they call cookiecutter."""
        return self.path / "work" / "here"

    def lay_out(self) -> None:
        """Make the folders, some of which an answer may aim at."""
        self.here.mkdir(parents=True)
        for evil in (self.path / "evil", self.path / "work" / "evil"):
            evil.mkdir()
            (evil / "theirs.txt").write_text("theirs")

    def contents(self) -> dict[str, bytes]:
        """Every file and folder, with what it holds."""
        return {
            path.relative_to(self.path).as_posix(): path.read_bytes() if path.is_file() else b""
            for path in self.path.rglob("*")
        }


def call_cookiecutter(
    desk: Desk, home: Path, *arguments: str, keys: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the command itself; its settings, replays and temporary files stay in that home."""
    temporary = home / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    return subprocess.run(
        [tool("cookiecutter"), str(TEMPLATE), *arguments],
        cwd=desk.here,
        env=clean_environ({"HOME": str(home), "TMPDIR": str(temporary)}),
        input=keys,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def answer(case: Case, desk: Desk, home: Path) -> subprocess.CompletedProcess[str]:
    """Give a case's answers to cookiecutter in the way that the case says."""
    if case.typed:
        return call_cookiecutter(desk, home, keys=lines_at_the_prompts(case.answers))
    options = [f"{option}={value}" for option, value in case.answers.items()]
    return call_cookiecutter(desk, home, "--no-input", *options)


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


@pytest.fixture
def hook(default: Bake, tmp_path: Path) -> dict[str, Any]:
    """The functions of the hook that refuses."""
    source = (TEMPLATE / "hooks" / "pre_gen_project.py").read_text(encoding="utf-8")
    script = tmp_path / "hook.py"
    script.write_text(source.replace("{{ cookiecutter | tojson }}", json.dumps(default.answers)))
    return runpy.run_path(str(script))


each_rendered = pytest.mark.parametrize("desk_with_project", RENDERED, ids=title_of, indirect=True)


def test_the_table_has_60_cases_or_more_and_each_has_its_own_title() -> None:
    assert len({case.title for case in CASES}) == len(CASES) >= 60


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
    "check",
    ["compileall -q .", "ruff check --no-cache", "ruff format --check --no-cache", "mypy"],
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


@pytest.mark.slow
def test_no_package_can_be_called_like_what_a_project_installs(
    hook: dict[str, Any], backend: Bake
) -> None:
    modules, _ = what_is_installed(backend)
    assert "flask" in modules
    assert [name for name in modules if hook["problem_with_package"](name) is None] == []


@pytest.mark.slow
def test_no_project_can_be_called_like_what_it_installs(
    hook: dict[str, Any], backend: Bake
) -> None:
    _, distributions = what_is_installed(backend)
    assert "flask" in distributions
    assert [name for name in distributions if hook["problem_with_slug"](name) is None] == []


def test_no_package_can_be_called_like_a_file_or_folder_beside_it(
    hook: dict[str, Any], bake: Bake
) -> None:
    parts = [Path(file).parts for file in bake.files()]
    beside = {first.removesuffix(".py") for first, *rest in parts if rest or first.endswith(".py")}
    assert {"run", "tests"} < beside
    accepted = {name for name in beside if hook["problem_with_package"](name) is None}
    assert accepted == {bake.package}


def what_is_installed(bake: Bake) -> tuple[list[str], list[str]]:
    """The names that a project's own Python imports, and PyPI's names of where they are from."""
    code = """
import importlib.metadata, json
print(json.dumps(importlib.metadata.packages_distributions()))
"""
    done = bake.run(bake.python, "-c", code)
    modules: dict[str, list[str]] = json.loads(done.stdout)
    distributions = {name for names in modules.values() for name in names}
    return sorted(modules), sorted(re.sub(r"[-_.]+", "-", name).lower() for name in distributions)
