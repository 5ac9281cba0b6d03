"""P-11: distance of a rotated query and a key scored before the rotation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.proofs.arithmetic import Array, compute_norm, to_balls, to_float
from fastcar.proofs.attack import attack
from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.counterexamples.rotary import get_counterexamples
from fastcar.proofs.rotary import STATEMENT, RotatedPair, rotate
from fastcar.proofs.statement import HypothesisError, Verdict
from fastcar.proofs.temporal_attention_score import compute_key_gap, compute_score
from fastcar.reference.rotary import RotaryTable
from tests.proofs.attacks import attack_once, attack_settings, check_rounding
from tests.proofs.strategies import neighbours, vectors

PAIR = RotatedPair(np.array([1.0, 2.0]), np.array([0.5, 1.0]), position=3, frequencies=np.ones(1))


def compute_plain_frequencies(rope_theta: float, head_dim: int) -> Array:
    return rope_theta ** -(np.arange(0, head_dim, 2) / head_dim)


@st.composite
def rotated_pairs(draw: st.DrawFn) -> RotatedPair:
    """Two or four dimensions; the key anywhere, near the query or near where it turns to."""
    query = draw(vectors(2 * draw(st.integers(1, 2))))
    position = draw(st.one_of(st.integers(0, 4), st.integers(0, 4096)))
    rope_theta = draw(st.sampled_from([0.5, 1.0, 100.0, 10000.0, 1e6]))
    frequencies = compute_plain_frequencies(rope_theta, len(query))
    turned = rotate(query, position, frequencies)
    key = draw(st.one_of(vectors(len(query)), neighbours(query), neighbours(turned)))
    return RotatedPair(query, key, position, frequencies)


@attack_settings()
@given(rotated_pairs())
def test_no_attack_violates_the_claim(pair: RotatedPair) -> None:
    attack_once(STATEMENT, pair)


@attack_settings()
@given(rotated_pairs())
def test_rounding_is_as_derived(pair: RotatedPair) -> None:
    check_rounding(STATEMENT, pair)


def test_query_between_key_and_its_turn_attains_the_bound() -> None:
    query = np.array([1.0, 2.0])
    key = query + 0.5 * (query - rotate(query, 1, np.ones(1)))
    found = STATEMENT.check(RotatedPair(query, key, position=1, frequencies=np.ones(1)))
    assert found.holds
    assert not found.is_vacuous
    assert found.ratio == pytest.approx(1, abs=1e-12)


def test_search_approaches_the_bound() -> None:
    found = attack(STATEMENT, np.random.default_rng(0), 2_000)
    assert found.num_violations == 0
    assert found.worst.ratio >= 0.99


def test_four_dimensions_are_certified() -> None:
    query, key = np.array([1.0, 2.0, 0.5, 0.0]), np.array([1.0, 1.0, 1.0, 1.0])
    frequencies = compute_plain_frequencies(10000.0, 4)
    pair = RotatedPair(query, key, position=1000, frequencies=frequencies)
    assert STATEMENT.certify(pair) is Verdict.HOLDS


@given(rotated_pairs(), st.integers(0, 4096))
def test_papers_variant_keeps_the_identity(pair: RotatedPair, key_position: int) -> None:
    # In balls: the gap from the norms before rotary and the score after it is the distance after
    # it, to 30 digits of the norms, for every pair of positions.
    exact = to_balls(pair)
    query = rotate(exact.query, pair.position, exact.frequencies)
    key = rotate(exact.key, key_position, exact.frequencies)
    query_norm, key_norm = compute_norm(exact.query), compute_norm(exact.key)
    square = query_norm**2 + key_norm**2 - compute_norm(query - key) ** 2
    product = 2 * compute_score(query, key) * to_balls(np.array([len(query)], float))[0].sqrt()
    assert (square - product).contains(0)
    assert to_float((square - product).rad()) <= 1e-30 * to_float(query_norm + key_norm) ** 2
    gap = compute_key_gap(query_norm, key_norm, compute_score(query, key), len(query))
    assert gap.overlaps(compute_norm(query - key))


@given(rotated_pairs())
def test_rotation_is_that_of_the_reference(pair: RotatedPair) -> None:
    angles = np.outer(np.arange(4097), pair.frequencies)
    table = RotaryTable(np.cos(angles), np.sin(angles))
    expected = table.rotate(pair.query[None, None], np.array([pair.position]))[0, 0]
    np.testing.assert_array_equal(rotate(pair.query, pair.position, pair.frequencies), expected)


@pytest.mark.parametrize(
    ("changed", "hypothesis"),
    [
        (replace(PAIR, query=np.array([np.nan, 0.0])), "finite query, key, frequencies"),
        (replace(PAIR, query=np.ones(3), key=np.ones(3)), "even head dimension"),
        (replace(PAIR, position=-1), "position of at least 0"),
        (replace(PAIR, frequencies=np.array([np.inf])), "finite query, key, frequencies"),
        (replace(PAIR, frequencies=np.ones(2)), "a frequency per pair"),
    ],
)
def test_hypotheses_are_checked(changed: RotatedPair, hypothesis: str) -> None:
    with pytest.raises(HypothesisError, match=rf"^P-11: hypothesis violated: {hypothesis}$"):
        STATEMENT.check(changed)


@pytest.mark.parametrize("example", get_counterexamples(), ids=lambda example: example.dropped)
def test_dropped_hypothesis_lets_the_claim_fail(example: Counterexample) -> None:
    assert example.number == STATEMENT.number
    assert example.left > example.right + 0.1
