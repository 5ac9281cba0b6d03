"""What is decoded of recorded clips, and what is calibrated on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fastcar.reference.calibration import calibrate_per_layer
from fastcar.reference.clips import (
    calibrate_on_rows,
    decode_rows,
    quantize_clip_model,
    quantize_whole_clip_model,
)
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gate_factory import make_measuring_gate
from fastcar.reference.generate import DecodeOptions
from fastcar.reference.integer.quantization import quantize_checkpoint
from fastcar.reference.integer.whole.quantization import quantize_whole_checkpoint
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.video.model import VideoModel, load_video_model
from tests.fastcar.tiny_video_model import save_tiny_video_model

FRAME = 4


@pytest.fixture
def model(tmp_path: Path) -> VideoModel:
    """A tiny one."""
    loaded = load_video_model(save_tiny_video_model(tmp_path / "model"))
    assert loaded.geometry.tokens_per_frame == FRAME
    return loaded


def test_given_frames_are_true_and_the_others_drawn(model: VideoModel) -> None:
    clips = model.load_rows("held_out").take(2)
    options = DecodeOptions(ReplayConfig(FRAME))
    forced = decode_rows(model, clips, options, 3)
    free = decode_rows(model, clips, options, 3, given_frames=1)
    assert np.array_equal(forced.token_ids, clips.token_ids[:, : 3 * FRAME])
    assert np.array_equal(free.token_ids[:, :FRAME], clips.token_ids[:, :FRAME])
    assert free.top_1[FRAME:].all()


def test_thresholds_are_those_of_a_dense_run_over_the_first_clips(model: VideoModel) -> None:
    seen: list[tuple[str, int, int]] = []
    found = calibrate_on_rows(
        model, "tas", 0.4, 2, 3, calibrate_per_layer, progress=lambda *told: seen.append(told)
    )
    gate = make_measuring_gate("tas", model.config.num_hidden_layers)
    options = DecodeOptions(ReplayConfig(FRAME), gate)
    dense = decode_rows(model, model.load_rows("calibration").take(2), options, 3).record
    assert found == calibrate_per_layer(dense, 0.4, higher_is_safer=True)
    assert seen[-1] == ("calibrate", 3 * FRAME - 1, 3 * FRAME - 1)


def test_integer_scales_come_from_the_calibration_clips(model: VideoModel) -> None:
    clips = model.load_clips("calibration").take(2)
    prompt_ids = model.encode_prompts(clips.prompts).conditional
    fed = clips.token_ids[:, : 3 * FRAME - 1]
    expected = quantize_checkpoint(model.config, model.weights, prompt_ids, fed)
    found = quantize_clip_model(model, 2, 3)
    assert [layer.scales for layer in found.layers] == [layer.scales for layer in expected.layers]
    whole = quantize_whole_checkpoint(model.config, model.weights, prompt_ids, fed)
    found_whole = quantize_whole_clip_model(model, 2, 3)
    assert found_whole.head.scale == whole.head.scale
    assert [layer.scales for layer in found_whole.mlp.layers] == [
        layer.scales for layer in whole.mlp.layers
    ]


def test_more_clips_than_were_recorded_are_refused(model: VideoModel) -> None:
    recorded = len(model.load_rows("held_out"))
    message = rf"^batch = 99: must be from 1 to {recorded}, the recorded held_out clips$"
    with pytest.raises(ArgumentError, match=message):
        model.load_rows("held_out").take(99, "batch")
