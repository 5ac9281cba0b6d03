"""The whole decoder: bit for bit the page in Python integers, and the laws of replay."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates.planned import RandomGate
from fastcar.reference.integer.engine import IntegerMlpEngine
from fastcar.reference.integer.fixed_point import quantize
from fastcar.reference.integer.mlp_engine import MlpRequest, MlpResult
from fastcar.reference.integer.whole.decoder import WholeDecoder
from fastcar.reference.integer.whole.scores import compute_tap
from fastcar.reference.integer.whole.softmax import MAX_VISIBLE_TOKENS
from fastcar.reference.kv_cache import CacheStorage
from fastcar.reference.observation import Attended
from fastcar.reference.replay import ReplayConfig, Semantics
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.strategies import Run, make_config, make_run, runs
from tests.examples import examples
from tests.reference.integer.whole.runs import (
    decode_whole,
    make_gate,
    make_whole_decoder,
    quantize_whole_run,
    run_naively,
    to_integers,
)
from tests.reference.runs import decode, decode_with

INFINITY = float("inf")
sparses = st.one_of(st.none(), st.builds(SparseAttention, st.integers(1, 9), st.integers(0, 3)))


MODEL = quantize_whole_run(make_run(7))


@given(runs(), sparses, st.sampled_from(["dense", "tas", "input"]), st.data())
@examples(15)
def test_decode_is_the_page_in_python_integers(
    run: Run, sparse: SparseAttention | None, name: str, data: st.DataObject
) -> None:
    model, layers = quantize_whole_run(run), run.config.num_hidden_layers
    gate = make_gate(name, {"dense": 0.0, "tas": 0.0, "input": 4.0}[name], layers)
    found = decode_whole(run, model, gate, sparse=sparse)
    row = data.draw(st.integers(0, run.rows - 1))
    expected, replayed = run_naively(run, row, model, gate, sparse)
    given_logits = np.concatenate([found.prefill_logits[row], found.logits[:, row]])
    padding = int((~run.prompt_mask[row]).sum())
    assert to_integers(given_logits, model)[padding:].tolist() == expected
    assert found.replayed[:, :, row][found.eligible[:, :, row]].tolist() == replayed


@given(runs(min_rows=2), sparses, st.data())
@examples(15)
def test_rows_do_not_influence_each_other(
    run: Run, sparse: SparseAttention | None, data: st.DataObject
) -> None:
    model, layers = quantize_whole_run(run), run.config.num_hidden_layers
    chosen = data.draw(st.lists(st.integers(0, run.rows - 1), min_size=1, max_size=3))
    together = decode_whole(run, model, make_gate("tas", 0.0, layers), sparse=sparse)
    alone = decode_whole(
        run.select_rows(chosen), model, make_gate("tas", 0.0, layers), sparse=sparse
    )
    assert np.array_equal(together.logits[:, chosen], alone.logits)
    assert np.array_equal(together.replayed[:, :, chosen], alone.replayed)


@given(runs(padded=False), st.integers(1, 3))
@examples(10)
def test_padding_changes_no_bit(run: Run, padding: int) -> None:
    model = quantize_whole_run(run)
    zeros = np.zeros((run.rows, padding), np.int64)
    padded = replace(
        run,
        prompt_ids=np.concatenate([zeros, run.prompt_ids], axis=1),
        prompt_mask=np.concatenate([zeros.astype(bool), run.prompt_mask], axis=1),
    )
    one, two = decode_whole(run, model), decode_whole(padded, model)
    assert np.array_equal(one.logits, two.logits)
    assert np.array_equal(one.prefill_logits, two.prefill_logits[:, padding:])


class TappingDecoder(WholeDecoder):
    """A whole decoder that keeps what attention left of every layer and token."""

    kept: list[Attended]

    def _run_attention(self, *arguments: Any) -> Any:
        attended = super()._run_attention(*arguments)
        self.kept.append(attended)
        return attended


class RecordingEngine(IntegerMlpEngine):
    """The integer reference that keeps requests and results."""

    seen: list[tuple[MlpRequest, MlpResult]]

    def run_layer(self, layer_index: int, request: MlpRequest) -> MlpResult:
        """Run the reference and keep both."""
        result = super().run_layer(layer_index, request)
        self.seen.append((request, result))
        return result


@pytest.mark.parametrize("sparse", [None, SparseAttention(2, 1)])
def test_score_of_a_decision_is_the_tap(sparse: SparseAttention | None) -> None:
    run = make_run(7, make_config("grouped-query"), frames=4, padding=(1, 0, 2))
    model = quantize_whole_run(run)
    engine = RecordingEngine(model.mlp)
    engine.seen = []
    decoder = TappingDecoder(
        run.config,
        run.weights,
        rows=run.rows,
        capacity_tokens=4 + run.steps,
        replay=ReplayConfig(run.tokens_per_frame),
        model=model,
        gate=make_gate("tas", 0.0),
        engine=engine,
        sparse=sparse,
    )
    decoder.kept = []
    decode_with(decoder, run)
    num_decided = 0
    for attended, (request, result) in zip(decoder.kept, engine.seen, strict=True):
        if request.is_decided.any():
            newest = 4 + request.token_index - decoder.kv_cache.padding_tokens
            tap = compute_tap(
                attended.accumulators,  # type: ignore[attr-defined]
                newest - run.tokens_per_frame,
            )
            assert result.scores.tolist() == tap.tolist()
            num_decided += 1
    assert num_decided == 2 * (run.steps - run.tokens_per_frame)
    replayed = np.array([result.replayed for _, result in engine.seen])
    assert replayed.any()


@given(runs(), st.sampled_from(["tas", "input"]))
@examples(10)
def test_threshold_that_never_replays_is_dense_to_the_bit(run: Run, name: str) -> None:
    model, layers = quantize_whole_run(run), run.config.num_hidden_layers
    never = INFINITY if name == "tas" else -INFINITY
    found = decode_whole(run, model, make_gate(name, never, layers))
    assert not found.replayed.any()
    assert np.array_equal(found.logits, decode_whole(run, model).logits)
    always = decode_whole(run, model, make_gate(name, -never, layers))
    assert np.array_equal(always.eligible, always.replayed)
    assert always.replayed[run.tokens_per_frame :].all()


def test_nothing_leaks_into_the_next_generation() -> None:
    run = make_run(7, frames=4)
    model = quantize_whole_run(run)
    decoder = make_whole_decoder(run, model, make_gate("tas", 0.0))
    decode_with(decoder, replace(run, forced_ids=run.forced_ids[::-1] * 0 + 3))
    fresh = decode_whole(run, model, make_gate("tas", 0.0))
    assert np.array_equal(decode_with(decoder, run).logits, fresh.logits)


@pytest.mark.parametrize("kind", ["multi-head", "grouped-query", "multi-query"])
@pytest.mark.parametrize("is_tied", [False, True])
def test_logits_are_near_those_of_float(kind: str, is_tied: bool) -> None:
    config = replace(make_config(kind), tie_word_embeddings=is_tied)
    run = make_run(5, config, frames=5, dtype=np.float64)
    exact, found = decode(run), decode_whole(run, quantize_whole_run(run))
    largest = np.abs(exact.logits).max()
    assert np.abs(exact.logits - found.logits).max() < 0.04 * largest
    assert np.abs(exact.prefill_logits - found.prefill_logits).max() < 0.04 * largest


def test_words_of_other_lengths_agree_but_for_dropped_bits() -> None:
    run = make_run(5, frames=6)
    model = quantize_whole_run(run)
    four, sixteen = (decode_whole(run, model, num_lanes=lanes).logits for lanes in (4, 16))
    assert np.abs(four - sixteen).max() < 0.02 * np.abs(four).max()


def test_observations_are_what_the_integers_stand_for() -> None:
    run = make_run(7, frames=4, dtype=np.float64)
    model = quantize_whole_run(run)
    gates = make_gate("tas", 0.0), make_gate("tas", 0.0)
    exact, found = decode(run, gates[0]), decode_whole(run, model, gates[1])
    for one, two in zip(exact.observations[:6], found.observations[:6], strict=True):
        assert np.abs(one.query - two.query).max() < 0.1 * np.abs(one.query).max()
        steps = two.layer_out / model.residual_scale
        assert np.abs(steps - np.rint(steps)).max() < 1e-9
    first = exact.measures[:, 0], found.measures[:, 0]
    assert np.array_equal(np.isnan(first[0]), np.isnan(first[1]))
    assert np.nanmax(np.abs(first[0] - first[1])) < 0.05 * np.nanmax(np.abs(first[0]))


@given(st.floats(1e-300, 1e300))
def test_what_layers_hand_on_are_the_integers(scale: float) -> None:
    decoder = make_whole_decoder(make_run(7), MODEL)
    integers = np.arange(-32767, 32768, 7, dtype=np.int16)
    handed_on = decoder._dequantize(integers, scale)
    assert handed_on.dtype == np.float64
    assert np.array_equal(quantize(handed_on, scale), integers)


def test_controls_decide_as_in_float() -> None:
    run = make_run(7, frames=6)
    exact = decode(run, RandomGate(0.5, seed=5))
    found = decode_whole(run, quantize_whole_run(run), RandomGate(0.5, seed=5))
    assert found.replayed.any()
    assert np.array_equal(exact.replayed, found.replayed)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"replay": ReplayConfig(3, Semantics.PUBLISHED)},
            "semantics = 'published': must be paper",
        ),
        ({"cache_storage": CacheStorage.BFLOAT16}, "kv_cache = 'bfloat16': must be exact"),
        ({"cache_storage": CacheStorage.INT8}, "kv_cache = 'int8': must be exact"),
        ({"num_lanes": 6}, "num_lanes = 6: must be a power of two"),
    ],
)
def test_what_integers_do_not_compute_is_refused(options: dict[str, Any], text: str) -> None:
    run = make_run(7)
    model = quantize_whole_run(run)
    with pytest.raises(ArgumentError, match=f"^{text}"):
        make_whole_decoder(run, model, **options)


def test_more_visible_tokens_than_sums_hold_are_refused() -> None:
    config = replace(make_config(), max_position_embeddings=MAX_VISIBLE_TOKENS + 1)
    run = make_run(7, config)
    model = quantize_whole_run(run)
    options: dict[str, Any] = {"rows": 1, "replay": ReplayConfig(3), "model": model}
    options["capacity_tokens"] = MAX_VISIBLE_TOKENS + 1
    with pytest.raises(ArgumentError, match=r"^visible tokens = 8193: must be from 1 to 8192"):
        WholeDecoder(config, run.weights, **options)
    WholeDecoder(config, run.weights, sparse=SparseAttention(8000, 192), **options)
