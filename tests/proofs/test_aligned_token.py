"""Instances from decoded tokens are the real thing: they agree with what the decoder recorded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fastcar.proofs import attention, multi_head_attention
from fastcar.proofs.aligned_token import AlignedToken, draw_replay, draw_token, get_chain
from fastcar.proofs.arithmetic import Array
from fastcar.proofs.combined_layer import compute_mid
from fastcar.proofs.decoded_run import DecodedPair, decode, load_rows
from fastcar.proofs.decoder.layer import run
from fastcar.proofs.head_aggregation import compute_scores
from fastcar.proofs.registry import STEMS, get_statement
from fastcar.proofs.rotary import rotate
from fastcar.proofs.sparse_attention import NUM_SINKS
from fastcar.proofs.temporal_attention_score import compute_score
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.reference.swiglu import compute_swiglu
from tests.fastcar.tiny_video_model import save_tiny_video_model

SEEDS = range(10)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> DecodedPair:
    """Three rows of a random video model."""
    directory = save_tiny_video_model(tmp_path_factory.mktemp("instances") / "model")
    return decode(load_rows(directory, num_rows=3))


def make(number: str, pair: DecodedPair, seed: int) -> tuple[AlignedToken, Any]:
    """An instance and the token that it is about: the first that its generator draws."""
    draw = draw_replay if number in ("P-08", "P-16", "P-17") else draw_token
    token = draw(pair, np.random.default_rng(seed))
    return token, get_statement(number).draw_decoded(pair, np.random.default_rng(seed))


def assert_near(found: Array, wanted: Array) -> None:
    """Equal but for the order of sums."""
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12 * (1 + np.abs(wanted).max()))


def get_recorded(token: AlignedToken, name: str, token_index: int) -> Array:
    """One record of the token's run, row and layer."""
    recorded: Array = getattr(token.run, name)[token.layer_index, token.row_index, token_index]
    return recorded


@pytest.mark.parametrize("number", STEMS)
def test_instances_meet_the_hypotheses_and_the_claim(pair: DecodedPair, number: str) -> None:
    rng = np.random.default_rng(0)
    statement = get_statement(number)
    for _ in range(5):
        assert statement.check(statement.draw_decoded(pair, rng)).holds


def test_tokens_are_drawn_from_the_second_frame_on(pair: DecodedPair) -> None:
    rng = np.random.default_rng(0)
    tokens = [draw_token(pair, rng) for _ in range(300)]
    frame, num_tokens = pair.given.tokens_per_frame, pair.given.forced_ids.shape[1]
    assert {token.token_index for token in tokens} == set(range(frame, num_tokens))
    assert {token.row_index for token in tokens} == {0, 1, 2}
    assert {token.layer_index for token in tokens} == {0, 1, 2}
    assert {token.head_index for token in tokens} == {0, 1}
    assert {token.run is pair.dense for token in tokens} == {True, False}


@pytest.mark.parametrize("seed", SEEDS)
def test_scores_are_those_of_the_decoder(pair: DecodedPair, seed: int) -> None:
    token, heads = make("P-05", pair, seed)
    wanted = get_recorded(token, "scores", token.token_index)
    assert_near(compute_scores(heads).mean(), wanted)
    _, queries = make("P-02", pair, seed)
    assert_near(compute_score(queries.query, queries.key), compute_scores(heads)[token.head_index])
    _, quantized = make("P-09", pair, seed)
    assert np.array_equal(quantized.query, heads.queries)
    assert np.array_equal(quantized.key, heads.keys)
    assert quantized.threshold == pair.threshold


@pytest.mark.parametrize("seed", SEEDS)
def test_logits_and_contexts_are_those_of_shared_keys(pair: DecodedPair, seed: int) -> None:
    token, logits = make("P-01", pair, seed)
    _, shared = make("P-03", pair, seed)
    _, causal = make("P-04", pair, seed)
    assert len(logits.x) == len(shared.keys) == causal.num_shared == token.aligned_entry + 1
    assert len(causal.keys) == causal.num_shared + pair.given.tokens_per_frame
    assert_near(logits.x[-1], compute_score(shared.query, shared.keys[-1]))
    probabilities = np.exp(logits.y) / np.exp(logits.y).sum()
    assert_near(attention.compute_probabilities(shared.other_query, shared.keys), probabilities)
    assert np.array_equal(causal.keys[: causal.num_shared], shared.keys)
    assert np.array_equal(causal.values[: causal.num_shared], shared.values)


