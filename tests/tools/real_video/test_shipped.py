"""The shipped weights, recorded clips and evaluation belong together."""

import json

import numpy as np
import pytest

import fastcar
from fastcar.metrics import compute_quality
from fastcar.reference.clips import decode_rows
from fastcar.reference.generate import DecodeOptions
from fastcar.reference.replay import ReplayConfig


@pytest.mark.parametrize("source", ["cube", "mire"])
def test_recorded_clips_have_the_evaluated_likelihood(source: str) -> None:
    directory = fastcar.shipped_model("real_video")
    measured = json.loads((directory / "evaluation.json").read_text())["sources"][source]
    model = fastcar.load_model(directory)
    rows = model.load_rows(source).take(2)
    options = DecodeOptions(ReplayConfig(model.tokens_per_frame))
    result = decode_rows(model, rows, options, model.num_frames)
    quality = compute_quality(result.nats, result.top_1, model.tokens_per_frame)
    np.testing.assert_allclose(quality.nats, measured["nats"][:2], atol=2e-4)
    np.testing.assert_allclose(quality.top_1, measured["top_1"][:2], atol=3e-3)


def test_the_mixtures_are_of_the_sources_in_turn() -> None:
    model = fastcar.load_model(fastcar.shipped_model("real_video"))
    held_out = model.load_clips("held_out").token_ids
    names = ("mire", "cube", "castel", "mbtcube")
    for place, name in enumerate(names):
        recorded = model.load_clips(name).token_ids
        assert (held_out[place :: len(names)] == recorded).all(), name
    calibration = {bytes(clip) for clip in model.load_clips("calibration").token_ids}
    assert not calibration & {bytes(clip) for clip in held_out}
