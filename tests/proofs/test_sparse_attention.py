"""P-12: attention of two queries that see only some keys in common."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.proofs import causal_attention
from fastcar.proofs.causal_attention import CausalPair
from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.counterexamples.sparse_attention import get_counterexamples
from fastcar.proofs.sparse_attention import STATEMENT, WindowPair
from fastcar.proofs.statement import HypothesisError, Verdict
from fastcar.reference.attention import compute_prompt_attention
from fastcar.reference.sparse_attention import SparseAttention, make_prompt_visibility
from tests.proofs.attacks import attack_once, attack_settings, check_rounding, check_search
from tests.proofs.strategies import Vector, neighbours, vectors
from tests.proofs.test_attention import rows
from tests.proofs.test_causal_attention import causal_pairs

NOTHING = np.zeros((0, 2))
OPPOSITE = WindowPair(
    query=np.zeros(2),
    other_query=np.zeros(2),
    shared_keys=np.zeros((2, 2)),
    shared_values=np.array([[-0.6, -0.8], [-0.6, -0.8]]),
    fresh_keys=np.zeros((2, 2)),
    fresh_values=np.array([[0.6, 0.8], [0.6, 0.8]]),
    stale_keys=np.zeros((1, 2)),
    stale_values=np.array([[-0.6, -0.8]]),
)
"""rho = 1 / 2, sigma = 1 / 3; every term of the proof points the same way."""


@st.composite
def window_pairs(draw: st.DrawFn) -> WindowPair:
    """Up to two keys in every part, not necessarily shared ones; queries alike or not."""
    head_dim, num_shared = draw(st.integers(1, 3)), draw(st.integers(0, 2))
    least = 0 if num_shared else 1
    num_fresh, num_stale = draw(st.integers(least, 2)), draw(st.integers(least, 2))
    query: Vector = draw(vectors(head_dim))
    other_query = draw(neighbours(query))
    keys, values = draw(rows(6, head_dim)), draw(rows(6, head_dim))
    ends = ((0, num_shared), (2, 2 + num_fresh), (4, 4 + num_stale))
    parts = [part[start:end] for start, end in ends for part in (keys, values)]
    return WindowPair(query, other_query, *parts)


def mirror(pair: WindowPair) -> WindowPair:
    """The same two tokens with their parts exchanged."""
    return WindowPair(
        pair.other_query,
        pair.query,
        pair.shared_keys,
        pair.shared_values,
        pair.stale_keys,
        pair.stale_values,
        pair.fresh_keys,
        pair.fresh_values,
    )


@pytest.mark.slow
@attack_settings()
@given(window_pairs())
def test_no_attack_violates_the_claim(pair: WindowPair) -> None:
    attack_once(STATEMENT, pair)


@given(window_pairs())
def test_rounding_is_as_derived(pair: WindowPair) -> None:
    check_rounding(STATEMENT, pair)


@pytest.mark.parametrize("pair", [OPPOSITE, mirror(OPPOSITE)], ids=["more fresh", "more stale"])
def test_opposite_values_attain_the_bound(pair: WindowPair) -> None:
    found = STATEMENT.check(pair)
    assert found.holds
    assert found.right == pytest.approx(found.trivial / 2)
    assert found.ratio == pytest.approx(1, abs=1e-12)


@given(causal_pairs())
def test_without_stale_keys_it_is_the_causal_bound(pair: CausalPair) -> None:
    shared, fresh = slice(None, pair.num_shared), slice(pair.num_shared, None)
    parts = [part[place] for place in (shared, fresh) for part in (pair.keys, pair.values)]
    parts += [pair.keys[:0], pair.values[:0]]
    found = STATEMENT.check(WindowPair(pair.query, pair.other_query, *parts))
    expected = causal_attention.STATEMENT.check(pair)
    assert (found.left, found.right) == (expected.left, expected.right)


def test_without_shared_keys_the_bound_is_trivial() -> None:
    pair = replace(OPPOSITE, shared_keys=NOTHING, shared_values=NOTHING)
    found = STATEMENT.check(pair)
    assert found.left == found.right == pytest.approx(found.trivial)
    assert STATEMENT.certify(pair) is not Verdict.VIOLATED


def test_search_approaches_the_bound() -> None:
    check_search(STATEMENT, 2_000, 0.95)


def test_four_keys_are_certified() -> None:
    keys = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 2.0], [1.0, 3.0]])
    parts = (keys[:2], keys[2:], keys[2:3], keys[:1], keys[3:], keys[1:2])
    pair = WindowPair(np.array([1.0, 0.5]), np.array([0.5, 1.0]), *parts)
    assert STATEMENT.certify(pair) is Verdict.HOLDS


def test_tight_case_is_undecided_never_wrong() -> None:
    assert STATEMENT.certify(OPPOSITE) is Verdict.UNDECIDED


def test_each_token_sees_a_key() -> None:
    pair = replace(OPPOSITE, shared_keys=NOTHING, shared_values=NOTHING)
    for lacking in (
        replace(pair, fresh_keys=NOTHING, fresh_values=NOTHING),
        replace(pair, stale_keys=NOTHING, stale_values=NOTHING),
    ):
        message = r"^P-12: hypothesis violated: a key for each token$"
        with pytest.raises(HypothesisError, match=message):
            STATEMENT.check(lacking)


def test_infinite_stale_value_is_no_instance() -> None:
    names = ", ".join(field.name for field in fields(WindowPair))
    with pytest.raises(HypothesisError, match=rf"^P-12: hypothesis violated: finite {names}$"):
        STATEMENT.check(replace(OPPOSITE, stale_values=np.array([[np.inf, 0.0]])))


def test_sides_are_those_of_the_reference_with_sinks_and_a_window() -> None:
    queries, keys, values = np.random.default_rng(0).standard_normal((3, 12, 4))
    mask = np.ones((1, 12), dtype=bool)
    visible = make_prompt_visibility(mask, SparseAttention(window_tokens=6, sink_tokens=2))
    query, key, value = (part[None, :, None] for part in (queries, keys, values))  # [1, 12, 1, 4]
    contexts = compute_prompt_attention(query, key.swapaxes(1, 2), value.swapaxes(1, 2), visible)
    own, other = visible[0, 11], visible[0, 7]
    masks = (own & other, own & ~other, other & ~own)
    assert [int(part.sum()) for part in masks] == [4, 4, 4]
    parts = [part[seen] for seen in masks for part in (keys, values)]
    found = STATEMENT.check(WindowPair(queries[11], queries[7], *parts))
    expected = np.linalg.norm(contexts[0, 11] - contexts[0, 7])
    assert found.left == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("example", get_counterexamples(), ids=lambda example: example.dropped)
def test_dropped_hypothesis_lets_the_claim_fail(example: Counterexample) -> None:
    assert example.number == STATEMENT.number
    assert example.left > example.right + 0.1
