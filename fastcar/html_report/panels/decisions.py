"""Decisions of one video as bytes for the script: what was decided, how old, by which measure."""

from __future__ import annotations

import base64

import numpy as np
from numpy.typing import NDArray

from fastcar.html_report.chart import Json
from fastcar.html_report.runs.generate_run import GenerateRun

DECISIONS = ("computed", "replayed", "may not replay", "not fed")
"""By their numbers in the bytes."""

MAX_AGE = 255


def encode_decisions(run: GenerateRun, index: int) -> Json:
    """Decision and age (bytes) and measure (float32, little-endian) of [T N, L], as Base64.

    Under guidance those of the row with the prompt. The last token of a video is never fed.
    """
    records = run.records
    assert records is not None
    layers = records.measures.shape[1]
    eligible, replayed = records.eligible[:, :, index], records.replayed[:, :, index]
    decisions = np.where(replayed, 1, np.where(eligible, 0, 2)).astype(np.uint8)
    ages = np.minimum(records.chains[:, :, index], MAX_AGE).astype(np.uint8)
    measures = np.where(eligible, records.measures[:, :, index], np.nan).astype("<f4")
    last = np.full((1, layers), 3, np.uint8)
    nothing = np.zeros((1, layers), np.uint8)
    return {
        "shares": list_shares(run, index),
        "decisions": to_base64(np.concatenate([decisions, last])),
        "ages": to_base64(np.concatenate([ages, nothing])),
        "measures": to_base64(np.concatenate([measures, np.full((1, layers), np.nan, "<f4")])),
    }


def list_shares(run: GenerateRun, index: int) -> list[float | None]:
    """Replayed share of every frame, of all rows of the video; None where nothing was fed."""
    assert run.records is not None
    replayed = run.records.replayed[:, :, index :: len(run.titles)].mean(axis=(1, 2))
    starts = range(0, len(run.by_frame) * run.tokens_per_frame, max(run.tokens_per_frame, 1))
    parts = [replayed[start : start + run.tokens_per_frame] for start in starts]
    return [float(part.mean()) if len(part) else None for part in parts]


def to_base64(array: NDArray[np.generic]) -> str:
    """The bytes of an array, row after row."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
