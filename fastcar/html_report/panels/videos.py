"""The player: dense, replay and difference side by side, the same frame in all of them."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from html import escape
from io import BytesIO

import numpy as np
from PIL import Image

from fastcar.html_report.chart import Json, Panel, make_panel
from fastcar.html_report.elements import make_button, make_paragraphs
from fastcar.html_report.panels.decisions import encode_decisions
from fastcar.html_report.runs.generate_run import GenerateRun
from fastcar.run_records import Bytes

PANE_PIXELS = 256
MAX_VIDEO_BYTES = 3_000_000
"""Of the frames and decisions of one run, as text; videos beyond them are left out."""


def make_videos_panel(run: GenerateRun, videos: Sequence[Json], key: str) -> Panel:
    """The player, or a line that says why there is none.

    Args:
        run: of `fastcar generate`.
        videos: of `list_videos`.
        key: of the panel.
    """
    if run.records is None:
        lines = ["This run is older than records.npz, so its frames are only in its GIFs."]
        return make_panel(key, "Videos", make_paragraphs(lines, "missing"))
    if not videos:
        lines = ["The frames and decisions of one video alone would make this file too large."]
        return make_panel(key, "Videos", make_paragraphs(lines, "missing"))
    frames, height, width = run.records.dense_frames.shape[1:]
    content: Json = {
        "frames": frames,
        "columns": count_columns(frames),
        "height": height,
        "width": width,
        "places": run.tokens_per_frame,
        "layers": len(run.by_layer),
        "videos": videos,
    }
    has_truth = run.records.truth_frames is not None
    strips = (*(["truth"] if has_truth else []), "dense", "replay", "difference")
    words = "space plays and pauses, arrow keys step, Home and End go to the first and last frame"
    player = (
        f'<div class="player" data-player="{key}">'
        f"{_make_controls(key, run.titles[: len(videos)], frames)}"
        f'<div class="panes" id="{key}-panes" tabindex="0" role="group" '
        f'aria-label="player: {words}">'
        f"{''.join(_make_pane(key, name, height, width) for name in strips)}</div>"
        f"{_make_legend(key)}</div>"
    )
    notes = make_paragraphs(_list_notes(run, len(videos)))
    return make_panel(key, "Videos", player, notes, content={key: content})


def list_videos(run: GenerateRun) -> list[Json]:
    """Frames and decisions of as many videos as there is room for; none without records."""
    videos: list[Json] = []
    left = MAX_VIDEO_BYTES
    for index, title in enumerate(run.titles if run.records is not None else ()):
        video = encode_video(run, index, title)
        left -= sum(len(value) for value in video.values() if isinstance(value, str))
        if left < 0:
            break
        videos.append(video)
    return videos


def encode_video(run: GenerateRun, index: int, title: str) -> Json:
    """One video: every strip a PNG with its frames in a grid, decisions as bytes."""
    records = run.records
    assert records is not None
    video: Json = {"title": title, **encode_decisions(run, index)}
    columns = count_columns(records.dense_frames.shape[1])
    for name in ("dense", "replay", "truth"):
        frames: Bytes | None = getattr(records, f"{name}_frames")
        if frames is not None:
            video[name] = encode_frames(frames[index], columns)
            video[f"{name}_frames"] = frames.shape[1]
    return video


def count_columns(frames: int) -> int:
    """Columns of a grid of frames; in one row they could be wider than browsers draw.

    >>> count_columns(16), count_columns(17), count_columns(1)
    (4, 5, 1)
    """
    return math.ceil(math.sqrt(frames))


def encode_frames(frames: Bytes, columns: int) -> str:
    """[T, H, W] as the data of one PNG, a grid filled row by row."""
    num_frames, height, width = frames.shape
    rows = math.ceil(num_frames / columns)
    grid = np.zeros((rows * columns, height, width), np.uint8)
    grid[:num_frames] = frames
    grid = grid.reshape(rows, columns, height, width).transpose(0, 2, 1, 3)
    buffer = BytesIO()
    image = Image.fromarray(np.ascontiguousarray(grid.reshape(rows * height, columns * width)))
    image.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _list_notes(run: GenerateRun, shown: int) -> list[str]:
    """What is left out, and which row is shown."""
    assert run.records is not None
    lines = []
    if shown < len(run.titles):
        lines.append(f"The first {shown} of {len(run.titles)} videos; more would be too large.")
    if run.records.measures.shape[2] > len(run.titles):
        lines.append("Under guidance maps show the row with the prompt, shares count both rows.")
    return lines


def _make_controls(key: str, titles: Sequence[str], frames: int) -> str:
    options = "".join(
        f'<option value="{index}">{index}: {escape(title)}</option>'
        for index, title in enumerate(titles)
    )
    return (
        f'<div class="controls"><label for="{key}-video">Video</label>'
        f'<select id="{key}-video" data-action="video">{options}</select>'
        f"{make_button(f'{key}-back', '◀ back', 'back')}"
        f"{make_button(f'{key}-play', 'play', 'play')}"
        f"{make_button(f'{key}-on', 'on ▶', 'on')}"
        f'<label for="{key}-frame">Frame</label><input type="range" id="{key}-frame" '
        f'data-action="frame" min="0" max="{frames - 1}" value="0" step="1">'
        f'<output id="{key}-text" for="{key}-frame" aria-live="off"></output></div>'
    )


def _make_pane(key: str, name: str, height: int, width: int) -> str:
    factor = max(1, PANE_PIXELS // max(width, 1))
    size = f"width:{width * factor}px;height:{height * factor}px"
    caption = f'<strong>{name}</strong> <span id="{key}-{name}-note"></span>'
    return (
        f'<figure class="pane"><canvas id="{key}-{name}" width="{width}" height="{height}" '
        f'style="{size}" role="img" aria-label="{name}"></canvas>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _make_legend(key: str) -> str:
    return (
        '<p class="legend"><span class="coloured"><span class="swatch orange"></span> dense is '
        'brighter <span class="swatch blue"></span> replay is brighter <span class="swatch '
        'black"></span> same</span><span class="greys" hidden><span class="swatch light"></span> '
        'dense is brighter <span class="swatch dark"></span> replay is brighter <span '
        'class="swatch middle"></span> same</span> '
        f'<label><input type="checkbox" id="{key}-grey" data-action="grey"> difference without '
        "colours</label></p>"
    )
