"""A headless Chromium for the tests of pages; they are skipped by name where there is none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DRIVERS = ("chromedriver",)
SECONDS = 60
"""That a page may take to draw itself, on a busy machine too."""


def find_program(names: tuple[str, ...]) -> str | None:
    """The first of some programs that is installed."""
    return next((path for name in names if (path := shutil.which(name)) is not None), None)


needs_browser = pytest.mark.skipif(
    find_program(BROWSERS) is None or find_program(DRIVERS) is None,
    reason="chromium or its chromedriver is not installed",
)


@contextmanager
def open_browser(width: int = 1280, height: int = 1000) -> Iterator[WebDriver]:
    """A browser that may not reach any network; its console is kept."""
    selenium = pytest.importorskip("selenium.webdriver")
    options = selenium.ChromeOptions()
    options.binary_location = find_program(BROWSERS)
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--force-device-scale-factor=1",
        "--hide-scrollbars",
        f"--window-size={width},{height}",
        "--proxy-server=127.0.0.1:9",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = selenium.ChromeService(find_program(DRIVERS), log_output=os.devnull)
    driver = selenium.Chrome(options=options, service=service)
    try:
        driver.set_script_timeout(SECONDS)
        yield driver
    finally:
        driver.quit()


def open_page(driver: WebDriver, path: Path) -> None:
    """Load a page and wait until all of its charts are drawn."""
    from selenium.webdriver.support.ui import WebDriverWait

    driver.get(path.resolve().as_uri())
    drawn = "return document.documentElement.dataset.drawn"
    WebDriverWait(driver, SECONDS).until(lambda page: page.execute_script(drawn) is not None)


def read_console(driver: WebDriver) -> list[str]:
    """What the page wrote to its console since the last call, errors of the browser too."""
    return [entry["message"] for entry in driver.get_log("browser")]


def set_media(driver: WebDriver, scheme: str) -> None:
    """Light or dark, as the user's system would say."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
