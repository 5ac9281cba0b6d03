"""A tiny model whose whole decoder is counted in seconds."""

from __future__ import annotations

import pytest

from fastcar.reference.clips import quantize_whole_clip_model
from fastcar.reference.video.model import VideoModel, load_video_model
from tests.fastcar.tiny_video_model import save_tiny_video_model
from tests.tools.hardware.decoder.tiny import TINY
from tools.hardware.decoder.measure import Measured, make_measured


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> VideoModel:
    """Random weights and clips, 4 tokens per frame."""
    return load_video_model(save_tiny_video_model(tmp_path_factory.mktemp("model") / "tiny"))


@pytest.fixture(scope="session")
def measured(tiny_model: VideoModel) -> Measured:
    """Its integers and its memory."""
    whole = quantize_whole_clip_model(tiny_model, TINY.calibration_clips, TINY.frames)
    return make_measured(tiny_model, whole, TINY)
