"""Pictures of generated videos: a GIF per video and one contact sheet of all.

Pixels are enlarged by repeating them, never smoothed. Differences are coloured: orange where the
first video is brighter, blue where the second is; a legend says so in every picture. A title has
several lines, one below the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Pixels = NDArray[np.floating]
Colours = NDArray[np.uint8]

BACKGROUND = (24, 26, 30)
INK = (225, 228, 232)
FAINT_INK = (150, 156, 164)
FONT_PIXELS = 14
LINE_PIXELS = 20
GAP_PIXELS = 4
TITLE_PIXELS = 96
SHEET_PIXELS = 1720
COLUMNS = 16
MAX_SHEET_VIDEOS = 8
"""Videos on one contact sheet; more would not be legible."""

GIF_FRAME_PIXELS = 192
FRAME_MILLISECONDS = 250

_ORANGE = np.array([255, 150, 40])
_BLUE = np.array([70, 160, 255])
_FONT = ImageFont.load_default(FONT_PIXELS)
LEGEND = (
    (tuple(_ORANGE.tolist()), "dense is brighter"),
    (tuple(_BLUE.tolist()), "replay is brighter"),
    ((0, 0, 0), "same"),
)
"""Colours of the difference."""
SWATCH_PIXELS = 12
LEGEND_GAP_PIXELS = 18


@dataclass(frozen=True)
class Strip:
    """One row of a sheet, one panel of a GIF.

    Attributes:
        title: stands before it.
        frames: [T, H, W, 3] uint8.
        notes: [T] texts that stand below the frames; empty for none.
        note_label: what the notes say, stands before them.
    """

    title: str
    frames: Colours
    notes: tuple[str, ...] = ()
    note_label: str = ""


def colour_difference(first: Pixels, second: Pixels) -> Colours:
    """[T, H, W] each to [T, H, W, 3] uint8: black where equal, orange or blue where not.

    >>> colour_difference(np.ones((1, 1, 1)), np.zeros((1, 1, 1))).ravel().tolist()
    [255, 150, 40]
    """
    gap = np.clip(np.asarray(first, np.float64) - second, -1, 1)[..., None]
    colours: Colours = np.maximum(gap, 0) * _ORANGE + np.maximum(-gap, 0) * _BLUE
    return colours.round().astype(np.uint8)


def enlarge_pixels(frame: Colours, factor: int) -> Image.Image:
    """[H, W, 3] to an image `factor` times as large, every pixel a square."""
    return Image.fromarray(frame.repeat(factor, axis=0).repeat(factor, axis=1))


def draw_sheet(videos: Sequence[tuple[str, Sequence[Strip]]]) -> Image.Image:
    """Contact sheet: a block per video, a row per strip, frame numbers above the columns.

    Args:
        videos: (title, strips) of each video, strips of equal length; long ones wrap.
    """
    shown = videos[:MAX_SHEET_VIDEOS]
    factor = _get_sheet_factor(shown[0][1][0].frames)
    blocks = [
        _draw_block(title if start == 0 else "", strips, start, factor)
        for title, strips in shown
        for start in range(0, len(strips[0].frames), COLUMNS)
    ]
    blocks.append(_draw_legend())
    if len(videos) > len(shown):
        blocks.append(_draw_line(f"the first {len(shown)} of {len(videos)} videos"))
    width, height = max(block.width for block in blocks), sum(block.height for block in blocks)
    sheet = Image.new("RGB", (width, height), BACKGROUND)
    top = 0
    for block in blocks:
        sheet.paste(block, (0, top))
        top += block.height
    return sheet


def _get_sheet_factor(frames: Colours) -> int:
    columns = min(COLUMNS, len(frames))
    room = (SHEET_PIXELS - TITLE_PIXELS) // columns - GAP_PIXELS
    return max(1, min(GIF_FRAME_PIXELS, room) // int(frames.shape[2]))


def _draw_line(text: str) -> Image.Image:
    line = Image.new("RGB", (SHEET_PIXELS // 2, LINE_PIXELS + GAP_PIXELS), BACKGROUND)
    ImageDraw.Draw(line).text((GAP_PIXELS, GAP_PIXELS), text, INK, _FONT)
    return line


def _draw_legend() -> Image.Image:
    line = Image.new("RGB", (_measure_legend(), LINE_PIXELS + GAP_PIXELS), BACKGROUND)
    _add_legend(ImageDraw.Draw(line), GAP_PIXELS)
    return line


def _add_legend(draw: ImageDraw.ImageDraw, top: int) -> None:
    """What the colours of the difference mean; the squares are framed, for one is black."""
    left = GAP_PIXELS
    for colour, text in LEGEND:
        corner = left + SWATCH_PIXELS, top + SWATCH_PIXELS + 2
        draw.rectangle(((left, top + 2), corner), fill=colour, outline=FAINT_INK)
        left += SWATCH_PIXELS + GAP_PIXELS
        draw.text((left, top), text, FAINT_INK, _FONT)
        left += round(_FONT.getlength(text)) + LEGEND_GAP_PIXELS


def _measure_legend() -> int:
    """Pixels in a row that the legend takes."""
    texts = sum(round(_FONT.getlength(text)) for _, text in LEGEND)
    return GAP_PIXELS + texts + len(LEGEND) * (SWATCH_PIXELS + GAP_PIXELS + LEGEND_GAP_PIXELS)


def _measure_title(title: str) -> int:
    """Pixels in a row that the longest line takes, with a gap on both sides."""
    longest = max(_FONT.getlength(line) for line in title.split("\n"))
    return 2 * GAP_PIXELS + math.ceil(longest)


def _draw_block(title: str, strips: Sequence[Strip], start: int, factor: int) -> Image.Image:
    """Frames `start` to `start` + COLUMNS of one video."""
    height, width = (size * factor for size in strips[0].frames.shape[1:3])
    columns = min(COLUMNS, len(strips[0].frames) - start)
    rows = sum(height + GAP_PIXELS + LINE_PIXELS * bool(strip.notes) for strip in strips)
    lines = title.split("\n") if title else []
    size = (
        max(TITLE_PIXELS + columns * (width + GAP_PIXELS) + GAP_PIXELS, _measure_title(title)),
        (len(lines) + 1) * LINE_PIXELS + rows + 2 * GAP_PIXELS,
    )
    block = Image.new("RGB", size, BACKGROUND)
    draw = ImageDraw.Draw(block)
    top = GAP_PIXELS
    for line, colour in zip(lines, (INK, *[FAINT_INK] * len(lines)), strict=False):
        draw.text((GAP_PIXELS, top), line, colour, _FONT)
        top += LINE_PIXELS
    centres = [
        TITLE_PIXELS + column * (width + GAP_PIXELS) + width // 2 for column in range(columns)
    ]
    for column, centre in enumerate(centres):
        draw.text((centre, top), str(start + column), FAINT_INK, _FONT, anchor="ma")
    draw.text((GAP_PIXELS, top), "frame", FAINT_INK, _FONT)
    top += LINE_PIXELS
    for strip in strips:
        draw.text((GAP_PIXELS, top + height // 2), strip.title, INK, _FONT, anchor="lm")
        draw.text((GAP_PIXELS, top + height + 2), strip.note_label, FAINT_INK, _FONT)
        for column, centre in enumerate(centres):
            image = enlarge_pixels(strip.frames[start + column], factor)
            block.paste(image, (centre - width // 2, top))
            if strip.notes:
                place = (centre, top + height + 2)
                draw.text(place, strip.notes[start + column], FAINT_INK, _FONT, anchor="ma")
        top += height + GAP_PIXELS + LINE_PIXELS * bool(strip.notes)
    return block


def draw_animation(title: str, strips: Sequence[Strip]) -> list[Image.Image]:
    """Frames of a GIF: the strips side by side, title and frame's number above, legend below."""
    num_frames, height, width = strips[0].frames.shape[:3]
    factor = max(1, GIF_FRAME_PIXELS // width)
    panel = width * factor + GAP_PIXELS
    lines = title.split("\n")
    number_pixels = round(_FONT.getlength(f"frame {num_frames}")) + LEGEND_GAP_PIXELS
    room = max(_measure_title(lines[0]) + number_pixels, _measure_title(title), _measure_legend())
    top = (len(lines) + 1) * LINE_PIXELS
    bottom = top + height * factor
    size = (max(len(strips) * panel + GAP_PIXELS, room), bottom + 2 * LINE_PIXELS + GAP_PIXELS)
    images = []
    for frame_index in range(num_frames):
        image = Image.new("RGB", size, BACKGROUND)
        draw = ImageDraw.Draw(image)
        for index, line in enumerate(lines):
            colour = FAINT_INK if index else INK
            draw.text((GAP_PIXELS, 2 + index * LINE_PIXELS), line, colour, _FONT)
        number = f"frame {frame_index}"
        draw.text((size[0] - GAP_PIXELS, 2), number, FAINT_INK, _FONT, anchor="ra")
        for position, strip in enumerate(strips):
            left = GAP_PIXELS + position * panel
            draw.text((left, top - LINE_PIXELS + 2), strip.title, FAINT_INK, _FONT)
            image.paste(enlarge_pixels(strip.frames[frame_index], factor), (left, top))
            if strip.notes:
                note = f"{strip.note_label} {strip.notes[frame_index]}"
                draw.text((left, bottom + 2), note, FAINT_INK, _FONT)
        _add_legend(draw, bottom + LINE_PIXELS)
        images.append(image)
    return images


def make_palette() -> Image.Image:
    """256 colours that every picture here consists of, within rounding: grey, orange, blue.

    A palette chosen per frame would make equal pixels differ from frame to frame.
    """
    greys = np.linspace(0, 255, 128)[:, None].repeat(3, axis=1)
    shares = np.linspace(1 / 64, 1, 64)[:, None]
    colours = np.concatenate([greys, shares * _ORANGE, shares * _BLUE]).round().astype(np.uint8)
    palette = Image.new("P", (1, 1))
    palette.putpalette(colours.tobytes())
    return palette


def save_gif(path: Path, images: Sequence[Image.Image], is_coloured: bool = False) -> None:
    """Write an endless GIF; coloured ones take their palette from all of their frames."""
    palette = make_palette()
    if is_coloured:
        strip = Image.fromarray(np.concatenate([np.asarray(image) for image in images]))
        palette = strip.quantize(dither=Image.Dither.NONE)
    first, *rest = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    first.save(
        path, save_all=True, append_images=rest, duration=FRAME_MILLISECONDS, loop=0, optimize=False
    )
