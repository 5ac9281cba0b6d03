"""The page in a headless Chromium: every control works, nothing is loaded, nothing complains."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from fastcar.html_report.output import MAX_BYTES, write_html_report
from fastcar.pictures import colour_difference, colour_frames
from fastcar.run_records import read_records
from tests.fastcar.html_report.sample_runs import run_commands
from tools.browser import has_browser, open_browser, open_page, read_console, set_scheme

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver
    from selenium.webdriver.remote.webelement import WebElement

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not has_browser(), reason="chromium or chromedriver is not installed"),
    pytest.mark.xdist_group("browser"),
]
KEYS = {"left": "\ue012", "right": "\ue014", "home": "\ue011", "end": "\ue010", "enter": "\ue007"}
"""Key codes of the WebDriver protocol."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return run_commands(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def path(runs: list[Path]) -> Path:
    page = runs[0].parent / "page.html"
    write_html_report(runs, page)
    return page


@pytest.fixture(scope="module")
def driver() -> Iterator[WebDriver]:
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def opened(driver: WebDriver, path: Path) -> WebDriver:
    open_page(driver, path)
    return driver


@pytest.fixture
def page(opened: WebDriver, path: Path) -> Iterator[WebDriver]:
    """The page, loaded once; whatever a test does, the console must stay empty."""
    set_scheme(opened, "light")
    yield opened
    assert read_console(opened) == []


def find(page: WebDriver, key: str) -> WebElement:
    return page.find_element("id", key)


def get_frame(page: WebDriver) -> int:
    return int(find(page, "r0-videos-frame").get_property("value"))  # type: ignore[arg-type]


def read_pane(page: WebDriver, name: str) -> Any:
    """Pixels [H, W, 3] that a pane shows."""
    script = (
        "const canvas = document.getElementById(arguments[0]);"
        "return [canvas.height, canvas.width, [...canvas.getContext('2d')"
        ".getImageData(0, 0, canvas.width, canvas.height).data]]"
    )
    height, width, values = page.execute_script(script, f"r0-videos-{name}")
    return np.array(values, np.uint8).reshape(height, width, 4)[..., :3]


def show_frame(page: WebDriver, frame: int, video: int = 0) -> None:
    """By the keys of the player."""
    find(page, "r0-videos-video").send_keys(str(video))
    panes = find(page, "r0-videos-panes")
    panes.send_keys(KEYS["home"])
    for _ in range(frame):
        panes.send_keys(KEYS["right"])
    assert get_frame(page) == frame


def test_the_page_loads_itself_and_nothing_else(page: WebDriver, path: Path) -> None:
    requests = [
        json.loads(entry["message"])["message"]["params"]["request"]["url"]
        for entry in page.get_log("performance")
        if '"Network.requestWillBeSent"' in entry["message"]
    ]
    assert path.as_uri() in requests
    assert {url.split(":")[0] for url in requests} <= {"file", "data"}
    assert path.stat().st_size < MAX_BYTES


@pytest.mark.parametrize("video", [0, 1])
def test_panes_show_the_frames_of_the_run(page: WebDriver, runs: list[Path], video: int) -> None:
    records = read_records(runs[0] / "records.npz")
    dense, replay = records.dense_frames[video], records.replay_frames[video]
    for frame in (0, 5, len(dense) - 1):
        show_frame(page, frame, video)
        for name, frames in (("dense", dense), ("replay", replay)):
            wanted = colour_frames(frames[frame : frame + 1] / 255)[0]
            assert (read_pane(page, name) == wanted).all(), (name, frame)
        one = slice(frame, frame + 1)
        gap = colour_difference(dense[one] / 255, replay[one] / 255)[0]
        assert np.abs(read_pane(page, "difference").astype(int) - gap).max() <= 1
    assert (dense != replay).any()


