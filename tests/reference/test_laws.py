"""Laws across modules, held bit for bit: off is off, always is always, nothing leaks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import fastcar.reference.engine as engine
from fastcar.reference.arrays import FloatArray
from fastcar.reference.gate_factory import (
    GATE_NAMES,
    THRESHOLD_GATES,
    make_measuring_gate,
    make_ratio_gate,
)
from fastcar.reference.gates.gate import Gate
from fastcar.reference.gates.oracle import OracleGate
from fastcar.reference.gates.score import TemporalAttentionScoreGate
from fastcar.reference.replay import ReplayConfig, Semantics
from fastcar.reference.swiglu import compute_swiglu
from fastcar.reference.thresholds import FixedThresholds
from fastcar.reference.weights import LayerWeights, ModelWeights
from fastcar.strategies import Run, make_run, runs
from tests.examples import examples
from tests.reference.runs import Decoded, decode, decode_with, make_decoder
from tests.reference.strategies import GateSpec, attention_options, gate_specs

NEVER = (*GATE_NAMES, "none")


def make_never_gate(name: str, layers: int) -> Gate:
    """A gate that looks and never replays."""
    if name == "none":
        return TemporalAttentionScoreGate(FixedThresholds([None] * layers))
    if name in THRESHOLD_GATES:
        return make_measuring_gate(name, layers)
    return make_ratio_gate(name, 0.0)


def make_always_gate(layers: int) -> Gate:
    return TemporalAttentionScoreGate(FixedThresholds([-np.inf] * layers))


def are_equal(first: Decoded, second: Decoded, rows: Any = slice(None)) -> bool:
    """Bit for bit: logits, caches, outputs and decisions of the first's `rows` and the second."""
    pairs = (
        (first.prefill_logits[rows], second.prefill_logits),
        (first.logits[:, rows], second.logits),
        (first.keys[:, rows], second.keys),
        (first.values[:, rows], second.values),
        (first.outputs[:, :, rows], second.outputs),
        (first.replayed[:, :, rows], second.replayed),
        (first.eligible[:, :, rows], second.eligible),
        (first.measures[:, :, rows], second.measures),
    )
    return all(np.array_equal(one, other, equal_nan=True) for one, other in pairs)


@given(runs(), st.sampled_from(NEVER), attention_options, st.sampled_from(list(Semantics)))
def test_a_gate_that_never_replays_is_dense_bit_for_bit(
    run: Run, name: str, options: dict[str, Any], semantics: Semantics
) -> None:
    dense = decode(run, None, **options)
    gate = make_never_gate(name, run.config.num_hidden_layers)
    gated = decode(run, gate, replay=ReplayConfig(run.tokens_per_frame, semantics), **options)
    assert not gated.replayed.any()
    for field in ("prefill_logits", "logits", "keys", "values", "outputs"):
        assert np.array_equal(getattr(gated, field), getattr(dense, field))


@given(runs())
def test_the_oracle_at_distance_zero_gives_the_dense_output_bit_for_bit(run: Run) -> None:
    repeated = replace(run, forced_ids=np.zeros_like(run.forced_ids))
    gate = OracleGate(FixedThresholds([0.0] * run.config.num_hidden_layers))
    assert np.array_equal(decode(repeated, gate).logits, decode(repeated).logits)


@given(runs(), attention_options, st.integers(1, 2), st.none() | st.integers(0, 2))
def test_the_lowest_threshold_replays_every_eligible_token_and_no_other(
    run: Run, options: dict[str, Any], warmup_frames: int, max_chain: int | None
) -> None:
    frame = run.tokens_per_frame
    replay = ReplayConfig(frame, warmup_frames=warmup_frames, max_chain=max_chain)
    gate = make_always_gate(run.config.num_hidden_layers)
    decoded = decode(run, gate, replay=replay, **options)
    period = np.inf if max_chain is None else max_chain + 1
    for token in range(run.steps):
        age = token // frame - (warmup_frames - 1)  # frames since the last that had to compute
        chain = 0 if age < 0 else age % period
        assert (decoded.replayed[token] == (chain > 0)).all()
        assert (decoded.chains[token] == chain).all()
        if chain:
            assert np.array_equal(decoded.outputs[token], decoded.outputs[token - frame])


@examples(20)
@given(st.integers(1, 7), st.integers(2, 8))
def test_the_ceiling_is_exact(frames: int, tokens_per_frame: int) -> None:
    run = make_run(0, tokens_per_frame=tokens_per_frame, frames=frames)
    replayed = decode(run, make_always_gate(2)).replayed
    fed = frames * tokens_per_frame - 1
    expected = max(0, fed - tokens_per_frame)
    assert replayed.sum() == expected * 2 * 3
    assert replayed.mean() == pytest.approx(expected / fed, rel=1e-15)


