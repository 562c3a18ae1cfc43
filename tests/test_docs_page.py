"""The page at /docs, as a person uses it in a browser."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from .bake import Bake
from .page_reader import Reader, contrast
from .servers import Server

pytestmark = pytest.mark.slow

KEY = "0123456789-abcdefghij"
SIZES = {"desk": (1280, 900), "phone": (390, 844)}


@pytest.fixture(params=["with keys", "without keys"])
def guarded(request: pytest.FixtureRequest) -> bool:
    """Whether the service asks for a key."""
    return bool(request.param == "with keys")


@pytest.fixture
def server(installed: Callable[[str], Bake], guarded: bool, tmp_path: Path) -> Iterator[Server]:
    """The default project, served as in production."""
    environ = {"DATA_PATH": str(tmp_path / "customers.json"), "LOG_LEVEL": "DEBUG"}
    if guarded:
        environ["API_KEYS"] = KEY
    with installed("default").serve("serve", **environ) as server:
        yield server


@pytest.fixture
def open_page(browser: Browser, server: Server) -> Iterator[Callable[..., Reader]]:
    """Opens the page, and checks at the end that nothing went wrong in it."""
    readers: list[Reader] = []

    def open_one(size: str = "desk", **options: Any) -> Reader:
        width, height = SIZES[size]
        page = browser.new_page(viewport={"width": width, "height": height}, **options)
        readers.append(Reader(page, server))
        return readers[-1]

    yield open_one
    for reader in readers:
        reader.check()
        assert reader.page.context.cookies() == []
        reader.page.context.close()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_customer_is_added_found_listed_and_deleted_by_clicking(
    open_page: Callable[..., Reader], guarded: bool, server: Server, size: str, scheme: str
) -> None:
    reader = open_page(size, color_scheme=scheme)
    key = reader.page.get_by_label("API key")
    if guarded:
        refused = reader.send("list_customers", "401 Unauthorized")
        expect(refused).to_contain_text("an API key is required")
        key.fill(KEY)
    else:
        expect(key).to_be_hidden()

    wrong = reader.send("set_customer", "400 Bad Request", customerID="a/b")
    expect(wrong).to_contain_text("customerID must not contain / or a control character")
    customer = {"customerID": "ä b?", "firstName": "Ada", "lastName": "O'Neil <b>"}
    expect(reader.send("set_customer", "200 OK", **customer)).to_contain_text("success")
    found = reader.send("get_customer", "200 OK", customerID="ä b?")
    expect(found).to_contain_text('"lastName": "O\'Neil <b>"')
    expect(found).to_contain_text("ms")
    found.get_by_text("Headers of the answer").click()
    expect(found).to_contain_text("x-request-id: ")
    listed = reader.send("list_customers", "200 OK")
    expect(listed).to_contain_text('"customerID": "ä b?"')
    expect(reader.send("delete_customer", "200 OK", customerID="ä b?")).to_contain_text("success")
    reader.send("get_customer", "404 Not Found", customerID="ä b?")
    reader.send("readyz", "200 OK")

    for name in ("set_customer", "list_customers"):  # with everything that can be opened
        for part in reader.page.locator(f"#{name} details").all():
            if part.get_attribute("open") is None:
                part.locator("summary").click()
    wide = "[document.documentElement.scrollWidth, innerWidth]"
    content, window = reader.page.evaluate(wide)
    assert content <= window == SIZES[size][0]


def test_next_page_leads_through_all_customers(
    open_page: Callable[..., Reader], guarded: bool, server: Server
) -> None:
    with server.client() as client:
        client.headers["Authorization"] = f"Bearer {KEY}"
        for number in "123":
            customer = {"customerID": number, "firstName": "a", "lastName": "b"}
            client.post("/set", json=customer).raise_for_status()
    reader = open_page()
    if guarded:
        reader.page.get_by_label("API key").fill(KEY)
    answer = reader.send("list_customers", "200 OK", limit="1")
    further = answer.get_by_role("button", name="Next page")
    for number in "12":
        expect(answer.locator(".body")).to_contain_text(f'"customerID": "{number}"')
        further.click()
    expect(answer.locator(".body")).to_contain_text('"customerID": "3"')
    expect(further).to_be_hidden()


def test_curl_command_does_the_same(
    open_page: Callable[..., Reader],
    guarded: bool,
    server: Server,
    installed: Callable[[str], Bake],
) -> None:
    reader = open_page()
    form = reader.open("set_customer")
    for field, value in {"customerID": "7", "firstName": "'$HOME`id`", "lastName": "\\"}.items():
        form.get_by_label(field, exact=True).fill(value)
    form.get_by_text("The request, and as curl").click()
    command = form.locator(".curl").inner_text()
    done = installed("default").run("sh", "-c", f"{command} -sS", environ={"API_KEY": KEY})
    assert done.stdout.endswith("success"), done.stderr
    if guarded:
        reader.page.get_by_label("API key").fill(KEY)
    found = reader.send("get_customer", "200 OK", customerID="7")
    expect(found).to_contain_text('"firstName": "\'$HOME`id`"')


@pytest.mark.parametrize("guarded", [True])
def test_key_stays_in_the_page(open_page: Callable[..., Reader], server: Server) -> None:
    reader = open_page()
    reader.page.get_by_label("API key").fill(KEY)
    reader.send("list_customers", "200 OK")
    form = reader.open("list_customers")
    form.get_by_text("The request, and as curl").click()
    assert KEY not in reader.page.locator("body").inner_text()
    assert KEY not in reader.page.content()
    kept = "JSON.stringify([{...localStorage}, {...sessionStorage}, location.href])"
    assert KEY not in reader.page.evaluate(kept)
    assert KEY not in " ".join(reader.asked)
    assert KEY not in server.log.read_text()
    reader.page.reload()
    expect(reader.page.get_by_label("API key")).to_have_value("")


def test_page_is_used_by_keyboard_alone(open_page: Callable[..., Reader], guarded: bool) -> None:
    reader = open_page()
    keyboard = reader.page.keyboard
    keyboard.press("Tab")
    expect(reader.page.get_by_role("link", name="Skip to the requests")).to_be_focused()
    if guarded:
        for _ in range(2):  # past the link to the description
            keyboard.press("Tab")
        expect(reader.page.get_by_label("API key")).to_be_focused()
        keyboard.type(KEY)
    reader.page.locator("#set_customer > summary").focus()
    keyboard.press("Enter")
    for text in ("7", "Ada", "Lovelace"):
        keyboard.press("Tab")
        keyboard.type(text)
    keyboard.press("Enter")
    answer = reader.page.locator("#set_customer .answer")
    expect(answer.locator(".status")).to_have_text("200 OK")
    expect(answer).to_have_attribute("aria-live", "polite")


def test_everything_that_is_filled_in_or_pressed_has_a_name(
    open_page: Callable[..., Reader],
) -> None:
    reader = open_page()
    for card in reader.page.locator(".operation").all():
        reader.open(str(card.get_attribute("id")))
    inputs = reader.page.locator("input:visible").all()
    assert len(inputs) > 5
    for element in inputs:
        assert element.evaluate("input => input.labels[0].innerText").strip()
    for element in reader.page.locator("button:visible, summary:visible").all():
        assert element.inner_text().strip()
    ids = reader.page.evaluate("[...document.querySelectorAll('[id]')].map(({id}) => id)")
    assert len(ids) == len(set(ids)) > 10


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_told_from_its_background(
    open_page: Callable[..., Reader], scheme: str
) -> None:
    reader = open_page(color_scheme=scheme)
    colours: dict[str, str] = reader.page.evaluate(
        """() => Object.fromEntries(
          ["--page", "--paper", "--code", "--text", "--quiet", "--accent", "--on-accent",
           "--get", "--post", "--delete"].map((name) =>
            [name, getComputedStyle(document.documentElement).getPropertyValue(name).trim()]))"""
    )
    for ground in ("--page", "--paper", "--code"):
        for text in ("--text", "--quiet", "--accent", "--get", "--post", "--delete"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for ground in ("--accent", "--delete"):  # the buttons
        assert contrast(colours["--on-accent"], colours[ground]) >= 4.5, ground


@pytest.mark.parametrize("guarded", [False])
def test_page_says_that_there_is_no_answer(
    open_page: Callable[..., Reader], server: Server
) -> None:
    reader = open_page()
    server.stop()
    form = reader.open("list_customers")
    form.get_by_role("button", name="Send").click()
    expect(form.locator(".answer .status")).to_have_text("No answer")
    reader.problems.clear()  # the browser says so, too
