"""Draw docs/page.png: the page at /docs of a rendered project, in a real browser."""

import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.bake import TEMPLATE, render_and_install
from tests.browser import launch

KEY = "the-key-of-nobody"
PICTURE = TEMPLATE / "docs" / "page.png"
CUSTOMER = {"customerID": "1", "firstName": "Ada", "lastName": "Lovelace"}


def main() -> None:
    """Render the default project, serve it, and use the page as a reader would."""
    with tempfile.TemporaryDirectory() as folder:
        bake = render_and_install("json", Path(folder, "rendered"))
        environ = {"API_KEYS": KEY, "DATA_PATH": str(Path(folder, "customers.json"))}
        with bake.serve("serve", **environ) as server, sync_playwright() as playwright:
            browser = launch(playwright)
            page = browser.new_page(viewport={"width": 1000, "height": 1190}, color_scheme="light")
            page.goto(f"{server.url}/docs")
            page.get_by_label("API key").fill(KEY)
            page.locator("#list_customers > summary").click()  # closes it
            form = page.locator("#set_customer")
            form.locator("summary").first.click()
            for name, value in CUSTOMER.items():
                form.get_by_label(name, exact=True).fill(value)
            form.get_by_role("button", name="Send").click()
            form.locator(".answer .status").wait_for()
            form.get_by_text("The request, and as curl").click()
            page.mouse.move(0, 0)
            page.screenshot(path=PICTURE)
            browser.close()


if __name__ == "__main__":
    main()
