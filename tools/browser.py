"""A headless Chromium without any network, for the tests of pages and for their screenshots."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DRIVERS = ("chromedriver",)
PAGE_SECONDS = 60
"""That a page may take to draw itself, on a busy machine too."""


def find_program(names: tuple[str, ...]) -> str | None:
    """The first of some programs that is installed."""
    return next((path for name in names if (path := shutil.which(name)) is not None), None)


def has_browser() -> bool:
    """Whether a browser and its driver are installed."""
    return find_program(BROWSERS) is not None and find_program(DRIVERS) is not None


@contextmanager
def open_browser(width: int = 1280, height: int = 1000) -> Iterator[WebDriver]:
    """A browser; what goes to its console and what it asks of the network is kept.

    Args:
        width: of the window in pixels.
        height: likewise.
    """
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService

    options = ChromeOptions()
    options.binary_location = find_program(BROWSERS) or ""
    for argument in (
        "--headless=new",
        "--no-sandbox",  # as root there is none
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--force-device-scale-factor=1",
        "--hide-scrollbars",
        "--proxy-server=127.0.0.1:9",  # nobody answers there
        f"--window-size={width},{height}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = ChromeService(find_program(DRIVERS), log_output=os.devnull)
    driver = Chrome(options=options, service=service)
    try:
        yield driver
    finally:
        driver.quit()


def open_page(driver: WebDriver, path: Path) -> None:
    """Load a page and wait until all of its charts are drawn."""
    from selenium.webdriver.support.ui import WebDriverWait

    driver.get(path.resolve().as_uri())
    drawn = "return document.documentElement.dataset.drawn !== undefined"
    WebDriverWait(driver, PAGE_SECONDS).until(lambda page: page.execute_script(drawn))


def read_console(driver: WebDriver) -> list[str]:
    """What the page and the browser wrote to the console since the last call."""
    return [entry["message"] for entry in driver.get_log("browser")]


def set_scheme(driver: WebDriver, scheme: str) -> None:
    """Light or dark, as the user's system would say."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def take_screenshot(driver: WebDriver, top: int, height: int) -> bytes:
    """PNG of the whole width of the page, from `top` on, also of what the window does not show."""
    width = driver.execute_script("return document.documentElement.clientWidth")
    clip = {"x": 0, "y": top, "width": width, "height": height, "scale": 1}
    options = {"captureBeyondViewport": True, "clip": clip}
    return base64.b64decode(driver.execute_cdp_cmd("Page.captureScreenshot", options)["data"])
