"""What is measured: the shipped models, each with its clips."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fastcar.analysis.settings import AnalysisSettings
from fastcar.reference.clip_model import TokenRows
from fastcar.reference.video.model import VideoModel, load_video_model
from fastcar.reference.video.shipped_models import shipped_model
from tools.replay_value.clip_sets import load_clip_set

DIGITS, CAMERA = "moving_digits", "real_video"
CLIPS_PER_SOURCE = 1
"""Held-out clips of every film, and clips that calibrate of every film that has some."""


@dataclass(frozen=True)
class CameraModel(VideoModel):
    """The model of camera video with clips of every film, whatever their rights (D-56)."""

    @property
    def name(self) -> str:
        """Of the shipped model."""
        return shipped_model(CAMERA).name

    def load_rows(self, split: str) -> TokenRows:
        """Clips of all films, as `make replay-value` takes them."""
        clips = load_clip_set("real", *(CLIPS_PER_SOURCE,) * 3)
        return {"held_out": clips.held_out, "calibration": clips.calibration}[split]

    def get_loader(self) -> Callable[[], VideoModel]:
        """Loads them again."""
        return load_camera_model


def load_camera_model() -> CameraModel:
    """The model of `make real-video-clips`."""
    model = load_clip_set("real", 1, 1, 1).model
    return CameraModel(**vars(model))


LOADERS: dict[str, Callable[[], VideoModel]] = {
    DIGITS: load_video_model,
    CAMERA: load_camera_model,
}


def choose_settings(model: VideoModel, engine: str, quick: bool) -> AnalysisSettings:
    """Every clip that the model brings, of the digits as many as ever; `engine` runs them."""
    settings = AnalysisSettings(engine=engine)
    if isinstance(model, CameraModel):
        rows = {name: len(model.load_rows(name)) for name in ("held_out", "calibration")}
        settings = AnalysisSettings(
            clips=rows["held_out"],
            long_clips=rows["held_out"],
            calibration_clips=rows["calibration"],
            engine=engine,
        )
    return (settings.get_quick() if quick else settings).fit(model)
