"""Contenders on a tiny model: what they are calibrated on, what replaces outputs, what it costs."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fastcar.reference.gates.gate import ThresholdGate
from fastcar.reference.thresholds import FixedThresholds
from fastcar.reference.video.model import load_video_model
from tests.fastcar.tiny_video_model import save_tiny_video_model
from tools.replay_value import measure
from tools.replay_value.clip_sets import ClipSet
from tools.replay_value.contenders import CONTENDERS, Contender

SETTINGS = measure.Settings(1, 1, 1, (0.3, 0.6), "numpy")


@pytest.fixture
def clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ClipSet]:
    save_tiny_video_model(tmp_path / "model")
    model = load_video_model(tmp_path / "model")
    held_out = model.load_rows("held_out")
    calibration = model.load_rows("calibration")
    sources = ("tiny",) * len(held_out)
    made = ClipSet("tiny", model, calibration, calibration, held_out, sources)
    monkeypatch.setattr(measure, "load_clip_set", lambda *_: made)
    for cached in (measure.load, measure.collect):
        cached.cache_clear()
    yield made
    for cached in (measure.load, measure.collect):
        cached.cache_clear()


def find(name: str) -> Contender:
    return next(contender for contender in CONTENDERS if contender.name == name)


@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda one: one.name)
def test_every_contender_has_a_row_for_every_target(clips: ClipSet, contender: Contender) -> None:
    dense = measure.measure_dense("tiny", SETTINGS)
    contender = replace(contender, rank=min(contender.rank, clips.model.config.hidden_size))
    rows = measure.measure_contender("tiny", SETTINGS, contender)
    assert [row["target"] for row in rows] == [0.3, 0.6]
    for row in rows:
        assert len(row["nats"]) == len(dense["nats"]) == len(clips.held_out)
        assert 0 <= row["ratio"] <= 1
        assert np.isclose(np.mean(row["clip_ratios"]), row["ratio"], atol=1e-4)
        if contender.gate in ("tas", "random", "periodic") and not contender.rank:
            # the published score is no logit of attention: 16 products of an MLP's 3 x 16 x 24
            scored = 11 / 15 / 72 if contender.is_published else 0
            assert np.isclose(row["mlp_share"], 1 - row["ratio"] + scored, atol=1e-3)
        if contender.gate == "oracle":
            assert row["mlp_share"] >= 1


def test_a_correction_costs_its_products(clips: ClipSet) -> None:
    config = clips.model.config
    contender = replace(find("tas-corrected-32"), rank=3)
    for row in measure.measure_contender("tiny", SETTINGS, contender):
        per_replay = (
            2 * 3 * config.hidden_size / (3 * config.hidden_size * config.intermediate_size)
        )
        assert np.isclose(row["mlp_share"], 1 - row["ratio"] * (1 - per_replay), atol=1e-3)


def test_held_out_clips_touch_neither_thresholds_nor_replacements(
    clips: ClipSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def calibrate(chosen: ClipSet) -> tuple[list[float], np.ndarray, np.ndarray]:
        monkeypatch.setattr(measure, "load_clip_set", lambda *_: chosen)
        for cached in (measure.load, measure.collect):
            cached.cache_clear()
        contender = replace(find("input-corrected-8"), rank=3)
        replay = measure.make_replay("tiny", SETTINGS, contender)
        gate = measure.make_gates(chosen, contender, replay, "numpy")(0.6)
        assert isinstance(gate, ThresholdGate)
        assert isinstance(gate.thresholds, FixedThresholds)
        assert replay.correction is not None
        means = measure.collect("tiny", SETTINGS).sums
        return [gate.thresholds.get(layer) for layer in range(2)], replay.correction.down, means

    first = calibrate(clips)
    other = replace(clips, held_out=clips.held_out.take(2))
    second = calibrate(other)
    assert first[0] == second[0]
    assert (first[1] == second[1]).all()
    assert (first[2] == second[2]).all()


def test_the_mean_output_is_that_of_the_calibration_clips(clips: ClipSet) -> None:
    replay = measure.make_replay("tiny", SETTINGS, find("tas-mean"))
    assert replay.constant is not None
    collected = measure.collect("tiny", SETTINGS)
    tokens = clips.model.num_frames * clips.model.tokens_per_frame - 1
    assert (collected.counts == tokens * len(clips.fitting)).all()
    assert np.abs(replay.constant).max() > 0
    skipped = measure.make_replay("tiny", SETTINGS, find("skip-cosine-zero"))
    assert skipped.constant is not None
    assert not skipped.constant.any()
