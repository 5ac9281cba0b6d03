"""The decoder on compiled kernels: the results of NumPy within rounding, and the laws of replay."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.arrays import FloatArray
from fastcar.reference.engine import NumpyEngine
from fastcar.reference.errors import ArgumentError, NonFiniteError
from fastcar.reference.gates.score import TemporalAttentionScoreGate
from fastcar.reference.int8_matrix import Int8Matrix
from fastcar.reference.kernels.engine import NumbaEngine
from fastcar.reference.matrix import CompressedWeights, DecoderWeights, compress_weights
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.reference.thresholds import FixedThresholds
from fastcar.strategies import Run, make_run, runs
from tests.examples import examples
from tests.reference.kernels.matrices import KINDS
from tests.reference.runs import cast_weights, decode, decode_with, make_decoder
from tests.reference.strategies import GateSpec, attention_options, gate_specs

pytestmark = pytest.mark.slow
"""Compiling the kernels takes a minute."""

SINGLE = (np.float32,)
kinds = st.sampled_from(KINDS)


def compress(run: Run, kind: str) -> Run:
    """The run with weights of a kind."""
    if kind == "float32":
        return run
    weights: Any = compress_weights(run.weights, kind)
    return replace(run, weights=weights)


def make_gate(layers: int, tau: float) -> TemporalAttentionScoreGate:
    return TemporalAttentionScoreGate(FixedThresholds([tau] * layers))


@given(runs(dtypes=SINGLE), attention_options, st.sampled_from([None, np.inf, -np.inf]))
def test_every_result_is_that_of_numpy_within_rounding(
    run: Run, options: dict[str, Any], tau: float | None
) -> None:
    """The distance of float32 from float64 shows how far roundings carry; 64 as for the decoder."""
    layers = run.config.num_hidden_layers
    double = decode(
        replace(run, weights=cast_weights(run.weights, np.float64)),
        None if tau is None else make_gate(layers, tau),
        **options,
    )
    gates = [None if tau is None else make_gate(layers, tau) for _ in range(2)]
    spec = decode(run, gates[0], **options)
    twin = decode(run, gates[1], **options, float_engine=NumbaEngine())
    assert np.array_equal(spec.replayed, twin.replayed)
    for name in ("prefill_logits", "logits", "keys", "values", "outputs"):
        exact, first, second = (getattr(one, name) for one in (double, spec, twin))
        valid = np.isfinite(exact)
        distance = np.abs(first - exact)[valid].max() + np.finfo(np.float32).eps
        assert np.abs(second - exact)[valid].max() <= 64 * distance


@examples(30)
@given(runs(dtypes=SINGLE), kinds, gate_specs, attention_options)
def test_rows_do_not_influence_each_other(
    run: Run, kind: str, spec: GateSpec, options: dict[str, Any]
) -> None:
    run = compress(run, kind)
    layers = run.config.num_hidden_layers
    whole = decode(run, spec.make(layers), **options, float_engine=NumbaEngine())
    alone = decode(run.select_rows([0]), spec.make(layers), **options, float_engine=NumbaEngine())
    assert np.array_equal(whole.logits[:, [0]], alone.logits)
    assert np.array_equal(whole.keys[:, [0]], alone.keys)
    assert np.array_equal(whole.outputs[:, :, [0]], alone.outputs)
    assert np.array_equal(whole.replayed[:, :, [0]], alone.replayed)


@pytest.mark.parametrize("kind", KINDS)
def test_a_gate_that_never_replays_is_off_bit_for_bit(kind: str) -> None:
    run = compress(make_run(0), kind)
    dense = decode(run, float_engine=NumbaEngine())
    gated = decode(run, make_gate(2, np.inf), float_engine=NumbaEngine())
    assert np.array_equal(dense.logits, gated.logits)


def poison_mlp(weights: DecoderWeights) -> Any:
    """The same weights with nothing but NaN in the MLP."""

    def spoil(matrix: Any) -> Any:
        if isinstance(matrix, Int8Matrix):
            return replace(matrix, scales=np.full_like(matrix.scales, np.nan))
        if isinstance(matrix, np.ndarray):
            return np.full_like(matrix, np.nan)
        return replace(matrix, bits=np.full_like(matrix.bits, 0x7FFF))

    layers: list[Any] = list(weights.layers)
    names = ("gate_proj", "up_proj", "down_proj")
    spoiled = tuple(
        replace(layer, **{name: spoil(getattr(layer, name)) for name in names}) for layer in layers
    )
    model: Any = weights
    return replace(model, layers=spoiled)


def test_as_many_sinks_as_a_number_holds_are_all_tokens() -> None:
    run = make_run(0)
    mask = np.ones(run.prompt_ids.shape, bool)
    mask[0, :2] = False
    run = replace(run, prompt_mask=mask)
    sparse = SparseAttention(3, (1 << 63) - 1)
    full = decode(run, float_engine=NumbaEngine())
    kept = decode(run, float_engine=NumbaEngine(), sparse=sparse)
    assert np.abs(full.logits - kept.logits).max() < 1e-4 * np.abs(full.logits).max()


@pytest.mark.parametrize("kind", KINDS)
def test_no_mlp_weight_is_read_where_all_rows_replay(kind: str) -> None:
    run = compress(make_run(0), kind)
    decoder = make_decoder(run, make_gate(2, -np.inf), float_engine=NumbaEngine())
    expected = decode_with(decoder, run).logits
    decoder.prefill(run.prompt_ids)
    for step in range(run.steps):
        if step == run.tokens_per_frame:
            decoder.weights = poison_mlp(run.weights)
        assert np.array_equal(decoder.step(run.forced_ids[:, step]), expected[step])


def test_only_computing_rows_are_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    entered: list[int] = []
    swiglu = NumbaEngine.swiglu

    def count(engine: NumbaEngine, normed: FloatArray, layer: Any) -> FloatArray:
        entered.append(len(normed))
        return swiglu(engine, normed, layer)

    monkeypatch.setattr(NumbaEngine, "swiglu", count)
    run = make_run(0)
    decoded = decode(run, make_gate(2, 0.0), float_engine=NumbaEngine())
    assert 0 < decoded.replayed.mean() < 1
    assert sum(entered) == run.prompt_ids.size * 2 + (~decoded.replayed).sum()


@pytest.mark.parametrize("kind", ["bfloat16", "int8"])
def test_compressed_weights_decode_near_their_float_model(kind: str) -> None:
    """A smoke alarm, no bound: rounding of weights is no rounding of arithmetic."""
    run = make_run(0)
    dense = decode(run).logits
    spec = decode(compress(run, kind)).logits
    twin = decode(compress(run, kind), float_engine=NumbaEngine()).logits
    assert np.abs(spec - dense).max() < 0.2 * np.abs(dense).max()
    assert np.abs(twin - spec).max() < 0.1 * np.abs(dense).max()
    assert isinstance(compress_weights(run.weights, kind), CompressedWeights)


def test_other_arithmetic_is_refused() -> None:
    run = make_run(0, dtype=np.float64)
    message = "^dtype = 'float64': must be float32 with the numba engine$"
    with pytest.raises(ArgumentError, match=message):
        make_decoder(run, float_engine=NumbaEngine())


@pytest.mark.parametrize("name", ["attention_norm", "v_proj", "mlp_norm", "down_proj"])
def test_an_overflow_is_refused_in_the_words_of_numpy(name: str) -> None:
    run = make_run(0)
    first, last = run.weights.layers
    huge = replace(last, **{name: getattr(last, name) * np.float32(1e37)})
    run = replace(run, weights=replace(run.weights, layers=(first, huge)))
    texts = []
    for engine in (NumpyEngine(), NumbaEngine()):
        with pytest.raises(NonFiniteError) as caught:
            decode(run, float_engine=engine)
        texts.append((caught.value.quantity, caught.value.place, caught.value.limit))
    assert texts[0] == texts[1]
