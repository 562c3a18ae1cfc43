"""Renders each combination of answers once in a test run, in however many processes it runs."""

import json
import os
import runpy
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from playwright.sync_api import Browser, Error, sync_playwright

from .bake import TEMPLATE, Bake, as_passed
from .browser import launch
from .databases import upgrade
from .updating import Workshop

OPTIONS = json.loads((TEMPLATE / "cookiecutter.json").read_text(encoding="utf-8"))

# Names with everything that may stand in a text, so that each file must take it as data.
COMBINATIONS: dict[str, dict[str, str]] = {
    "default": {},
    "changed": {
        "project_name": 'Bücher & "Söhne": {{ braces }} <b>\\n</b>',
        "project_slug": "book-shop",
        "package_name": "shop",
        "description": 'It\'s "quoted", C:\\new, 100 % $HOME `id` # no comment, 😀',
        "author_name": "Zoë O'Brien \\ Co.",
        "author_email": "zoe+books@example.org",
        "license": "Apache-2.0",
        "ci": "gitlab",
    },
    "redis": {"storage_backend": "redis"},
    "sql": {"storage_backend": "sql"},
    "json-lambda": {"use_zappa": "yes"},
    "redis-lambda": {"storage_backend": "redis", "use_zappa": "yes", "ci": "gitlab"},
    "sql-lambda": {"storage_backend": "sql", "use_zappa": "yes"},
    "bsd": {"license": "BSD-3-Clause", "ci": "none"},
    "proprietary": {"license": "Proprietary", "ci": "none"},
}
# Those that differ in more than a text: each of these runs its own tests and serves.
BACKENDS = [name for name in COMBINATIONS if name not in ("bsd", "proprietary")]
LAMBDA = [name for name in BACKENDS if COMBINATIONS[name].get("use_zappa")]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that take the longest."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session", autouse=True)
def _signals_end_what_is_started() -> None:
    """Let servers heed SIGINT and SIGHUP also where the tests run in the background of a script.

    A shell lets such a job, and all that it starts, ignore SIGINT (POSIX, 2.11 Signals and Error
    Handling), and nohup lets it ignore SIGHUP.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all processes of this test run share."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


Render = Callable[[str, Mapping[str, str]], Bake]


@pytest.fixture(scope="session")
def render(shared: Path, cookies_session: Any) -> Render:
    """Renders the template once for each name."""

    def render_once(name: str, answers: Mapping[str, str]) -> Bake:
        assert answers.keys() <= OPTIONS.keys(), "no such option"
        folder = shared / name
        with FileLock(shared / f"{name}.lock"):
            if not folder.exists():
                result = cookies_session.bake(extra_context=as_passed(answers))
                assert result.exception is None
                (shared / f"{name}.json").write_text(json.dumps(result.context))
                folder.mkdir()
                shutil.move(result.project_path, folder)
        (project,) = folder.iterdir()
        return Bake(name, project, json.loads((shared / f"{name}.json").read_text()))

    return render_once


@pytest.fixture(params=COMBINATIONS)
def bake(request: pytest.FixtureRequest, render: Render) -> Bake:
    """Each combination, rendered. Shared by all tests: not to be changed."""
    return render(request.param, COMBINATIONS[request.param])


@pytest.fixture(scope="session")
def rules(render: Render, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The functions of the hook that refuses answers."""
    default = render("default", COMBINATIONS["default"])
    return runpy.run_path(str(default.hook("pre_gen_project", tmp_path_factory.mktemp("hook"))))


@pytest.fixture(scope="session")
def installed(render: Render, shared: Path) -> Callable[[str], Bake]:
    """Gives a combination with its own environment installed. Shared: not to be changed."""

    def install_once(name: str) -> Bake:
        bake = render(name, COMBINATIONS[name])
        with FileLock(shared / f"{name}.lock"):
            bake.make("setup")
        return bake

    return install_once


@pytest.fixture(scope="session")
def clusters() -> Iterator[Callable[[Bake], dict[str, str]]]:
    """Gives the variables of a project's own cluster, which is started once."""
    with ExitStack() as stack:
        started: dict[str, dict[str, str]] = {}

        def start_once(bake: Bake) -> dict[str, str]:
            if bake.name not in started:
                started[bake.name] = stack.enter_context(bake.cluster())
            return started[bake.name]

        yield start_once


@pytest.fixture(scope="session")
def migrated(shared: Path) -> Callable[[Bake], Path]:
    """Gives an empty SQLite database with the newest schema. Shared: not to be changed."""

    def migrate_once(bake: Bake) -> Path:
        database = shared / f"{bake.name}.db"
        with FileLock(shared / f"{bake.name}.db.lock"):
            if not database.exists():
                made = database.with_suffix(".new")
                upgrade(bake, f"sqlite:///{made}")
                made.rename(database)
        return database

    return migrate_once


@pytest.fixture(scope="session")
def workshop(shared: Path) -> Workshop:
    """The template's clone, and projects made from it, for all processes of this test run."""
    return Workshop.set_up(shared / "workshop")


NewStorage = Callable[[Bake, Path], dict[str, str]]


@pytest.fixture(scope="session")
def new_storage(
    clusters: Callable[[Bake], dict[str, str]], migrated: Callable[[Bake], Path]
) -> NewStorage:
    """Gives the variables for an empty storage of a project, in a folder of its own."""

    def variables(bake: Bake, folder: Path) -> dict[str, str]:
        match bake.answers["storage_backend"]:
            case "redis":
                return {**clusters(bake), "REDIS_KEY_PREFIX": f"{folder.name}:"}
            case "sql":
                database = shutil.copy(migrated(bake), folder / "customers.db")
                return {"DATABASE_URL": f"sqlite:///{database}"}
            case _:
                return {"DATA_PATH": str(folder / "customers.json")}

    return variables


@pytest.fixture
def storage_environ(backend: Bake, new_storage: NewStorage, tmp_path: Path) -> dict[str, str]:
    """The variables for an empty storage."""
    return new_storage(backend, tmp_path)


@pytest.fixture(scope="module", params=BACKENDS)
def backend(request: pytest.FixtureRequest, installed: Callable[[str], Bake]) -> Bake:
    """Each combination that has code of its own, with its environment installed."""
    return installed(request.param)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser, which is started once; while it runs, asyncio cannot be used here."""
    with sync_playwright() as playwright:
        try:
            browser = launch(playwright)
        except Error as error:
            if "CI" in os.environ or "CHROMIUM" in os.environ:
                raise
            pytest.skip(f"no browser, as CONTRIBUTING.md says: {error.message[:60]}")
        yield browser
        browser.close()
