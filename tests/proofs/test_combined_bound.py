"""P-15: MLP outputs of aligned tokens, from scores and weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.proofs.combined_bound import STATEMENT, LayerPair, compute_parts, compute_sides
from fastcar.proofs.combined_layer import compute_attention_gap, compute_query_gaps
from fastcar.proofs.counterexamples.combined_bound import get_counterexamples, make_layer
from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.multi_head_attention import BlockPair, get_heads
from fastcar.proofs.statement import HypothesisError, Verdict
from fastcar.reference.attention import compute_attention
from fastcar.reference.rms_norm import compute_rms_norm
from fastcar.reference.swiglu import compute_silu
from tests.proofs.attacks import attack_once, attack_settings, check_rounding, check_search
from tests.proofs.strategies import matrices, neighbours, vectors


@st.composite
def layer_pairs(draw: st.DrawFn) -> LayerPair:
    """One or two heads of width one or two on up to three keys; queries near the aligned key or
    not, residual streams alike or not.
    """
    num_heads, head_dim, num_keys = (draw(st.integers(1, size)) for size in (2, 2, 3))
    width, inner = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    keys, values = (
        draw(vectors(num_keys * head_dim)).reshape(1, num_keys, head_dim) for _ in range(2)
    )
    num_shared = draw(st.integers(1, num_keys))
    aligned = np.repeat(keys[:, num_shared - 1], num_heads, axis=0)
    queries, other_queries = draw(neighbours(aligned)), draw(neighbours(aligned))
    o_proj = draw(matrices(width, num_heads * head_dim))
    block = BlockPair(queries, other_queries, keys, values, o_proj, num_shared)
    residual = draw(vectors(width))
    gate_proj, up_proj = (draw(matrices(inner, width)) for _ in range(2))
    return LayerPair(
        block,
        residual,
        draw(neighbours(residual)),
        gate_proj,
        up_proj,
        draw(matrices(width, inner)),
        draw(vectors(width)),
        draw(st.sampled_from([1e-6, 1e-2, 1.0, 1e4])),
    )


@pytest.mark.slow
@attack_settings()
@given(layer_pairs())
def test_no_attack_violates_the_claim(pair: LayerPair) -> None:
    attack_once(STATEMENT, pair)


@given(layer_pairs())
def test_rounding_is_as_derived(pair: LayerPair) -> None:
    check_rounding(STATEMENT, pair)


@pytest.mark.parametrize("seed", range(4))
def test_rounding_covers_scores_that_cancel(seed: int) -> None:
    """|q - k| is 1e-8 of |q|, which norms and score hold with half of the digits only."""
    rng = np.random.default_rng(seed)
    key, other_key = rng.standard_normal((2, 3))
    queries = key + 1e-8 * rng.standard_normal((2, 1, 3))
    keys = np.stack([other_key, key])[None]
    o_proj = rng.standard_normal((1, 3))
    block = BlockPair(queries[0], queries[1], keys, keys, o_proj, num_shared=2)
    check_rounding(STATEMENT, replace(make_layer(1.0, 1.0, np.ones(2), 2), block=block))


def test_key_between_the_queries_attains_the_bound() -> None:
    """P-02, P-03 (small logits), P-06 (large eps) and P-07 (silu steepest) are tight at once."""
    found = STATEMENT.check(make_layer(0.2, -0.2, np.array([-0.2, 0.2]), num_shared=2))
    assert found.holds
    assert not found.is_vacuous
    assert found.ratio == pytest.approx(1, abs=2e-4)


def test_residual_gap_attains_the_bound() -> None:
    pair = make_layer(0.2, 0.2, np.array([0.2, 0.2]), num_shared=2)
    found = STATEMENT.check(replace(pair, other_residual=pair.residual + 1e-4))
    assert found.ratio == pytest.approx(1, abs=1e-3)


def test_fresh_key_attains_the_bound() -> None:
    """rho is almost 1 and the values are opposite."""
    found = STATEMENT.check(make_layer(5.0, 5.0, np.array([5.0, 9.0]), num_shared=1))
    assert found.ratio >= 0.98


@pytest.mark.slow
def test_search_approaches_the_bound() -> None:
    check_search(STATEMENT, 1_000, 0.9)


def test_two_heads_are_certified() -> None:
    pair = STATEMENT.draw(np.random.default_rng(1))
    assert len(pair.block.queries) == 2
    assert STATEMENT.certify(pair) is Verdict.HOLDS


@pytest.mark.parametrize(
    ("change", "hypothesis"),
    [
        ({"gain": np.array([np.nan])}, "finite residual, other_residual, gate_proj, up_proj,"),
        ({"eps": 0.0}, "eps > 0"),
    ],
)
def test_what_is_no_instance_is_refused(change: dict[str, object], hypothesis: str) -> None:
    pair = make_layer(1.0, 1.0, np.ones(2), num_shared=2)
    with pytest.raises(HypothesisError, match=f"^P-15: hypothesis violated: {hypothesis}"):
        STATEMENT.check(replace(pair, **change))  # type: ignore[arg-type]


def test_block_without_shared_key_is_refused() -> None:
    pair = make_layer(1.0, 1.0, np.ones(2), num_shared=0)
    message = "^P-15: hypothesis violated: at least one shared key$"
    with pytest.raises(HypothesisError, match=message):
        STATEMENT.check(pair)


def test_true_query_gap_does_not_enter() -> None:
    """The mirrored query has the same norm and score, so the same bound, and is elsewhere."""
    angle = np.array([[0.6, 0.8]])
    keys, values = np.array([[[0.0, 1.0], [1.0, 0.0]]]), np.eye(2)[None]
    blocks = [
        BlockPair(query, angle, keys, values, np.eye(2), num_shared=2)
        for query in (angle, angle * [[1.0, -1.0]])
    ]
    assert compute_attention_gap(blocks[0]) == compute_attention_gap(blocks[1])


def test_left_side_is_that_of_the_reference() -> None:
    pair = STATEMENT.draw(np.random.default_rng(2))
    block, outputs = pair.block, []
    rows = (
        (block.queries, block.keys.shape[1], pair.residual),
        (block.other_queries, block.num_shared, pair.other_residual),
    )
    for queries, length, residual in rows:
        keys, values = block.keys[None, :, :length], block.values[None, :, :length]
        mid = residual + block.o_proj @ compute_attention(queries[None], keys, values)[0].ravel()
        normed = compute_rms_norm(mid, pair.gain, pair.eps)
        hidden = compute_silu(pair.gate_proj @ normed) * (pair.up_proj @ normed)
        outputs.append(pair.down_proj @ hidden)
    expected = np.linalg.norm(outputs[0] - outputs[1])
    assert compute_sides(pair).left == pytest.approx(expected, rel=1e-9)


def test_parts_make_the_papers_form_of_the_bound() -> None:
    rng = np.random.default_rng(3)
    for _ in range(100):
        pair = STATEMENT.draw(rng)
        assert compute_sides(pair).right <= compute_parts(pair).total * (1 + 1e-12)


def test_aligned_key_is_the_last_shared_one() -> None:
    pair = make_layer(5.0, 3.0, np.array([5.0, 9.0]), num_shared=1)
    assert compute_query_gaps(get_heads(pair.block)[0]) == (0.0, 2.0)


def test_parts_name_what_is_missing() -> None:
    near = compute_parts(make_layer(1.0, 1.0, np.array([1.0, 1.0]), num_shared=1))
    assert (near.residual, near.score, near.self_score) == (0.0, 0.0, 0.0)
    assert near.fresh_mass == pytest.approx(0.01)  # |W_O| 2 M_V rho
    far = compute_parts(make_layer(1.0, -1.0, np.array([-1.0, 1.0]), num_shared=2))
    assert (far.score, far.fresh_mass) == (0.0, 0.0)
    assert far.self_score == pytest.approx(0.01 * 2.0)  # C_h |q_{j-} - k|, C_h = 1


@pytest.mark.parametrize("example", get_counterexamples(), ids=lambda example: example.dropped)
def test_dropped_hypothesis_lets_the_claim_fail(example: Counterexample) -> None:
    assert example.number == STATEMENT.number
    assert example.left > example.right + 0.1
