"""Errors of attention on integers over a run: those of the statements, query by query."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fastcar.proofs.experiments.integer_attention import (
    SMALL_DISTANCE,
    measure_attention,
    measure_queries,
)
from fastcar.proofs.integer_context import STATEMENT as CONTEXT
from fastcar.proofs.integer_context import ValueRow
from fastcar.proofs.integer_softmax import STATEMENT as SOFTMAX
from fastcar.proofs.integer_softmax import LogitRow
from fastcar.reference.clips import quantize_whole_clip_model
from fastcar.reference.video.model import load_video_model
from tests.fastcar.tiny_video_model import TOKENS_PER_FRAME, save_tiny_video_model


def test_errors_of_queries_are_those_of_the_statements() -> None:
    rng = np.random.default_rng(0)
    logits = rng.integers(-3000, 3000, (2, 4, 21))
    values = rng.integers(-127, 128, (2, 2, 21, 3)).astype(np.int8)
    visible = np.ones(21, bool)
    found = measure_queries(logits, values, num_lanes=4)
    assert len(found) == 8
    for place, numbers in zip(np.ndindex(2, 4), found, strict=True):
        row = LogitRow(logits[place].astype(np.float64), visible, 4)
        check = SOFTMAX.check(row)
        assert numbers[:2] == pytest.approx((check.left, check.right), rel=1e-9)
        columns = values[place[0], place[1] // 2].T.astype(np.float64)
        checks = [CONTEXT.check(ValueRow(row, column)) for column in columns]
        wanted = [max(getattr(one, name) for one in checks) for name in ("left", "right", "ratio")]
        assert numbers[2:] == pytest.approx(wanted, rel=1e-6)  # ratios allow for rounding


def test_every_query_of_every_layer_is_measured(tmp_path: Path) -> None:
    model = load_video_model(save_tiny_video_model(tmp_path / "model"))
    whole = quantize_whole_clip_model(model, 1)
    rows = model.load_rows("held_out").take(2)
    layers = measure_attention(model, whole, rows, num_frames=2)
    assert len(layers) == model.config.num_hidden_layers
    queries = 2 * 2 * TOKENS_PER_FRAME * model.config.num_attention_heads
    for layer in layers:
        assert layer.distances.shape == layer.contexts.shape == (queries,)
        assert (layer.distances <= layer.distance_bounds).all()
        assert (layer.contexts <= layer.context_bounds).all()
        assert 0 < layer.largest_ratio <= 1
        assert layer.compute_share_within(float(layer.distances.max())) == 1.0
        assert layer.compute_share_within(0.0) < 1.0
        assert layer.compute_share_within() == float((layer.distances <= SMALL_DISTANCE).mean())
