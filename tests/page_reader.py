"""Somebody who reads the page at /docs in a browser, and clicks."""

import re
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Locator, Page, expect

from .servers import Server


class Reader:
    """A person at the page, who sees everything that goes wrong in it."""

    def __init__(self, page: Page, server: Server) -> None:
        self.page = page
        self.problems: list[str] = []
        self.asked: list[str] = []
        self._server = server
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(f"{server.url}/docs")
        expect(page.get_by_role("heading", level=1)).to_have_text("Customer API")

    def _note(self, message: ConsoleMessage) -> None:
        # Chromium tells of each answer of 400 and more, though the page shows it.
        refused = re.match(r"Failed to load resource: the server responded with", message.text)
        address = urlsplit(message.location["url"])
        is_page = address.path.startswith(("/docs", "/openapi.json"))
        if message.type in ("error", "warning") and (not refused or is_page):
            self.problems.append(message.text)

    def open(self, name: str) -> Locator:
        """Open the form of a request."""
        form = self.page.locator(f"#{name}")
        if form.get_attribute("open") is None:
            form.locator("summary").first.click()
        return form

    def send(self, name: str, status: str, **fields: str) -> Locator:
        """Fill in the form of a request and send it; what is answered."""
        form = self.open(name)
        for field, value in fields.items():
            form.get_by_label(field, exact=True).fill(value)
        with self.page.expect_response(lambda response: "/docs" not in response.url):
            form.get_by_role("button", name="Send").click()
        answer = form.locator(".answer")
        expect(answer.locator(".status")).to_have_text(status)
        return answer

    def check(self) -> None:
        """Check that nothing went wrong, and nobody else was asked for anything."""
        assert self.problems == []
        assert {urlsplit(url).netloc for url in self.asked if not url.startswith("data:")} == {
            urlsplit(self._server.url).netloc
        }


def contrast(one: str, other: str) -> float:
    """How far two colours are apart (WCAG 2.2, contrast ratio)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """How light a colour is, as #rrggbb."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