@pytest.mark.parametrize("seed", SEEDS)
def test_attention_blocks_give_the_residual_streams(pair: DecodedPair, seed: int) -> None:
    token, block = make("P-13", pair, seed)
    outputs = multi_head_attention.compute_outputs(block)
    for output, index in zip(outputs, (token.token_index, token.aligned_index), strict=True):
        x = get_recorded(token, "layer_inputs", index)
        assert_near(x + output, get_recorded(token, "mlp_inputs", index))
    _, layer = make("P-15", pair, seed)
    assert_near(compute_mid(layer)[0], get_recorded(token, "mlp_inputs", token.token_index))
    assert_near(compute_mid(layer)[1], get_recorded(token, "mlp_inputs", token.aligned_index))


@pytest.mark.parametrize("seed", SEEDS)
def test_queries_follow_from_projections_and_rotation(pair: DecodedPair, seed: int) -> None:
    token, heads = make("P-14", pair, seed)
    _, rotated = make("P-11", pair, seed)
    assert_near(heads.q_proj @ heads.normed, rotated.query)
    turned = rotate(rotated.query, rotated.position, rotated.frequencies)
    assert_near(turned, token.get_query(token.token_index))
    own = rotate(heads.k_proj @ heads.normed, rotated.position, rotated.frequencies)
    assert_near(own, token.get_keys()[token.key_head_index, -1])


@pytest.mark.parametrize("seed", SEEDS)
def test_windows_are_those_of_sparse_attention(pair: DecodedPair, seed: int) -> None:
    token, window = make("P-12", pair, seed)
    rows = slice(token.row_index, token.row_index + 1)
    keys, head = token.run.keys[token.layer_index, rows], token.key_head_index
    for entry, seen in ((token.entry, window.seen[0]), (token.aligned_entry, window.other_seen[0])):
        frame = pair.given.tokens_per_frame
        wanted = []
        for tokens in (frame // 2, frame, 2 * frame, 4 * frame):
            part, _, visible = SparseAttention(tokens, NUM_SINKS).select(
                keys[:, :, : entry + 1], keys[:, :, : entry + 1], np.zeros(1, np.int64)
            )
            wanted.append({tuple(key) for key in part[0, head][visible[0]]})
        assert {tuple(key) for key in seen} in wanted
    parts = (window.shared_keys, window.fresh_keys, window.stale_keys)
    assert len({tuple(key) for part in parts for key in part}) == sum(map(len, parts))


@pytest.mark.parametrize("seed", SEEDS)
def test_mlp_instances_give_the_recorded_outputs(pair: DecodedPair, seed: int) -> None:
    token, mlp = make("P-07", pair, seed)
    if token.run is pair.dense:
        output = compute_swiglu(mlp.normed[None], token.layer)[0]
        assert_near(output, get_recorded(token, "mlp_outputs", token.token_index))
    _, norms = make("P-06", pair, seed)
    assert np.array_equal(norms.x, get_recorded(token, "mlp_inputs", token.token_index))
    assert np.array_equal(norms.other, get_recorded(token, "mlp_inputs", token.aligned_index))


@pytest.mark.parametrize("seed", SEEDS)
def test_chains_begin_with_the_last_computed_token(pair: DecodedPair, seed: int) -> None:
    token, chain = make("P-08", pair, seed)
    indices = get_chain(token)
    replayed = pair.replay.replayed[token.layer_index, token.row_index, indices]
    assert replayed.tolist() == [False] + [True] * (len(indices) - 1)
    for x, index in zip(chain.inputs, indices, strict=True):
        assert np.array_equal(x, get_recorded(token, "mlp_inputs", index))
    used = get_recorded(token, "mlp_outputs", token.token_index)
    assert_near(compute_swiglu(token.get_normed(indices[0])[None], token.layer)[0], used)
    _, certified = make("P-17", pair, seed)
    assert np.array_equal(certified.last, token.get_normed(indices[0]).astype(certified.last.dtype))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_token_through_all_layers_gives_the_logits_of_both_runs(
    pair: DecodedPair, seed: int
) -> None:
    token, decoder = make("P-16", pair, seed)
    place = token.row_index, token.token_index
    assert_near(run(decoder, with_replay=False).logits, pair.dense.logits[place])
    assert_near(run(decoder, with_replay=True).logits, pair.replay.logits[place])
    assert any(layer.cached is not None for layer in decoder.layers)


@pytest.mark.parametrize("seed", SEEDS)
def test_flags_are_decisions_in_slot_order(pair: DecodedPair, seed: int) -> None:
    token, flags = make("P-10", pair, seed)
    replayed = pair.replay.replayed[token.layer_index]
    num_rows = len(replayed)
    for slot, computes in enumerate(flags.computes):
        row, later = slot % num_rows, slot // num_rows
        assert computes == (not replayed[row, token.token_index + later])
    _, load = make("P-18", pair, seed)
    frame = pair.given.tokens_per_frame
    first = token.token_index // frame * frame
    decisions = replayed[token.row_index, first : first + frame]
    assert (load.numerator, load.denominator) == (decisions.sum(), frame)
