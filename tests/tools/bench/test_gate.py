from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.config import ModelConfig
from fastcar.reference.decoder import Decoder
from fastcar.reference.gates.query import GateQuery
from fastcar.reference.observation import LayerObservation
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.weights import make_random_weights
from tools.bench.gate import EvenGate

CONFIG = ModelConfig(32, 16, 24, 2, 2, 2, 8, 1e-5, 10000.0, 64)
WEIGHTS = make_random_weights(CONFIG, np.random.default_rng(0))
ROWS, FRAME = 3, 2


def make_query(layer_index: int, token_index: int) -> GateQuery:
    """Of a gate that looks at nothing but the layer."""
    eligible = np.ones(ROWS, bool)
    nothing: Any = None
    return GateQuery(layer_index, token_index, FRAME, eligible, None, nothing, nothing)


def run(ratio: float, tokens: int) -> list[LayerObservation]:
    """What every layer did with the eligible tokens."""
    decoder = Decoder(
        CONFIG,
        WEIGHTS,
        rows=ROWS,
        capacity_tokens=64,
        replay=ReplayConfig(FRAME),
        gate=EvenGate(ratio),
    )
    decoder.prefill(np.zeros((ROWS, 1), np.int64))
    seen: list[LayerObservation] = []
    for _ in range(FRAME + tokens):
        decoder.step(np.zeros(ROWS, np.int64), seen.append)
    return seen[FRAME * CONFIG.num_hidden_layers :]


@given(st.sampled_from([0.2, 0.5, 0.8, 0.87]), st.integers(1, 20))
def test_every_row_and_layer_keeps_the_share(ratio: float, tokens: int) -> None:
    seen = run(ratio, tokens)
    for layer_index in range(CONFIG.num_hidden_layers):
        replayed = [one.decision.replayed for one in seen if one.layer_index == layer_index]
        counts = np.sum(replayed, axis=0)
        assert (np.abs(counts - ratio * tokens) < 1 + 1e-9).all()


def test_the_score_is_taken_and_looked_at() -> None:
    for one in run(0.5, 4):
        assert one.score is not None
        assert one.decision.measures is not None
        np.testing.assert_array_equal(one.decision.measures, one.score.astype(np.float64))


def test_rows_do_not_replay_in_step() -> None:
    together = {int(one.decision.replayed.sum()) for one in run(0.5, 20)}
    assert len(together) > 1


@pytest.mark.parametrize(("ratio", "replayed"), [(0.0, 0), (1.0, ROWS)])
def test_none_and_all(ratio: float, replayed: int) -> None:
    assert {int(one.decision.replayed.sum()) for one in run(ratio, 5)} == {replayed}


@given(st.sampled_from([0.3, 0.5, 0.8]), st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_a_plan_in_parts_is_what_is_decided_one_by_one(ratio: float, parts: list[int]) -> None:
    looking, planning = EvenGate(ratio), EvenGate(ratio)
    for gate in (looking, planning):
        gate.reset(CONFIG, ROWS, FRAME, np.dtype(np.float32))
    start = 0
    for count in parts:
        measures, decisions = planning.plan(range(start, start + count))
        assert np.isnan(measures).all()
        for token in range(count):
            for layer in range(CONFIG.num_hidden_layers):
                decided = looking.decide(make_query(layer, start + token), measures[token, layer])
                np.testing.assert_array_equal(decisions[token, layer], decided)
        start += count


def test_a_new_generation_begins_the_rhythm_anew() -> None:
    gate, plans = EvenGate(0.5), []
    for _ in range(2):
        gate.reset(CONFIG, ROWS, FRAME, np.dtype(np.float32))
        plans.append(gate.plan(range(5))[1])
    np.testing.assert_array_equal(plans[0], plans[1])
