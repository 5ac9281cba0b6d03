"""The page in a headless Chromium: it loads nothing, names everything, and can be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from fastcar.html_report.output import MAX_BYTES
from tests.fastcar.html_report.browser_page import BROWSER_MARKS, KEYS
from tools.browser import open_page, read_console, set_scheme

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

pytestmark = BROWSER_MARKS


def test_the_page_loads_itself_and_nothing_else(page: WebDriver, path: Path) -> None:
    requests = [
        json.loads(entry["message"])["message"]["params"]["request"]["url"]
        for entry in page.get_log("performance")
        if '"Network.requestWillBeSent"' in entry["message"]
    ]
    assert path.as_uri() in requests
    assert {url.split(":")[0] for url in requests} <= {"file", "data"}
    assert path.stat().st_size < MAX_BYTES


def test_tables_open_by_the_keyboard(page: WebDriver) -> None:
    summaries = page.find_elements("css selector", "summary")
    assert len(summaries) > 20
    for summary in summaries[:3]:
        parent = summary.find_element("xpath", "..")
        for is_open in (True, False):
            summary.send_keys(KEYS["enter"])
            assert parent.get_property("open") is is_open
            assert parent.find_element("css selector", "table, dl").is_displayed() is is_open


def test_every_control_is_reached_and_named(page: WebDriver) -> None:
    """What assistive programs are told: a name for every control and every picture."""
    nodes = page.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    kinds = {"button", "combobox", "slider", "checkbox", "image", "DisclosureTriangle", "link"}
    found: dict[str, int] = {}
    for node in nodes:
        kind = node.get("role", {}).get("value")
        if kind in kinds and not node["ignored"]:
            assert node["name"]["value"].strip(), node
            found[kind] = found.get(kind, 0) + 1
    assert found["button"] >= 8
    assert found["slider"] == 1
    assert found["combobox"] == 2
    assert found["image"] >= 12
    unreached = page.execute_script(
        "return [...document.querySelectorAll('button, select, input, summary, .panes, .scrolled')]"
        ".filter((one) => one.tabIndex !== 0).length"
    )
    assert unreached == 0


def compute_luminance(colour: str) -> float:
    """Relative luminance of `rgb(...)`, as WCAG defines it."""
    parts = colour[colour.index("(") + 1 : -1].split(",")[:3]
    levels = np.array([int(part) / 255 for part in parts])
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


COLOURS = """
const paper = getComputedStyle(document.body).backgroundColor;
const raised = getComputedStyle(document.querySelector(".panel")).backgroundColor;
const names = ["p", "h2", "summary", "button", "output", "th", "figcaption", ".missing"];
const texts = names.flatMap((name) => [...document.querySelectorAll(name)].slice(0, 3));
const drawn = [...document.querySelectorAll(".role-axis-label text, .role-legend-label text")];
const colours = [
  ...texts.map((one) => getComputedStyle(one).color),
  ...drawn.map((one) => getComputedStyle(one).fill),
];
return [paper, raised, [...new Set(colours)]];
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_their_ground(page: WebDriver, scheme: str) -> None:
    set_scheme(page, scheme)
    paper, raised, colours = page.execute_script(COLOURS)
    assert (compute_luminance(paper) > 0.5) == (scheme == "light")
    assert len(colours) >= 3
    for ground in (paper, raised):
        for colour in colours:
            low, high = sorted((compute_luminance(ground), compute_luminance(colour)))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (ground, colour)


def test_the_policy_stops_what_would_be_loaded_or_run(opened: WebDriver, path: Path) -> None:
    open_page(opened, path)  # anew, for this test spoils the console
    script = """
    const done = arguments[0], found = [];
    document.addEventListener("securitypolicyviolation", (event) => {
      found.push(event.effectiveDirective);
      if (found.length === 3) done(found.sort());
    });
    document.body.append(Object.assign(new Image(), { src: "http://127.0.0.1:9/a.png" }));
    const inline = document.createElement("script");
    inline.textContent = "window.ran = true";
    document.body.append(inline);
    fetch("http://127.0.0.1:9/").catch(() => null);
    """
    opened.set_script_timeout(20)
    found = opened.execute_async_script(script)
    assert found == ["connect-src", "img-src", "script-src-elem"]
    assert opened.execute_script("return window.ran") is None
    assert len(read_console(opened)) >= 3  # these were wanted
    open_page(opened, path)
