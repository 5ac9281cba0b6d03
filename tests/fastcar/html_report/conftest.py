"""A page of what the real commands write, in a browser; made once for all tests of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fastcar.html_report.output import write_html_report
from tests.fastcar.html_report.sample_runs import run_commands
from tools.browser import open_browser, open_page, read_console, set_scheme

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver


@pytest.fixture(scope="package")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Directories of the runs: videos, hardware, findings."""
    return run_commands(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="package")
def path(runs: list[Path]) -> Path:
    """The page."""
    page = runs[0].parent / "page.html"
    write_html_report(runs, page)
    return page


@pytest.fixture(scope="package")
def opened(path: Path) -> Iterator[WebDriver]:
    """A browser that shows it."""
    with open_browser() as driver:
        open_page(driver, path)
        yield driver


@pytest.fixture
def page(opened: WebDriver) -> Iterator[WebDriver]:
    """Likewise; whatever a test does, the console must stay empty."""
    set_scheme(opened, "light")
    yield opened
    assert read_console(opened) == []
