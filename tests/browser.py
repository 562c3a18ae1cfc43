"""A real browser: what CHROMIUM names, the system's Chromium or Chrome, or Playwright's own."""

import os
import shutil

from playwright.sync_api import Browser, Playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# The browser by itself asks nobody for anything.
SWITCHES = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
)


def launch(playwright: Playwright) -> Browser:
    """Start the browser.

    Raises:
        playwright.sync_api.Error: There is none.
    """
    named = os.environ.get("CHROMIUM")
    program = next(filter(None, map(shutil.which, [named] if named else BROWSERS)), named)
    return playwright.chromium.launch(executable_path=program, args=SWITCHES)
