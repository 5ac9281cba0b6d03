"""Budgets on a tiny model: what is decoded on held-out clips is what calibration clips chose."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fastcar.reference.video.model import load_video_model
from tests.fastcar.tiny_video_model import save_tiny_video_model
from tools.replay_value import budgets, measure
from tools.replay_value.clip_sets import ClipSet

SETTINGS = measure.Settings(1, 1, 1, (0.3,), "numpy")


@pytest.fixture
def clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ClipSet]:
    model = load_video_model(save_tiny_video_model(tmp_path / "model"))
    rows = model.load_rows("calibration")
    held_out = model.load_rows("held_out")
    made = ClipSet("tiny", model, rows.take(3), rows, held_out, ("tiny",) * len(held_out))
    monkeypatch.setattr(measure, "load_clip_set", lambda *_: made)
    measure.load.cache_clear()
    yield made
    measure.load.cache_clear()


def test_the_choice_does_not_see_the_held_out_clips(
    clips: ClipSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = budgets.measure_budget("tiny", SETTINGS, 0.6)
    single, uniform, chosen = (entry["search"]["candidates"][one] for one in entry["compared"])
    losses = [one["nats_above_dense"] for one in (single, uniform, chosen)]
    assert losses == sorted(losses, reverse=True)
    assert (single["rank"], uniform["layers"], uniform["warmup_frames"]) == (0, "uniform", 1)
    assert [len(row["nats"]) for row in entry["held_out"]] == [len(clips.held_out)] * 3
    other = replace(clips, held_out=clips.held_out.take(2))
    monkeypatch.setattr(measure, "load_clip_set", lambda *_: other)
    measure.load.cache_clear()
    again = budgets.measure_budget("tiny", SETTINGS, 0.6)
    assert again["search"] == entry["search"]
    for row, few in zip(entry["held_out"], again["held_out"], strict=True):
        assert np.allclose(row["nats"][:2], few["nats"], atol=1e-5)
