"""The files of `fastcar generate`: GIFs, sheet, records, report.json, perhaps a correction."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from fastcar.colours import colour_frames
from fastcar.generation import Generation
from fastcar.metrics import compute_psnr
from fastcar.pictures import (
    Strip,
    colour_difference,
    draw_animation,
    draw_sheet,
    save_gif,
)
from fastcar.report import Report
from fastcar.run_records import RECORDS_NAME, make_records

SHEET_NAME = "sheet.png"
REPORT_NAME = "report.json"
CORRECTION_NAME = "correction.safetensors"
"""Written where replayed outputs are corrected; `--correction` reads it."""
MAX_TITLE_THRESHOLDS = 5
"""Thresholds that a title names where layers have their own."""


def make_strips(generation: Generation, video_index: int) -> list[Strip]:
    """Truth (where known), dense, replay and difference of one video."""
    dense = generation.dense_pixels[video_index]  # [T, H, W]
    replay = generation.replay_pixels[video_index]
    psnr = compute_psnr(replay, dense)
    strips = []
    if generation.truth_pixels is not None:
        truth = generation.truth_pixels[video_index]
        # a recorded clip may be shorter than the video
        missing = np.zeros((len(dense) - len(truth), *truth.shape[1:]), truth.dtype)
        strips.append(Strip("truth", colour_frames(np.concatenate([truth, missing]))))
    return [
        *strips,
        Strip("dense", generation.dense_colours[video_index]),
        Strip(
            "replay",
            generation.replay_colours[video_index],
            _get_replay_notes(generation, video_index),
            "replayed",
        ),
        Strip(
            "difference",
            colour_difference(dense, replay),
            tuple("same" if np.isinf(value) else f"{value:.1f}" for value in psnr),
            "PSNR dB",
        ),
    ]


def _get_replay_notes(generation: Generation, video_index: int) -> tuple[str, ...]:
    """Replayed share of every frame of one video; under guidance of both its rows."""
    replayed = generation.replay.record.replayed[
        :, :, video_index :: len(generation.dense.token_ids)
    ]
    per_token = replayed.mean(axis=(1, 2))
    tokens_per_frame = generation.model.geometry.tokens_per_frame
    starts = range(0, generation.frames * tokens_per_frame, tokens_per_frame)
    parts = [per_token[start : start + tokens_per_frame] for start in starts]
    # one frame of one token: its only token is never fed
    return tuple(f"{part.mean():.0%}" if len(part) else "-" for part in parts)


def name_video(generation: Generation, entry: Report) -> str:
    """Its clip and its prompt, as far as it has them; else the model.

    Args:
        generation: of all videos.
        entry: of the video, of `videos` in the report.
    """
    label, prompt = entry["label"], entry["prompt"]
    if generation.sources.truth_ids is None:
        return generation.model.name if prompt is None else str(prompt)
    return str(label) if prompt is None else f"{label}: {prompt}"


def describe_decision(report: Report) -> str:
    """Gate, thresholds and replayed share of a run, in one line of a picture.

    >>> gate = {"name": "tas", "method": "fixed", "thresholds": [0.5, None], "target_ratio": None}
    >>> describe_decision({"gate": gate, "replay": {"ratio": 0.25}})
    'gate tas, thresholds 0.5, none; 25.0 % of all MLPs replayed'
    """
    gate, ratio = report["gate"], report["replay"]["ratio"]
    values = ["none" if value is None else _format(value) for value in gate["thresholds"]]
    if len(set(values)) == 1:
        values = values[:1]
    if len(values) > MAX_TITLE_THRESHOLDS:
        values = [*values[: MAX_TITLE_THRESHOLDS - 2], "..", values[-1]]
    label = "guaranteed error" if gate["method"] == "certified" else "threshold"
    found = f"{label}{'s' * (len(values) > 1)} {', '.join(values)}" if values else gate["method"]
    target = (
        "" if gate["target_ratio"] is None else f" ({100 * gate['target_ratio']:.1f} % aimed at)"
    )
    share = "-" if ratio is None else f"{100 * ratio:.1f} %"
    return f"gate {gate['name']}, {found}; {share} of all MLPs replayed{target}"


def _format(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"


def write_results(generation: Generation, report: Report, directory: Path) -> Report:
    """Draw and write everything into a directory that exists.

    Args:
        generation: videos.
        report: of `build_report`.
        directory: takes the files.

    Returns:
        The report with the names of the files, as written to report.json.
    """
    seed = generation.request.seed
    blocks = []
    entries = []
    for video_index, entry in enumerate(report["videos"]):
        strips = make_strips(generation, video_index)
        name = f"{name_video(generation, entry)}   (seed {seed}, video {video_index})"
        title = f"{name}\n{describe_decision(report)}"
        name = f"video_{video_index:02d}.gif"
        save_gif(directory / name, draw_animation(title, strips), generation.is_coloured)
        entries.append({**entry, "gif": name})
        blocks.append((title, strips))
    draw_sheet(blocks).save(directory / SHEET_NAME)
    if generation.correction is not None:
        generation.correction.save(directory / CORRECTION_NAME)
    make_records(generation).save(directory / RECORDS_NAME)
    full = {**report, "videos": entries, "sheet": SHEET_NAME, "records": RECORDS_NAME}
    text = json.dumps(full, indent=1, allow_nan=False) + "\n"
    (directory / REPORT_NAME).write_text(text, encoding="utf-8")
    return full
