"""The decoder, against one without any cache, and what it refuses."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates.score import TemporalAttentionScoreGate
from fastcar.reference.laps import PARTS, Laps
from fastcar.reference.replay import ReplayConfig, Semantics
from fastcar.reference.rope_scaling import DynamicScaling
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.reference.thresholds import FixedThresholds
from fastcar.strategies import Run, make_run, runs
from tests.examples import examples
from tests.reference.naive_decoder import NaiveDecoder
from tests.reference.rounding import compute_decode_bound
from tests.reference.runs import decode, make_decoder

sparsities = st.none() | st.builds(SparseAttention, st.integers(1, 12), st.integers(0, 3))
DOUBLE = (np.float64,)


@examples(40)
@given(
    runs(dtypes=DOUBLE),
    sparsities,
    st.sampled_from([None, -0.5, 0.0, 0.5]),
    st.sampled_from(list(Semantics)),
    st.booleans(),
)
def test_every_row_equals_the_decoder_without_caches(
    run: Run,
    sparse: SparseAttention | None,
    tau: float | None,
    semantics: Semantics,
    fused: bool,
) -> None:
    is_published = semantics is Semantics.PUBLISHED
    layers = run.config.num_hidden_layers
    gate = None
    if tau is not None:
        gate = TemporalAttentionScoreGate(FixedThresholds([tau] * layers), is_published)
    replay = ReplayConfig(run.tokens_per_frame, semantics)
    decoded = decode(run, gate, replay=replay, sparse=sparse, fused=fused)
    bound = compute_decode_bound(run)
    for row in range(run.rows):
        mask = run.prompt_mask[row]
        naive = NaiveDecoder(
            run.config,
            run.weights,
            int(mask.sum()),
            run.tokens_per_frame,
            tau,
            is_published,
            sparse,
        )
        tokens = np.concatenate([run.prompt_ids[row, mask], run.forced_ids[row]])
        logits, scores, replayed = naive.run(tokens)
        prompt = slice(None, naive.prompt_tokens)
        steps = slice(naive.prompt_tokens, None)
        assert np.abs(decoded.prefill_logits[row, mask] - logits[prompt]).max() <= bound
        assert np.array_equal(decoded.replayed[:, :, row], replayed[steps])
        assert np.abs(decoded.logits[:, row] - logits[steps]).max() <= bound
        for seen in decoded.observations:
            expected = scores[steps][seen.token_index, seen.layer_index]
            assert (seen.score is None) == bool(np.isnan(expected))
            if seen.score is not None:
                assert abs(seen.score[row] - expected) <= bound


@given(runs(), st.integers(1, 9))
def test_a_score_is_extra_when_the_aligned_key_is_out_of_the_window(run: Run, window: int) -> None:
    layers = run.config.num_hidden_layers
    gate = TemporalAttentionScoreGate(FixedThresholds([np.inf] * layers))
    decoded = decode(run, gate, sparse=SparseAttention(window, 0))
    for seen in decoded.observations:
        entry = run.prompt_ids.shape[1] + seen.token_index
        is_outside = entry - run.tokens_per_frame <= entry - window
        is_scored = seen.token_index >= run.tokens_per_frame
        assert seen.score_is_extra == (is_scored and is_outside)


def test_published_scores_are_never_a_by_product() -> None:
    run = make_run(0)
    gate = TemporalAttentionScoreGate(FixedThresholds([0.0] * 2), strict=True)
    decoded = decode(run, gate, replay=ReplayConfig(3, Semantics.PUBLISHED))
    assert [seen.score_is_extra for seen in decoded.observations] == [
        seen.token_index >= 3 for seen in decoded.observations
    ]


def test_layers_without_threshold_take_no_score_and_never_replay() -> None:
    gate = TemporalAttentionScoreGate(FixedThresholds([None, -np.inf]))
    decoded = decode(make_run(0), gate)
    for seen in decoded.observations:
        is_scored = seen.layer_index == 1 and seen.token_index >= 3
        assert (seen.score is not None) == (seen.score_heads is not None) == is_scored
        assert (seen.decision.measures is not None) == (seen.layer_index == 1)
        assert (seen.decision.replayed == is_scored).all()
        assert (seen.decision.eligible == is_scored).all()


def test_prompt_of_padding_differs_from_a_prompt_of_tokens() -> None:
    run = make_run(0, padding=(0, 2, 3))
    plain = replace(run, prompt_mask=np.ones_like(run.prompt_mask))
    differs = (decode(run).logits != decode(plain).logits).any(axis=(0, 2))
    assert differs.tolist() == [False, True, True]


def test_laps_account_for_the_parts_of_a_step() -> None:
    run, laps = make_run(0), Laps()
    decode(run, TemporalAttentionScoreGate(FixedThresholds([0.0] * 2)), laps=laps)
    assert set(laps.seconds) == set(PARTS)
    assert all(seconds > 0 for seconds in laps.seconds.values())


@pytest.mark.parametrize("positions", [10_485_760, 2**31 - 1])
def test_a_position_limit_sizes_nothing(positions: int) -> None:
    run = make_run(0)
    claimed = replace(run, config=replace(run.config, max_position_embeddings=positions))
    tracemalloc.start()
    try:
        decoded = decode(claimed)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 4 * 2**20
    np.testing.assert_array_equal(decoded.logits, decode(run).logits)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rows": 0}, r"^rows = 0: must be at least 1$"),
        (
            {"capacity_tokens": 65},
            r"^prompt plus generated tokens = 65: "
            r"must be in \[1, max_position_embeddings = 64\]$",
        ),
        (
            {"capacity_tokens": 0},
            r"^prompt plus generated tokens = 0: must be in \[1, max_.* 64\]$",
        ),
    ],
)
def test_refuses_a_batch_that_does_not_fit(options: dict[str, Any], message: str) -> None:
    run = make_run(0)
    sizes = {"rows": 3, "capacity_tokens": 8} | options
    with pytest.raises(ArgumentError, match=message):
        type(make_decoder(run))(run.config, run.weights, replay=ReplayConfig(3), **sizes)


def test_dynamic_scaling_names_itself_where_it_would_begin() -> None:
    run = make_run(0)
    config = replace(run.config, rope_scaling=DynamicScaling(2.0))
    message = (
        r"^prompt plus generated tokens = 65: must be in \[1, max_position_embeddings = 64, "
        r"beyond which dynamic rotary scaling is not computed\]$"
    )
    with pytest.raises(ArgumentError, match=message):
        type(make_decoder(run))(
            config, run.weights, rows=3, capacity_tokens=65, replay=ReplayConfig(3)
        )


@pytest.mark.parametrize(
    ("prompt_ids", "mask", "message"),
    [
        ([[1, 2]], None, r"^prompt_ids shape = \(1, 2\): must be \[2 rows, at least 1 token\]$"),
        ([1, 2], None, r"^prompt_ids shape = \(2,\): must be \[2 rows, at least 1 token\]$"),
        ([[], []], None, r"^prompt_ids shape = \(2, 0\): must be \[2 rows, at least 1 token\]$"),
        ([[1] * 12] * 2, None, r"^prompt tokens = 12: must be at most capacity_tokens = 11$"),
        ([[1.0], [2.0]], None, r"^prompt_ids dtype = 'float64': must be an integer type$"),
        ([[1], [11]], None, r"^prompt_ids = 11: must be in \[0, vocab_size = 11\)$"),
        ([[1], [-1]], None, r"^prompt_ids = -1: must be in \[0, vocab_size = 11\)$"),
        ([[1], [2]], [[1]], r"^prompt_mask shape = \(1, 1\): must be \(2, 1\)$"),
        (
            [[1, 2], [3, 4]],
            [[1, 1], [1, 0]],
            r"^prompt_mask = 'zeros behind ones or at the end': must be padded at the left only$",
        ),
        (
            [[1, 2], [3, 4]],
            [[0, 0], [1, 1]],
            r"^prompt_mask = 'zeros behind ones or at the end': must be padded at the left only$",
        ),
    ],
)
def test_refuses_prompts(prompt_ids: Any, mask: Any, message: str) -> None:
    decoder = make_decoder(make_run(0, rows=2, prompt_tokens=3))
    array = np.array(prompt_ids, dtype=None if np.size(prompt_ids) else np.int64)
    with pytest.raises(ArgumentError, match=message):
        decoder.prefill(array, None if mask is None else np.array(mask, bool))


@pytest.mark.parametrize(
    ("token_ids", "message"),
    [
        ([1, 2, 3], r"^token_ids shape = \(3,\): must be \(2,\)$"),
        ([1.0, 2.0], r"^token_ids dtype = 'float64': must be an integer type$"),
        ([1, 11], r"^token_ids = 11: must be in \[0, vocab_size = 11\)$"),
        ([-2, 11], r"^token_ids = -2: must be in \[0, vocab_size = 11\)$"),
    ],
)
def test_refuses_tokens(token_ids: Any, message: str) -> None:
    decoder = make_decoder(make_run(0, rows=2))
    decoder.prefill(np.ones((2, 1), np.int64))
    with pytest.raises(ArgumentError, match=message):
        decoder.step(np.array(token_ids))
    assert decoder.kv_cache.num_entries == 1  # a refused token leaves no trace


def test_refuses_a_step_before_the_prompt_and_beyond_the_capacity() -> None:
    run = make_run(0, rows=2)
    decoder = make_decoder(run)
    message = r"^fed prompt tokens = 0: must be at least 1: call prefill first$"
    with pytest.raises(ArgumentError, match=message):
        decoder.step(np.ones(2, np.int64))
    decoder.prefill(run.prompt_ids)
    for step in range(run.steps):
        decoder.step(run.forced_ids[:, step])
    message = r"^prompt plus generated tokens = 13: must be at most capacity_tokens = 12$"
    with pytest.raises(ArgumentError, match=message):
        decoder.step(np.ones(2, np.int64))


@examples(20)
@given(runs(dtypes=DOUBLE), st.sampled_from([None, -0.5, 0.0]))
def test_embeddings_of_ids_give_the_states_behind_their_logits(run: Run, tau: float | None) -> None:
    gate = None
    if tau is not None:
        gate = TemporalAttentionScoreGate(FixedThresholds([tau] * run.config.num_hidden_layers))
    decoder, twin = make_decoder(run, gate), make_decoder(run, gate)
    head = run.weights.head
    states = decoder.prefill_hidden(run.prompt_ids, run.prompt_mask)
    logits = twin.prefill(run.prompt_ids, run.prompt_mask)
    unmasked = run.prompt_mask
    np.testing.assert_allclose((states @ head.T)[unmasked], logits[unmasked], rtol=0, atol=1e-9)
    for column in run.forced_ids.T:
        hidden = decoder.step_hidden(run.weights.embedding[column])
        np.testing.assert_allclose(hidden @ head.T, twin.step(column), rtol=0, atol=1e-9)
    np.testing.assert_array_equal(decoder.kv_cache.keys, twin.kv_cache.keys)


@examples(20)
@given(runs(dtypes=DOUBLE), st.data())
def test_a_prompt_fed_in_two_parts_gives_what_it_gives_whole(run: Run, data: st.DataObject) -> None:
    length = run.prompt_ids.shape[1]
    unpadded = run.prompt_mask.all(axis=0).argmax()  # no row is padded from here on
    cut = data.draw(st.integers(int(unpadded) + 1, length))
    whole, parts = make_decoder(run), make_decoder(run)
    wanted = whole.prefill_hidden(run.prompt_ids, run.prompt_mask)[:, -1]
    found = parts.prefill_hidden(run.prompt_ids[:, :cut], run.prompt_mask[:, :cut])[:, -1]
    for column in run.prompt_ids[:, cut:].T:
        found = parts.step_hidden(run.weights.embedding[column])
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-9)


def test_refuses_embeddings_of_another_shape() -> None:
    run = make_run(0, rows=2)
    decoder = make_decoder(run)
    decoder.prefill_hidden(run.prompt_ids, run.prompt_mask)
    width = run.config.hidden_size
    with pytest.raises(ArgumentError, match=rf"^embedded shape = \(1, {width}\): must be \(2, "):
        decoder.step_hidden(np.zeros((1, width)))
