"""Player and heat maps in a headless Chromium: they show what the run was, by every control."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from fastcar.colours import colour_frames
from fastcar.pictures import colour_difference
from fastcar.run_records import read_records
from tests.fastcar.html_report.browser_page import BROWSER_MARKS, KEYS, find

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

pytestmark = BROWSER_MARKS


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


@pytest.mark.parametrize("video", [0, 1])
def test_panes_show_the_frames_of_the_run(page: WebDriver, runs: list[Path], video: int) -> None:
    records = read_records(runs[0] / "records.npz")
    dense, replay = records.dense_frames[video], records.replay_frames[video]
    for frame in (1, 6, len(dense) - 1):
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
