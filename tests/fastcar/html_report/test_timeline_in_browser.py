"""Core timelines in a headless Chromium: zoom and move by buttons, keys and wheel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fastcar.html_report.browser_page import BROWSER_MARKS, KEYS, find

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

pytestmark = BROWSER_MARKS


def read_range(page: WebDriver) -> list[int]:
    """Cycles that both timelines show."""
    text = find(page, "r2-timeline-range").text.replace(",", "").split()
    return [int(text[1]), int(text[3])]


def test_timelines_zoom_and_move_by_buttons_keys_and_wheel(page: WebDriver) -> None:
    figure = find(page, "r2-timeline-chart")
    figure.send_keys("0")
    whole = read_range(page)
    find(page, "r2-timeline-in").click()
    zoomed = read_range(page)
    assert zoomed[1] - zoomed[0] == pytest.approx((whole[1] - whole[0]) / 1.5, abs=2)
    find(page, "r2-timeline-right").click()
    assert read_range(page)[0] > zoomed[0]
    figure.send_keys(KEYS["left"])
    assert read_range(page)[0] == pytest.approx(zoomed[0], abs=2)
    figure.send_keys("+")
    assert read_range(page)[1] - read_range(page)[0] < zoomed[1] - zoomed[0]
    for _ in range(9):
        figure.send_keys("-")
    assert read_range(page) == whole
    find(page, "r2-timeline-left").click()
    assert read_range(page) == whole
    for _ in range(40):
        figure.send_keys("=")
    assert read_range(page)[1] - read_range(page)[0] == pytest.approx(16, abs=1)
    figure.send_keys("0")
    assert read_range(page) == whole
    script = (
        "document.querySelector('#r2-timeline-chart .plot').dispatchEvent(new WheelEvent('wheel',"
        "{deltaY: -9, ctrlKey: arguments[0], clientX: 300, cancelable: true}))"
    )
    page.execute_script(script, False)
    assert read_range(page) == whole
    page.execute_script(script, True)
    assert read_range(page) != whole
    figure.send_keys("0")


def test_zoom_shows_the_cycles_that_it_says(page: WebDriver) -> None:
    """Bars move in the drawing, in both mappings."""
    script = (
        "return [...document.querySelectorAll('#r2-timeline-chart .mark-rect path')]"
        ".map((one) => one.getAttribute('d') + one.parentNode.getAttribute('transform'))"
    )
    find(page, "r2-timeline-whole").click()
    page.execute_async_script("setTimeout(arguments[0], 300)")
    before = page.execute_script(script)
    find(page, "r2-timeline-in").click()
    page.execute_async_script("setTimeout(arguments[0], 300)")
    after = page.execute_script(script)
    assert len(before) == len(after) > 4
    assert sum(one != other for one, other in zip(before, after, strict=True)) > len(before) / 2
