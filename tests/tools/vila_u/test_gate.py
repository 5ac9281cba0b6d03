"""The even gate does the input gate's work and replays the share that it is given."""

from __future__ import annotations

import numpy as np
import pytest

from fastcar.reference.config import ModelConfig
from fastcar.reference.decoder import Decoder
from fastcar.reference.observation import LayerObservation
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.weights import make_random_weights
from tools.vila_u.gate import EvenInputGate

CONFIG = ModelConfig(32, 16, 24, 2, 2, 2, 8, 1e-5, 10000.0, 64)
FRAME = 2


@pytest.mark.parametrize("ratio", [0.0, 0.5, 0.8, 1.0])
def test_distances_are_taken_and_the_share_is_met(ratio: float) -> None:
    seen: list[LayerObservation] = []
    gate = EvenInputGate(ratio, CONFIG.num_hidden_layers)
    weights = make_random_weights(CONFIG, np.random.default_rng(0))
    replay = ReplayConfig(FRAME)
    decoder = Decoder(CONFIG, weights, rows=2, capacity_tokens=64, replay=replay, gate=gate)
    decoder.prefill(np.zeros((2, 1), np.int64))
    for token in range(FRAME + 20):
        decoder.step(np.array([token % 32] * 2), seen.append)
    eligible = [one for one in seen if one.token_index >= FRAME]
    flags = np.array([one.decision.replayed for one in eligible])
    assert flags.mean() == pytest.approx(ratio)
    measures = np.array([one.decision.measures for one in eligible])
    assert np.isfinite(measures).all()
    assert (measures > 0).any()
    assert np.isfinite(gate.last_inputs).all()