@given(runs(), gate_specs, attention_options, st.integers(0, 2**16), st.integers(0, 12))
def test_nothing_leaks_into_the_next_generation(
    run: Run, spec: GateSpec, options: dict[str, Any], seed: int, other_steps: int
) -> None:
    layers = run.config.num_hidden_layers
    rng = np.random.default_rng(seed)
    before = replace(
        run,
        prompt_ids=rng.integers(0, run.config.vocab_size, run.prompt_ids.shape),
        prompt_mask=np.ones_like(run.prompt_mask),
        forced_ids=rng.integers(0, run.config.vocab_size, run.forced_ids.shape)[:, :other_steps],
    )
    decoder = make_decoder(run, spec.make(layers), **options)
    decoder.prefill(before.prompt_ids, before.prompt_mask)
    for step in range(before.steps):
        decoder.step(before.forced_ids[:, step])
    assert are_equal(decode_with(decoder, run), decode(run, spec.make(layers), **options))


@given(runs(min_rows=2), gate_specs, attention_options, st.integers(0, 2**16))
def test_rows_do_not_influence_each_other(
    run: Run, spec: GateSpec, options: dict[str, Any], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    row = int(rng.integers(run.rows))
    others = np.arange(run.rows) != row
    prompt_ids, forced_ids = run.prompt_ids.copy(), run.forced_ids.copy()
    prompt_mask = run.prompt_mask.copy()
    prompt_ids[others] = rng.integers(0, run.config.vocab_size, prompt_ids[others].shape)
    forced_ids[others] = rng.integers(0, run.config.vocab_size, forced_ids[others].shape)
    prompt_mask[others] = True
    changed = Run(
        run.config, run.weights, prompt_ids, prompt_mask, forced_ids, run.tokens_per_frame
    )
    layers = run.config.num_hidden_layers
    first = decode(run, spec.make(layers), **options)
    second = decode(changed, spec.make(layers), **options)
    for field, axis in (("logits", 1), ("keys", 1), ("outputs", 2), ("replayed", 2)):
        kept = (np.take(getattr(one, field), row, axis) for one in (first, second))
        assert np.array_equal(*kept)


@given(runs(min_rows=2), gate_specs, attention_options)
def test_a_batch_is_its_single_rows_bit_for_bit(
    run: Run, spec: GateSpec, options: dict[str, Any]
) -> None:
    layers = run.config.num_hidden_layers
    whole = decode(run, spec.make(layers), **options)
    # The random gate numbers its streams by the row of the batch, so only the first keeps its own.
    for row in range(1 if spec.name == "random" else run.rows):
        alone = decode(run.select_rows([row]), spec.make(layers), **options)
        assert are_equal(whole, alone, [row])


@given(runs(min_rows=2), gate_specs)
def test_work_is_done_for_computing_rows_only(run: Run, spec: GateSpec) -> None:
    entered: list[int] = []

    def count(normed: FloatArray, layer: LayerWeights) -> FloatArray:
        entered.append(len(normed))
        return compute_swiglu(normed, layer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "compute_swiglu", count)
        decoded = decode(run, spec.make(run.config.num_hidden_layers))
    computed = decoded.replayed.size if spec.name == "oracle" else (~decoded.replayed).sum()
    prompt = run.prompt_ids.size * run.config.num_hidden_layers
    assert sum(entered) == prompt + computed


def test_no_mlp_weight_is_read_where_all_rows_replay() -> None:
    run = make_run(0)
    decoder = make_decoder(run, make_always_gate(2))
    expected = decode(run, make_always_gate(2)).logits
    decoder.prefill(run.prompt_ids)
    for step in range(run.steps):
        if step == run.tokens_per_frame:
            decoder.weights = poison_mlp(run.weights)
        assert np.array_equal(decoder.step(run.forced_ids[:, step]), expected[step])


def poison_mlp(weights: ModelWeights) -> ModelWeights:
    layers = tuple(
        replace(
            layer,
            gate_proj=np.full_like(layer.gate_proj, np.nan),
            up_proj=np.full_like(layer.up_proj, np.nan),
            down_proj=np.full_like(layer.down_proj, np.nan),
        )
        for layer in weights.layers
    )
    return replace(weights, layers=layers)


@given(runs(), attention_options, st.sampled_from(list(Semantics)))
def test_at_equality_the_paper_replays_and_the_published_code_computes(
    run: Run, options: dict[str, Any], semantics: Semantics
) -> None:
    replay = ReplayConfig(run.tokens_per_frame, semantics)
    strict = semantics is Semantics.PUBLISHED
    layers = run.config.num_hidden_layers
    look = TemporalAttentionScoreGate(FixedThresholds([np.inf] * layers), strict)
    scored = [
        seen
        for seen in decode(run, look, replay=replay, **options).observations
        if seen.layer_index == 0 and seen.score is not None
    ]
    assume(scored)
    first = scored[0]  # in layer 0 no other decision can have changed its score
    assert first.score is not None
    tau = float(first.score[0])
    gate = TemporalAttentionScoreGate(FixedThresholds([tau] + [None] * (layers - 1)), strict)
    decoded = decode(run, gate, replay=replay, **options)
    assert decoded.replayed[first.token_index, 0, 0] == (not strict)
