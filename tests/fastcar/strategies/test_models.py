"""Drawn models and clips are what the public functions take."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import fastcar
from fastcar.reference.config import ModelConfig
from fastcar.reference.weights import ModelWeights
from fastcar.strategies import clips, models
from tests.examples import examples


@examples(20)
@given(models(), st.data(), st.integers(1, 4))
def test_a_threshold_below_all_scores_replays_what_is_eligible(
    model: tuple[ModelConfig, ModelWeights], data: st.DataObject, tokens_per_frame: int
) -> None:
    rows = data.draw(clips(model[0].vocab_size))
    prompt_ids = rows.prompts.conditional
    options: dict[str, Any] = {"tokens_per_frame": tokens_per_frame, "engine": "numpy"}
    dense = fastcar.trace(model, prompt_ids, rows.token_ids, **options)
    assert not dense.replayed.any()
    replay = fastcar.trace(model, prompt_ids, rows.token_ids, tau=-np.inf, **options)
    np.testing.assert_array_equal(
        replay.replayed, np.broadcast_to(replay.eligible[:, None], replay.replayed.shape)
    )
    assert dense.logits.dtype == model[1].dtype
