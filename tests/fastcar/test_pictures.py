from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastcar import pictures
from fastcar.colours import colour_frames
from fastcar.pictures import Strip


def make_strips(num_frames: int, notes: bool = True) -> list[Strip]:
    rng = np.random.default_rng(0)
    frames = colour_frames(rng.random((num_frames, 8, 8)))
    texts = tuple(f"{index} %" for index in range(num_frames)) if notes else ()
    return [Strip("dense", frames), Strip("replay", frames, texts, "replayed")]


def test_enlarged_pixels_are_squares_of_the_same_colour() -> None:
    frame = np.random.default_rng(0).integers(256, size=(4, 5, 3), dtype=np.uint8)
    image = np.array(pictures.enlarge_pixels(frame, 3))
    assert image.shape == (12, 15, 3)
    for offset in range(3):
        assert (image[offset::3, offset::3] == frame).all()


def test_difference_tells_which_side_is_brighter() -> None:
    first, second = np.array([[[1.0, 0.0, 0.5]]]), np.array([[[0.0, 1.0, 0.5]]])
    colours = pictures.colour_difference(first, second)[0, 0].tolist()
    assert colours == [[255, 150, 40], [70, 160, 255], [0, 0, 0]]


def count_colours(image: object) -> set[int]:
    """Colours of an image, each as one number."""
    numbers = np.array(image).reshape(-1, 3) @ np.array([1, 256, 65536])
    return set(np.unique(numbers).tolist())


@pytest.mark.parametrize(("num_frames", "num_videos"), [(1, 1), (16, 3), (17, 1), (32, 9)])
def test_sheet_shows_every_frame_in_original_colours(num_frames: int, num_videos: int) -> None:
    strips = make_strips(num_frames)
    sheet = pictures.draw_sheet([(f"video {index}", strips) for index in range(num_videos)])
    assert sheet.width <= pictures.SHEET_PIXELS
    assert count_colours(strips[0].frames) <= count_colours(sheet)


def test_gif_holds_every_frame_within_its_palette(tmp_path: Path) -> None:
    images = pictures.draw_animation("3 up", make_strips(3))
    pictures.save_gif(tmp_path / "video.gif", images)
    with Image.open(tmp_path / "video.gif") as animation:
        for index, image in enumerate(images):
            animation.seek(index)
            gap = np.array(animation.convert("RGB")).astype(int) - np.array(image)
            # the background is no pure grey, and the library's search rounds
            assert np.abs(gap).max() <= 12


def test_frames_of_an_animation_have_the_same_size() -> None:
    for notes in (True, False):
        sizes = {image.size for image in pictures.draw_animation("3 up", make_strips(3, notes))}
        assert len(sizes) == 1


@pytest.mark.parametrize(("is_coloured", "keeps"), [(True, True), (False, False)])
def test_a_coloured_gif_takes_its_palette_from_its_frames(
    tmp_path: Path, is_coloured: bool, keeps: bool
) -> None:
    images = [Image.new("RGB", (8, 8), colour) for colour in ((250, 10, 10), (10, 250, 10))]
    pictures.save_gif(tmp_path / "a.gif", images, is_coloured)
    with Image.open(tmp_path / "a.gif") as gif:
        first = np.asarray(gif.convert("RGB"), int)
    assert (abs(first - [250, 10, 10]).max() < 8) == keeps


TITLE = "a prompt of many words, and more of them" * 3 + "\ngate tas, threshold 0.25; " * 2


def count_ink(image: Image.Image) -> int:
    """Pixels of the first two lines that are no background."""
    lines = np.array(image)[: pictures.GAP_PIXELS + 2 * pictures.LINE_PIXELS]
    return int((lines != pictures.BACKGROUND).any(axis=-1).sum())


def test_a_title_is_whole_however_few_frames_stand_below_it() -> None:
    few, many = (pictures.draw_sheet([(TITLE, make_strips(frames))]) for frames in (1, 16))
    assert count_ink(few) == count_ink(many) > 1000


def test_no_line_of_a_title_runs_out_of_an_animation() -> None:
    """The last columns of pixels are background."""
    for image in pictures.draw_animation(TITLE, make_strips(1)):
        margin = np.array(image)[: 2 * pictures.LINE_PIXELS, -2:]
        assert (margin == pictures.BACKGROUND).all()


def test_every_picture_has_the_legend_of_its_colours() -> None:
    strips = [Strip("dense", np.zeros((1, 8, 8, 3), np.uint8))]
    legend = [np.array(colour) @ [1, 256, 65536] for colour, _ in pictures.LEGEND]
    assert len(set(legend)) == 3
    for image in (pictures.draw_sheet([("", strips)]), *pictures.draw_animation("", strips)):
        assert set(legend) <= count_colours(image)


def test_lines_of_a_title_stand_one_below_the_other() -> None:
    strips = make_strips(1)
    heights = [pictures.draw_sheet([(title, strips)]).height for title in ("one", "one\ntwo")]
    assert heights[1] - heights[0] == pictures.LINE_PIXELS
