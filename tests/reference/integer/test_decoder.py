"""The integer decoder: the laws of replay hold to the bit, whatever engine computes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates.gate import Gate
from fastcar.reference.gates.input import InputGate
from fastcar.reference.gates.planned import PeriodicGate, RandomGate
from fastcar.reference.gates.score import TemporalAttentionScoreGate
from fastcar.reference.integer.engine import IntegerMlpEngine
from fastcar.reference.integer.fixed_point import compute_integer_score, quantize
from fastcar.reference.integer.mlp_engine import DecisionSource, MlpRequest, MlpResult
from fastcar.reference.replay import ReplayConfig, Semantics
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.reference.temporal_attention_score import HeadAggregation
from fastcar.reference.thresholds import FixedThresholds
from fastcar.strategies import Run, make_config, make_run, runs
from tests.examples import examples
from tests.reference.corrections import make_constant, make_correction
from tests.reference.integer.runs import (
    are_equal,
    decode_integers,
    make_integer_decoder,
    make_model,
    quantize_run,
)
from tests.reference.runs import Decoded, decode, decode_with

INFINITY = float("inf")


def make_gate(name: str, level: float, num_layers: int = 2) -> Gate:
    """A fresh gate; level is a threshold or a ratio."""
    fixed = FixedThresholds([level] * num_layers)
    if name == "tas":
        return TemporalAttentionScoreGate(fixed)
    if name == "input":
        return InputGate(fixed)
    return RandomGate(level, seed=5) if name == "random" else PeriodicGate(level)


MIXED = {"tas": 0.0, "input": 4.0, "random": 0.5, "periodic": 0.6}
"""Levels at which the runs below both replay and compute."""
NEVER = {"tas": INFINITY, "input": -INFINITY, "random": 0.0, "periodic": 0.0}
ALWAYS = {"tas": -INFINITY, "input": INFINITY, "random": 1.0, "periodic": 1.0}
names = st.sampled_from(sorted(MIXED))


class RecordingEngine:
    """The integer reference that keeps every request and result."""

    def __init__(self, run: Run) -> None:
        self.model = quantize_run(run)
        self.inner = IntegerMlpEngine(self.model)
        self.seen: list[tuple[int, MlpRequest, MlpResult]] = []

    def reset(self, num_slots: int, tokens_per_frame: int) -> None:
        """Reset the reference."""
        self.inner.reset(num_slots, tokens_per_frame)

    def run_layer(self, layer_index: int, request: MlpRequest) -> MlpResult:
        """Run the reference and keep what it was asked and gave."""
        result = self.inner.run_layer(layer_index, request)
        self.seen.append((layer_index, request, result))
        return result


@given(runs(), names)
@examples(20)
def test_threshold_that_never_replays_is_dense_to_the_bit(run: Run, name: str) -> None:
    model = quantize_run(run)
    gate = make_gate(name, NEVER[name], run.config.num_hidden_layers)
    found = decode_integers(run, model, gate)
    assert not found.replayed.any()
    assert are_equal(found, decode_integers(run, model))


@given(runs(), names)
@examples(20)
def test_threshold_that_always_replays_takes_all_eligible_tokens(run: Run, name: str) -> None:
    gate = make_gate(name, ALWAYS[name], run.config.num_hidden_layers)
    found = decode_integers(run, quantize_run(run), gate)
    expected = np.arange(run.steps) >= run.tokens_per_frame
    assert np.array_equal(
        found.replayed, np.broadcast_to(expected[:, None, None], found.eligible.shape)
    )
    assert np.array_equal(found.eligible, found.replayed)


@given(runs(min_rows=2), names, st.data())
@examples(20)
def test_rows_are_independent_of_their_batch(run: Run, name: str, data: st.DataObject) -> None:
    if name == "random":  # its streams belong to rows
        name = "tas"
    model = quantize_run(run)
    level, layers = MIXED[name], run.config.num_hidden_layers
    chosen = data.draw(st.lists(st.integers(0, run.rows - 1), min_size=1, max_size=3))
    together = decode_integers(run, model, make_gate(name, level, layers))
    alone = decode_integers(run.select_rows(chosen), model, make_gate(name, level, layers))
    assert np.array_equal(together.logits[:, chosen], alone.logits)
    assert np.array_equal(together.replayed[:, :, chosen], alone.replayed)
    assert np.array_equal(together.outputs[:, :, chosen], alone.outputs)


@given(runs(), names)
@examples(20)
def test_nothing_leaks_into_the_next_generation(run: Run, name: str) -> None:
    model = quantize_run(run)
    level, layers = MIXED[name], run.config.num_hidden_layers
    decoder = make_integer_decoder(run, model, make_gate(name, level, layers))
    other = replace(run, forced_ids=run.forced_ids[::-1] * 0 + 3)
    decode_with(decoder, other)
    fresh = decode_integers(run, model, make_gate(name, level, layers))
    assert are_equal(decode_with(decoder, run), fresh)


@pytest.mark.parametrize("name", sorted(MIXED))
@pytest.mark.parametrize("max_chain", [None, 0, 1, 2])
def test_replays_chain_up_to_their_limit(name: str, max_chain: int | None) -> None:
    run = make_run(7, frames=6)
    config = ReplayConfig(run.tokens_per_frame, max_chain=max_chain)
    gate = make_gate(name, ALWAYS[name])
    found = decode_integers(run, quantize_run(run), gate, replay=config)
    limit = 5 if max_chain is None else max_chain
    assert found.chains.max() == limit
    places = [found.outputs[place :: run.tokens_per_frame] for place in range(run.tokens_per_frame)]
    chains = [found.chains[place :: run.tokens_per_frame] for place in range(run.tokens_per_frame)]
    for outputs, chain in zip(places, chains, strict=True):
        for frame in range(1, len(outputs)):
            kept = chain[frame] > 0
            assert np.array_equal(outputs[frame][kept], outputs[frame - 1][kept])


def test_warmup_keeps_frames_dense() -> None:
    run = make_run(7, frames=5)
    config = ReplayConfig(run.tokens_per_frame, warmup_frames=3)
    found = decode_integers(run, quantize_run(run), make_gate("tas", -INFINITY), replay=config)
    assert not found.replayed[: 3 * run.tokens_per_frame].any()
    assert found.replayed[3 * run.tokens_per_frame :].all()


def test_layer_without_threshold_computes_and_measures_nothing() -> None:
    run = make_run(7, frames=4)
    gate = TemporalAttentionScoreGate(FixedThresholds([None, -INFINITY]))
    found = decode_integers(run, quantize_run(run), gate)
    assert not found.replayed[:, 0].any()
    assert not found.eligible[:, 0].any()
    assert found.replayed[run.tokens_per_frame :, 1].all()
    assert np.isnan(found.measures[:, 0]).all()
    assert np.isnan(found.measures[: run.tokens_per_frame, 1]).all()
    assert not np.isnan(found.measures[run.tokens_per_frame :, 1]).any()


@given(runs(), st.sampled_from([Semantics.PAPER, Semantics.PUBLISHED]), st.sampled_from([None, 2]))
@examples(20)
def test_measured_score_is_the_score_of_float(
    run: Run, semantics: Semantics, window: int | None
) -> None:
    config = ReplayConfig(run.tokens_per_frame, semantics)
    options: dict[str, Any] = {"replay": config}
    if window is not None:
        options["sparse"] = SparseAttention(window, 1)
    layers = run.config.num_hidden_layers
    gate = make_gate("tas", INFINITY, layers)
    exact = decode(run, make_gate("tas", INFINITY, layers), **options)
    found = decode_integers(run, quantize_run(run), gate, **options)
    first = exact.measures[:, 0], found.measures[:, 0]  # later layers see other inputs
    assert np.array_equal(np.isnan(first[0]), np.isnan(first[1]))
    difference = np.abs(first[0] - first[1])
    assert np.nanmax(difference, initial=0) < 0.02 * (1 + np.nanmax(np.abs(first[0]), initial=0))


def test_request_holds_integer_query_and_aligned_key() -> None:
    run = make_run(7, make_config("grouped-query"), frames=3, padding=(1, 0, 2))
    engine = RecordingEngine(run)
    gate = make_gate("tas", 0.0)
    decoder = make_integer_decoder(run, engine.model, gate, engine=engine)
    found = decode_with(decoder, run)
    layers = iter(engine.seen)
    for seen in found.observations:
        layer_index, request, result = next(layers)
        assert (layer_index, request.token_index) == (seen.layer_index, seen.token_index)
        assert request.location_index == seen.token_index % run.tokens_per_frame
        if seen.token_index < run.tokens_per_frame:
            assert request.query is None
            assert not request.is_decided.any()
            assert request.is_computing.all()
            continue
        scales = engine.model.layers[layer_index].scales
        entry = run.prompt_ids.shape[1] + seen.token_index - run.tokens_per_frame
        key = quantize(found.keys[layer_index, :, :, entry], scales.key)
        score = compute_integer_score(quantize(seen.query, scales.query), key)
        assert result.scores.tolist() == score.tolist()
        assert result.replayed.tolist() == (score >= request.threshold).tolist()
    assert found.replayed.any()
    assert not found.replayed.all()


def test_layer_continues_with_what_the_integers_stand_for() -> None:
    run = make_run(7, dtype=np.float64)
    engine = RecordingEngine(run)
    decoder = make_integer_decoder(run, engine.model, make_gate("input", 4.0), engine=engine)
    found = decode_with(decoder, run)
    assert {request.source for _, request, _ in engine.seen} == {DecisionSource.DISTANCE}
    for seen, (layer_index, request, result) in zip(found.observations, engine.seen, strict=True):
        scale = engine.model.layers[layer_index].scales.residual
        assert np.array_equal(seen.layer_out, result.residual * scale)
        assert np.array_equal(seen.decision.output, result.output * scale)
        assert np.array_equal(seen.decision.replayed, result.replayed)
        assert request.residual.dtype == np.int16


def test_laps_account_for_the_mlp_on_integers() -> None:
    run = make_run(0)
    decoder = make_integer_decoder(run, quantize_run(run), make_gate("tas", 0.0))
    decode_with(decoder, run)
    assert decoder.laps.seconds["mlp"] > 0


def test_distance_decisions_follow_those_of_float() -> None:
    run = make_run(7, dtype=np.float64, frames=6)
    exact = decode(run, make_gate("input", 4.0))
    found = decode_integers(run, quantize_run(run), make_gate("input", 4.0))
    assert 0.2 < exact.replayed.mean() < 0.8
    assert (exact.replayed == found.replayed).mean() > 0.95


@pytest.mark.parametrize("name", ["random", "periodic"])
def test_controls_decide_as_in_float(name: str) -> None:
    run = make_run(7, frames=6)
    exact = decode(run, make_gate(name, MIXED[name]))
    found = decode_integers(run, quantize_run(run), make_gate(name, MIXED[name]))
    assert found.replayed.any()
    assert np.array_equal(exact.replayed, found.replayed)


class ForgetfulEngine(RecordingEngine):
    """An engine with a planted bug: its residual lacks the MLP output."""

    def run_layer(self, layer_index: int, request: MlpRequest) -> MlpResult:
        """Lose the addition of the MLP output."""
        result = super().run_layer(layer_index, request)
        return replace(result, residual=request.residual)


def test_decoder_uses_what_the_engine_gives() -> None:
    run = make_run(7)
    decoded: list[Decoded] = []
    for engine in (RecordingEngine(run), ForgetfulEngine(run)):
        decoder = make_integer_decoder(run, engine.model, engine=engine)
        decoded.append(decode_with(decoder, run))
    assert not np.array_equal(decoded[0].logits, decoded[1].logits)


def test_requests_outside_their_limits_are_refused() -> None:
    run = make_run(7)
    model = quantize_run(run)
    with pytest.raises(
        ArgumentError, match=r"^model.config = ModelConfig\(.*: must be ModelConfig"
    ):
        make_integer_decoder(run, make_model(1, make_config("multi-head")))
    config = ReplayConfig(3, aggregation=HeadAggregation.MAX)
    with pytest.raises(ArgumentError, match=r"^aggregation = .*: must be the mean over the heads$"):
        make_integer_decoder(run, model, replay=config)


@pytest.mark.parametrize("name", ["correction", "constant"])
def test_what_integers_do_not_replay_is_refused(name: str) -> None:
    run = make_run(0)
    made: dict[str, Any] = {
        "correction": make_correction(run.config),
        "constant": make_constant(run.config),
    }
    replay = ReplayConfig(run.tokens_per_frame, **{name: made[name]})
    with pytest.raises(ArgumentError, match=r"^correction, constant = 'given': must be left out"):
        make_integer_decoder(run, quantize_run(run), replay=replay)
