"""Models and the clips that each is calibrated and measured on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastcar.reference.clip_model import TokenRows
from fastcar.reference.generate import Prompts
from fastcar.reference.video.model import SHIPPED_MODEL, VideoModel, load_video_model
from tools.real_video.sources import SOURCES

REAL_VIDEO = Path("out/real_video/model")
"""What `make real-video-clips` makes: the shipped model with clips of all films."""


@dataclass(frozen=True)
class ClipSet:
    """A model with clips.

    Attributes:
        name: "digits" or "real".
        model: decodes them.
        calibration: thresholds come from these alone.
        fitting: corrections and means come from these, which the clips before are among.
        held_out: everything is measured on these.
        sources: of every held-out clip, its source.
    """

    name: str
    model: VideoModel
    calibration: TokenRows
    fitting: TokenRows
    held_out: TokenRows
    sources: tuple[str, ...]


def load_clip_set(name: str, held_out: int, calibration: int, fitting: int) -> ClipSet:
    """Load a set.

    Args:
        name: "digits" or "real".
        held_out: clips of every source; of the digits, which have one, 8 times as many.
        calibration: likewise, 4 times as many.
        fitting: likewise, 4 times as many; of the same clips, at least as many.
    """
    if name == "digits":
        model = load_video_model(SHIPPED_MODEL)
        rows = model.load_rows("held_out").take(8 * held_out)
        return ClipSet(
            name,
            model,
            model.load_rows("calibration").take(4 * calibration),
            model.load_rows("calibration").take(4 * fitting),
            cut_frames(rows, model),
            ("digits",) * len(rows),
        )
    if not (REAL_VIDEO / "clips.safetensors").exists():
        raise SystemExit(f"{REAL_VIDEO}: no clips; `make real-video-clips` fetches them")
    model = load_video_model(REAL_VIDEO)
    names = [source.name for source in SOURCES if source.held_out]
    calibrated = [f"{source.name}_calibration" for source in SOURCES if source.calibration]
    return ClipSet(
        name,
        model,
        join([model.load_rows(split).take(calibration) for split in calibrated]),
        join([model.load_rows(split).take(fitting) for split in calibrated]),
        join([model.load_rows(split).take(held_out) for split in names]),
        tuple(split for split in names for _ in range(held_out)),
    )


def cut_frames(rows: TokenRows, model: VideoModel) -> TokenRows:
    """The rows, no longer than the model was trained for."""
    tokens = model.num_frames * model.tokens_per_frame
    return TokenRows(rows.prompts, rows.token_ids[:, :tokens], rows.source)


def join(parts: list[TokenRows]) -> TokenRows:
    """Rows one after the other."""
    prompts = Prompts(
        np.concatenate([part.prompts.conditional for part in parts]),
        np.concatenate([part.prompts.unconditional for part in parts]),
    )
    return TokenRows(prompts, np.concatenate([part.token_ids for part in parts]), "joined clips")
