"""What the browser tests share: marks, keys, and ways to find elements."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tools.browser import has_browser

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver
    from selenium.webdriver.remote.webelement import WebElement

BROWSER_MARKS = [
    pytest.mark.slow,
    pytest.mark.skipif(not has_browser(), reason="chromium or chromedriver is not installed"),
    pytest.mark.xdist_group("browser"),
]
KEYS = {"left": "\ue012", "right": "\ue014", "home": "\ue011", "end": "\ue010", "enter": "\ue007"}
"""Key codes of the WebDriver protocol."""


def find(page: WebDriver, key: str) -> WebElement:
    """An element by its id."""
    return page.find_element("id", key)
