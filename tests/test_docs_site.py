"""The site that `make docs` builds of docs/, as a person reads it in a browser."""

import functools
import http.server
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from filelock import FileLock
from playwright.sync_api import Browser, Page, expect

from .bake import TEMPLATE, run_in, tool

pytestmark = pytest.mark.slow

PAGES = sorted(file.stem for file in (TEMPLATE / "docs").glob("*.md"))
ON_GITHUB = "https://github.com/ORG/cookiecutter-flask-store/blob/main/"
SIZES = {"desk": (1280, 900), "phone": (390, 844)}


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files, and keeps quiet about it."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def folder(shared: Path) -> Path:
    """The site's folder, built once by `make docs`, of which a warning would be an error."""
    site = shared / "site"
    with FileLock(shared / "site.lock"):
        if not site.exists():
            # What is installed is what runs this test.
            make = ("make", "--old-file=.venv/installed", "docs", f"SITE={site}")
            done = run_in(TEMPLATE, *make)
            assert done.returncode == 0, done.stdout + done.stderr
    return site


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    """Where the site is served, as it would be by any server of files."""
    handler = functools.partial(QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@dataclass
class Visit:
    """What a person saw of one page, and what the browser asked for."""

    navigation: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    empty_images: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def visit(page: Page, address: str) -> Visit:
    """Open a page, and look at all of it."""
    seen = Visit()
    page.on("request", lambda request: seen.asked.append(request.url))
    page.on("pageerror", lambda error: seen.problems.append(str(error)))
    page.on("console", lambda message: seen.problems.append(message.text))
    answer = page.goto(address, wait_until="networkidle")
    assert answer
    assert answer.ok, address
    evaluate = page.evaluate
    links = "selector => [...document.querySelectorAll(selector)].map(({href}) => href)"
    seen.navigation = evaluate(links, ".sidebar-tree a")
    seen.links = evaluate(links, "article a[href]")
    seen.ids = evaluate("[...document.querySelectorAll('[id]')].map(({id}) => id)")
    seen.empty_images = evaluate(
        "[...document.images].filter(({naturalWidth: width}) => !width).map(({src}) => src)"
    )
    return seen


@pytest.fixture(scope="module")
def visits(browser: Browser, address: str) -> dict[str, Visit]:
    """A visit of each page, by its address."""
    seen = {}
    for name in PAGES:
        page = browser.new_page()
        seen[f"{address}{name}.html"] = visit(page, f"{address}{name}.html")
        page.close()
    return seen


def test_the_search_finds_a_word(browser: Browser, address: str) -> None:
    page = browser.new_page()
    page.goto(f"{address}index.html")
    page.get_by_placeholder("Search").fill("PgBouncer")
    page.get_by_placeholder("Search").press("Enter")
    results = page.locator("#search-results li a")
    expect(results.first).to_be_visible(timeout=30_000)
    names = {urlsplit(str(link.get_attribute("href"))).path for link in results.all()}
    assert "performance.html" in names
    page.close()


def test_the_navigation_reaches_every_page(visits: dict[str, Visit]) -> None:
    home = next(address for address in visits if address.endswith("/index.html"))
    for address, seen in visits.items():
        reached = {urldefrag(link).url for link in seen.navigation}
        assert reached | {home} == visits.keys(), address


def test_no_page_asks_another_host_for_anything(visits: dict[str, Visit], address: str) -> None:
    asked = [url for seen in visits.values() for url in seen.asked if not url.startswith("data:")]
    assert len(asked) > len(visits)
    assert [url for url in asked if not url.startswith(address)] == []


def test_nothing_goes_wrong_in_a_page(visits: dict[str, Visit]) -> None:
    assert {address: seen.problems for address, seen in visits.items() if seen.problems} == {}


def test_images_load(visits: dict[str, Visit], address: str) -> None:
    assert [image for seen in visits.values() for image in seen.empty_images] == []
    assert f"{address}_images/growth.svg" in visits[f"{address}performance.html"].asked


def test_links_within_the_site_lead_to_a_place_that_is_there(
    visits: dict[str, Visit], address: str
) -> None:
    links = {link for seen in visits.values() for link in seen.links if link.startswith(address)}
    assert len(links) > len(visits)
    for link in links:
        url, place = urldefrag(link)
        assert url in visits, link
        assert not place or place in visits[url].ids, link


def test_links_out_of_the_folder_lead_to_files_of_the_repository(
    visits: dict[str, Visit], address: str
) -> None:
    links = {link for seen in visits.values() for link in seen.links if link.startswith(ON_GITHUB)}
    names = {unquote(urldefrag(link).url.removeprefix(ON_GITHUB)) for link in links}
    assert "benchmarks/limit.py" in names
    assert [name for name in names if not (TEMPLATE / name).is_file()] == []


def test_a_link_to_the_changelog_leads_to_its_page(visits: dict[str, Visit], address: str) -> None:
    assert f"{address}changelog.html" in visits[f"{address}update.html"].links


@pytest.mark.parametrize("size", SIZES)
def test_no_page_is_wider_than_the_window(browser: Browser, address: str, size: str) -> None:
    width, height = SIZES[size]
    page = browser.new_page(viewport={"width": width, "height": height})
    for name in PAGES:
        page.goto(f"{address}{name}.html")
        assert page.evaluate("document.scrollingElement.scrollWidth") <= width, name
    page.close()


@pytest.fixture
def sphinx(tmp_path: Path) -> Callable[[str, str], subprocess.CompletedProcess[str]]:
    """Builds a small site, by the settings of the real one, of a page and a changelog."""
    docs = tmp_path / "docs"
    docs.mkdir()
    for name in ("conf.py", "changelog.md", "icon.svg"):
        shutil.copy(TEMPLATE / "docs" / name, docs)
    (tmp_path / "a file {{x}}.md").write_text("# A file\n")

    def build(page: str, changelog: str) -> subprocess.CompletedProcess[str]:
        (docs / "index.md").write_text(f"# Page\n\n{page}\n\n```{{toctree}}\nchangelog\n```\n")
        (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n{changelog}\n\n## News\n")
        return run_in(tmp_path, tool("sphinx-build"), "-q", "-W", "-n", "docs", "site")

    return build


def test_links_out_of_the_folder_keep_their_fragments(
    sphinx: Callable[[str, str], subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    name = "a%20file%20%7B%7Bx%7D%7D.md"
    done = sphinx(
        f"[1](../{name}#b) [2](../CHANGELOG.md#news)",
        f"[1]({name}#b) [2](docs/index.md#page)",
    )
    assert (done.returncode, done.stderr) == (0, "")
    page, changelog = (
        re.findall(r'class="[^"]*reference[^"]*" href="([^"]+)"><span[^>]*>\d<', file.read_text())
        for file in (tmp_path / "site" / "index.html", tmp_path / "site" / "changelog.html")
    )
    assert page == [f"{ON_GITHUB}{name}#b", "changelog.html#news"]
    assert changelog == [f"{ON_GITHUB}{name}#b", "index.html#page"]


@pytest.mark.parametrize(
    "page", ["[1](../nothing.md)", "[1](changelog.md#nothing)", "![1](no.svg)"]
)
def test_a_link_to_nothing_is_an_error(
    sphinx: Callable[[str, str], subprocess.CompletedProcess[str]], page: str
) -> None:
    assert sphinx(page, "").returncode == 1