def test_a_difference_without_colours_is_grey_and_keeps_its_sign(
    page: WebDriver, runs: list[Path]
) -> None:
    records = read_records(runs[0] / "records.npz")
    last = records.dense_frames.shape[1] - 1
    show_frame(page, last)
    find(page, "r0-videos-grey").click()
    gap = records.dense_frames[0, last].astype(int) - records.replay_frames[0, last]
    shown = read_pane(page, "difference").astype(int)
    assert (shown == shown[..., :1]).all()
    assert (np.sign(shown[..., 0] - 128) == np.sign(gap)).all()
    assert gap.any()
    hidden = (
        "return [...document.querySelectorAll('.legend span[hidden]')].map((one) => one.className)"
    )
    assert page.execute_script(hidden) == ["coloured"]
    find(page, "r0-videos-grey").click()
    assert page.execute_script(hidden) == ["greys"]


def test_keys_and_buttons_step_through_the_frames(page: WebDriver) -> None:
    panes, last = find(page, "r0-videos-panes"), 15
    steps = ((KEYS["home"], 0), (KEYS["left"], last), (KEYS["right"], 0), (KEYS["end"], last))
    for key, frame in steps:
        panes.send_keys(key)
        assert get_frame(page) == frame
    find(page, "r0-videos-back").click()
    assert get_frame(page) == last - 1
    find(page, "r0-videos-on").send_keys(KEYS["enter"])
    assert get_frame(page) == last
    slider = find(page, "r0-videos-frame")
    slider.send_keys(KEYS["left"])
    assert get_frame(page) == last - 1
    assert find(page, "r0-videos-text").text == f"{last - 1} (of 0 to {last})"
    assert slider.get_attribute("aria-valuetext").startswith(f"frame {last - 1}, ")  # type: ignore[union-attr]
    label = find(page, "r0-videos-dense").get_attribute("aria-label")
    assert label == f"dense, frame {last - 1}"


@pytest.mark.parametrize("how", ["space on the panes", "space on the slider", "button", "its key"])
def test_the_video_plays_and_pauses(page: WebDriver, how: str) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    play, panes = find(page, "r0-videos-play"), find(page, "r0-videos-panes")
    presses = {
        "space on the panes": lambda: panes.send_keys(" "),
        "space on the slider": lambda: find(page, "r0-videos-frame").send_keys(" "),
        "button": play.click,
        "its key": lambda: play.send_keys(" "),
    }
    start = get_frame(page)
    presses[how]()
    assert play.text == "pause"
    WebDriverWait(page, 20).until(lambda _: get_frame(page) != start)
    presses[how]()
    assert play.text == "play"
    stopped = get_frame(page)
    page.execute_async_script("setTimeout(arguments[0], 600)")
    assert get_frame(page) == stopped


def count_cells(page: WebDriver, fill: str) -> int:
    """Cells of the map of decisions with a fill, once it has been drawn."""
    script = (
        "const done = arguments[1], view = document.querySelector('#r0-maps-decision svg');"
        "setTimeout(() => done([...view.querySelectorAll('.mark-rect path')].filter("
        "(cell) => cell.getAttribute('fill') === `url(#fill-${arguments[0]})`).length), 300)"
    )
    return int(page.execute_async_script(script, fill))


def test_maps_show_the_decisions_of_the_frame(page: WebDriver, runs: list[Path]) -> None:
    from selenium.webdriver.support.ui import Select

    records = read_records(runs[0] / "records.npz")
    replayed = records.replayed[:, :, 0]  # [S, L]
    show_frame(page, 3)
    frame = slice(3 * 64, 4 * 64)
    assert count_cells(page, "replayed") == replayed[frame].sum() > 0
    assert count_cells(page, "computed") == (~replayed[frame]).sum()
    show_frame(page, 0)
    assert count_cells(page, "may-not-replay") == replayed[:64].size
    Select(find(page, "r0-maps-rows")).select_by_value("2")
    assert count_cells(page, "replayed") == replayed[:, 2].sum() > 0
    assert count_cells(page, "not-fed") == 1
    assert find(page, "r0-maps-shown").text == "video 0, all frames"


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
