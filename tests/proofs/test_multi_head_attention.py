"""P-13: attention block of two tokens, all heads projected."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.counterexamples.multi_head_attention import get_counterexamples
from fastcar.proofs.multi_head_attention import (
    STATEMENT,
    BlockPair,
    bound,
    compute_outputs,
    compute_reach,
)
from fastcar.proofs.statement import HypothesisError, Verdict
from fastcar.reference.attention import compute_attention
from tests.proofs.attacks import attack_once, attack_settings, check_rounding, check_search
from tests.proofs.strategies import matrices, neighbours, vectors


@st.composite
def block_pairs(draw: st.DrawFn) -> BlockPair:
    """Up to two key heads, each read by up to two query heads, and three keys of one or two
    elements.
    """
    num_key_heads, group = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    head_dim, num_keys = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    num_heads = num_key_heads * group
    queries = draw(vectors(num_heads * head_dim)).reshape(num_heads, head_dim)
    other_queries = draw(neighbours(queries))
    keys, values = (
        draw(vectors(num_key_heads * num_keys * head_dim)).reshape(-1, num_keys, head_dim)
        for _ in range(2)
    )
    o_proj = draw(matrices(draw(st.integers(1, 3)), num_heads * head_dim))
    return BlockPair(
        queries, other_queries, keys, values, o_proj, num_shared=draw(st.integers(1, num_keys))
    )


def make_tight_pair(logits: list[float], o_proj: np.ndarray) -> BlockPair:
    """Every head attains the bound of P-04, d = 1."""
    queries = np.array(logits)[:, None]
    axis = np.array([[[1.0], [-1.0]]])
    return BlockPair(queries, -queries, axis, axis, o_proj, num_shared=2)


@attack_settings()
@given(block_pairs())
def test_no_attack_violates_the_claim(pair: BlockPair) -> None:
    attack_once(STATEMENT, pair)


@given(block_pairs())
def test_rounding_is_as_derived(pair: BlockPair) -> None:
    check_rounding(STATEMENT, pair)


@pytest.mark.parametrize("seed", range(4))
def test_rounding_covers_large_logits_that_nearly_tie(seed: int) -> None:
    """Logits of 10^6 are off by 10^-10, and so are the probabilities where they tie."""
    rng = np.random.default_rng(seed)
    query, gap = 1e6 * rng.uniform(1, 2), rng.uniform(0.1, 1)
    keys = np.array([[[1.0], [1.0 + 1e-6 * gap]]])
    queries, values = np.array([[query]]), np.array([[[1.0], [-1.0]]])
    check_rounding(STATEMENT, BlockPair(queries, -queries, keys, values, np.eye(1), num_shared=2))


@pytest.mark.parametrize(
    ("logits", "o_proj"),
    [
        ([0.3, 0.1], np.eye(2)),  # the norm of the whole projection
        ([0.3, 0.1], np.array([[2.0, 2.0]])),  # the sum over heads: |W_O| = 2 sqrt(2)
    ],
)
def test_opposite_keys_attain_both_forms(logits: list[float], o_proj: np.ndarray) -> None:
    found = STATEMENT.check(make_tight_pair(logits, o_proj))
    assert found.holds
    assert found.ratio == pytest.approx(1, abs=1e-12)


def test_fresh_keys_attain_the_bound() -> None:
    values = np.array([[[1.0], [-1.0]]])
    keys = np.array([[[0.0], [40.0]]])
    found = STATEMENT.check(
        BlockPair(np.ones((1, 1)), np.ones((1, 1)), keys, values, np.eye(1), num_shared=1)
    )
    assert found.ratio == pytest.approx(1, abs=1e-12)
    assert found.is_vacuous


@pytest.mark.slow
def test_search_approaches_the_bound() -> None:
    check_search(STATEMENT, 2_000, 0.95)


def test_grouped_heads_are_certified() -> None:
    rng = np.random.default_rng(0)
    queries, keys, values = (rng.standard_normal(shape) for shape in ((4, 2), (2, 3, 2), (2, 3, 2)))
    pair = BlockPair(queries, queries[::-1], keys, values, rng.standard_normal((3, 8)), 2)
    assert STATEMENT.certify(pair) is Verdict.HOLDS


def test_tight_case_is_undecided_never_wrong() -> None:
    pair = make_tight_pair([0.3, 0.1], np.array([[0.6, -0.8], [0.8, 0.6]]))
    assert STATEMENT.certify(pair) is Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("change", "hypothesis"),
    [
        ({"values": np.full((1, 2, 1), np.inf)}, "finite queries, other_queries, keys, values,"),
        ({"num_shared": 0}, "at least one shared key"),
        ({"num_shared": 3}, "at least one shared key"),
        ({"keys": np.ones((3, 2, 1))}, "as many query heads for every key head"),
    ],
)
def test_what_is_no_instance_is_refused(change: dict[str, object], hypothesis: str) -> None:
    pair = replace(make_tight_pair([1.0, 1.0], np.eye(2)), **change)  # type: ignore[arg-type]
    with pytest.raises(HypothesisError, match=f"^P-13: hypothesis violated: {hypothesis}"):
        STATEMENT.check(pair)


def test_outputs_are_those_of_the_reference() -> None:
    rng = np.random.default_rng(0)
    queries, other = rng.standard_normal((2, 4, 2))
    keys, values = rng.standard_normal((2, 2, 5, 2))
    o_proj = rng.standard_normal((3, 8))
    contexts = [
        compute_attention(query[None], keys[None, :, :length], values[None, :, :length])[0].ravel()
        for query, length in ((queries, 5), (other, 3))
    ]
    outputs = compute_outputs(BlockPair(queries, other, keys, values, o_proj, num_shared=3))
    for output, context in zip(outputs, contexts, strict=True):
        np.testing.assert_allclose(output, o_proj @ context, rtol=1e-12)


def test_first_form_is_never_above_the_limit_without_the_statement() -> None:
    rng = np.random.default_rng(1)
    pair = STATEMENT.draw(rng)
    reach = np.array([compute_reach(values) for values in pair.values])
    gaps = np.repeat(reach, len(pair.queries) // len(pair.keys))
    norm = float(np.linalg.norm(pair.o_proj, 2))
    limit = bound(gaps, norm, np.full(len(gaps), np.inf))
    found = STATEMENT.check(pair)
    assert found.right <= limit * (1 + 1e-12)
    assert found.trivial <= limit * (1 + 1e-12)


@pytest.mark.parametrize("example", get_counterexamples(), ids=lambda example: example.dropped)
def test_dropped_hypothesis_lets_the_claim_fail(example: Counterexample) -> None:
    assert example.number == STATEMENT.number
    assert example.left > example.right + 0.1
