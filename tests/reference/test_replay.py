"""The replay rule, against a model that keeps the whole history and computes every row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastcar.reference.engine as engine
from fastcar.reference.arrays import BoolArray, FloatArray
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates.gate import Gate
from fastcar.reference.gates.query import GateQuery
from fastcar.reference.replay import ReplayConfig, ReplayDecision, ReplayMLP
from fastcar.reference.rms_norm import compute_rms_norm
from fastcar.reference.swiglu import compute_swiglu
from fastcar.reference.temporal_attention_score import HeadAggregation
from fastcar.reference.thresholds import Measures
from fastcar.reference.weights import LayerWeights, make_random_weights
from fastcar.strategies import make_config

CONFIG = make_config(layers=2)
LAYERS = make_random_weights(CONFIG, np.random.default_rng(0)).layers
FLOAT32 = np.dtype(np.float32)


class ScriptedGate(Gate):
    """Wishes what a script says, [S, L, B]."""

    name = "scripted"

    def __init__(self, wishes: BoolArray) -> None:
        self.wishes = wishes
        self.updates: list[BoolArray] = []

    def measure(self, query: GateQuery) -> Measures:
        """Always the same."""
        return np.full(len(query.eligible), 0.25)

    def decide(self, query: GateQuery, measures: Measures) -> BoolArray:
        """What the script says."""
        wish: BoolArray = self.wishes[query.token_index, query.layer_index]
        return wish

    def update(self, query: GateQuery, measures: Measures, replayed: BoolArray) -> None:
        """Keep what was done."""
        self.updates.append(replayed.copy())


@dataclass
class NaiveReplay:
    """The rule as the paper states it: Y_j = Y_{j-N} or MLP(X_j), over a list of everything."""

    replay: ReplayConfig
    outputs: list[Any] = field(default_factory=list)
    chains: list[int] = field(default_factory=list)

    def run(self, wish: bool, residual: FloatArray, layer: LayerWeights) -> tuple[bool, bool]:
        """Eligible and replayed, for the next token."""
        token = len(self.outputs)
        aligned = token - self.replay.tokens_per_frame
        eligible = token // self.replay.tokens_per_frame >= self.replay.warmup_frames
        limit = self.replay.max_chain
        if eligible and limit is not None:
            eligible = self.chains[aligned] < limit
        replayed = eligible and wish
        normed = compute_rms_norm(residual[None], layer.mlp_norm, CONFIG.rms_norm_eps)
        self.outputs.append(self.outputs[aligned] if replayed else compute_swiglu(normed, layer)[0])
        self.chains.append(self.chains[aligned] + 1 if replayed else 0)
        return eligible, replayed


@dataclass(frozen=True)
class Script:
    """A replay configuration, the wishes of the gate [S, L, B] and residuals [S, L, B, D]."""

    replay: ReplayConfig
    wishes: BoolArray
    residuals: FloatArray

    @property
    def rows(self) -> int:
        """B."""
        return int(self.wishes.shape[2])

    def run(self, gate: Gate | None) -> list[list[ReplayDecision]]:
        """Decisions by step and layer."""
        mlp = ReplayMLP(CONFIG, self.replay, gate, self.rows, FLOAT32)
        mlp.reset()
        return [
            [
                mlp.run(layer, token, self.residuals[token, layer], LAYERS[layer], None)
                for layer in range(2)
            ]
            for token in range(len(self.wishes))
        ]


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    replay = ReplayConfig(
        tokens_per_frame=draw(st.integers(1, 4)),
        warmup_frames=draw(st.integers(1, 3)),
        max_chain=draw(st.none() | st.integers(0, 3)),
    )
    steps = draw(st.integers(2, 6)) * replay.tokens_per_frame - draw(st.integers(0, 1))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    rows = draw(st.integers(1, 3))
    wishes = rng.random((steps, 2, rows)) < draw(st.sampled_from([0.2, 0.7, 1.0]))
    residuals = rng.standard_normal((steps, 2, rows, CONFIG.hidden_size)).astype(np.float32)
    return Script(replay, wishes, residuals)


@given(scripts())
def test_equals_the_model_with_the_whole_history_bit_for_bit(script: Script) -> None:
    decisions = script.run(ScriptedGate(script.wishes))
    for layer, row in np.ndindex(2, script.rows):
        naive = NaiveReplay(script.replay)
        for token, of_layer in enumerate(decisions):
            decision = of_layer[layer]
            residual = script.residuals[token, layer, row]
            wish = bool(script.wishes[token, layer, row])
            eligible, replayed = naive.run(wish, residual, LAYERS[layer])
            assert decision.eligible[row] == eligible
            assert decision.replayed[row] == replayed
            assert decision.chain[row] == naive.chains[-1]
            assert np.array_equal(decision.output[row], naive.outputs[-1])


@given(scripts())
def test_limits_hold_whatever_the_gate_wishes(script: Script) -> None:
    replay = script.replay
    for token, of_layer in enumerate(script.run(ScriptedGate(np.ones_like(script.wishes)))):
        for decision in of_layer:
            assert not (decision.replayed & ~decision.eligible).any()
            assert np.array_equal(decision.replayed, decision.eligible)
            if token < replay.warmup_frames * replay.tokens_per_frame:
                assert not decision.eligible.any()
            if replay.max_chain is not None:
                assert (decision.chain <= replay.max_chain).all()
            assert decision.measures is not None


@given(scripts())
def test_only_computing_rows_enter_the_block(script: Script) -> None:
    entered: list[int] = []

    def count(normed: FloatArray, layer: LayerWeights) -> FloatArray:
        entered.append(len(normed))
        return compute_swiglu(normed, layer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "compute_swiglu", count)
        decisions = script.run(ScriptedGate(script.wishes))
    computing = [int((~d.replayed).sum()) for of_layer in decisions for d in of_layer]
    assert entered == [rows for rows in computing if rows]


@given(scripts())
def test_the_gate_learns_what_was_done(script: Script) -> None:
    gate = ScriptedGate(script.wishes)
    decisions = script.run(gate)
    done = [decision.replayed for of_layer in decisions for decision in of_layer]
    assert np.array_equal(gate.updates, done)


@given(scripts())
def test_a_decision_is_not_changed_by_later_ones(script: Script) -> None:
    mlp = ReplayMLP(CONFIG, script.replay, ScriptedGate(script.wishes), script.rows, FLOAT32)
    mlp.reset()
    decisions, outputs, chains = [], [], []
    for token, residual in enumerate(script.residuals):
        decisions.append(mlp.run(0, token, residual[0], LAYERS[0], None))
        outputs.append(decisions[-1].output.copy())
        chains.append(decisions[-1].chain.copy())
    assert np.array_equal([decision.output for decision in decisions], outputs)
    assert np.array_equal([decision.chain for decision in decisions], chains)


@pytest.mark.parametrize("frames", [1, 4, 16])
def test_the_cache_holds_one_frame_however_long_the_video(frames: int) -> None:
    replay = ReplayConfig(5)
    mlp = ReplayMLP(CONFIG, replay, ScriptedGate(np.ones((1, 2, 3), bool)), 3, FLOAT32)
    assert mlp.cached_outputs.shape == (2, 3, 5, CONFIG.hidden_size)
    assert mlp.rule.chains.shape == (2, 3, 5)
    assert not ReplayMLP(CONFIG, replay, None, 3, FLOAT32).cached_outputs.size
    assert [replay.is_eligible(j) for j in range(5 * frames)] == [False] * 5 + [True] * (
        5 * (frames - 1)
    )


def test_reset_empties_the_cache() -> None:
    gate = ScriptedGate(np.ones((1, 2, 1), bool))
    mlp = ReplayMLP(CONFIG, ReplayConfig(2), gate, 1, FLOAT32)
    mlp.cached_outputs[:] = 1
    mlp.rule.chains[:] = 1
    mlp.reset()
    assert not mlp.cached_outputs.any()
    assert not mlp.rule.chains.any()


def test_aggregation_of_a_layer() -> None:
    weights = np.array([[1.0, 0], [0, 1]])
    of_layer = ReplayConfig(4, aggregation=weights).get_aggregation(1)
    assert isinstance(of_layer, np.ndarray)
    assert of_layer.tolist() == [0, 1]
    for aggregation in HeadAggregation:
        assert ReplayConfig(4, aggregation=aggregation).get_aggregation(1) is aggregation


@pytest.mark.parametrize(
    ("tokens_per_frame", "warmup_frames", "max_chain", "message"),
    [
        (0, 1, None, r"^tokens_per_frame = 0: must be at least 1$"),
        (4, 0, None, r"^warmup_frames = 0: must be at least 1$"),
        (4, 1, -1, r"^max_chain = -1: must be at least 0$"),
    ],
)
def test_refuses_sizes_below_the_limit(
    tokens_per_frame: int, warmup_frames: int, max_chain: int | None, message: str
) -> None:
    with pytest.raises(ArgumentError, match=message):
        ReplayConfig(tokens_per_frame, warmup_frames=warmup_frames, max_chain=max_chain)


def test_head_weights_for_other_sizes_are_refused() -> None:
    config = ReplayConfig(tokens_per_frame=4, aggregation=np.ones((1, 2)))
    with pytest.raises(ArgumentError, match=r"^aggregation shape = \(1, 2\): must be \(2"):
        ReplayMLP(CONFIG, config, None, rows=1, dtype=FLOAT32)
