"""P-09: the quantised score and its margin, and equal decisions outside the margin."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fastcar.proofs.attack import attack
from fastcar.proofs.counterexamples.fixed_point import get_counterexamples
from fastcar.proofs.fixed_point import (
    STATEMENT,
    QuantizedScore,
    compute_mean_score,
    is_decision_safe,
)
from fastcar.proofs.statement import HypothesisError, Verdict
from fastcar.reference.integer.fixed_point import (
    choose_scale,
    compute_integer_score,
    compute_integer_threshold,
    is_score_reached,
    quantize,
)
from tests.proofs.attacks import attack_once, attack_settings, check_rounding
from tests.proofs.strategies import Matrix, Vector, units, vectors


@st.composite
def heads(draw: st.DrawFn, shape: tuple[int, int]) -> tuple[Matrix, float]:
    """[H, d] and its step: anything, or half steps, which are moved furthest."""
    matrix: Matrix
    if draw(st.booleans()):
        matrix = draw(vectors(shape[0] * shape[1])).reshape(shape)
        return matrix, choose_scale(matrix) * 2.0 ** draw(st.integers(0, 16))
    scale = 10.0 ** draw(st.integers(-6, 6))
    matrix = draw(arrays(np.int64, shape, elements=st.integers(-3, 3))) + 0.5
    matrix += 10.0 ** draw(st.integers(-9, -1)) * draw(arrays(np.float64, shape, elements=units))
    return matrix * scale, scale


@st.composite
def quantized_scores(draw: st.DrawFn) -> QuantizedScore:
    """One or two heads of one to three; coarse and fine steps, tau near the score or far away."""
    shape = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    sides = [draw(heads(shape)) for _ in range(2)]
    (query, query_scale), (key, key_scale) = sides
    score = QuantizedScore(query, key, query_scale, key_scale, 0.0)
    found = STATEMENT.check(score)
    offset = draw(st.floats(-3, 3)) * found.right
    near = float(compute_mean_score(query, key)) + offset
    return replace(score, threshold=draw(st.sampled_from([near, -math.inf, math.inf, 0.0])))


@pytest.mark.slow
@attack_settings()
@given(quantized_scores())
def test_no_attack_violates_the_claim(score: QuantizedScore) -> None:
    attack_once(STATEMENT, score)


@given(quantized_scores())
def test_rounding_is_as_derived(score: QuantizedScore) -> None:
    check_rounding(STATEMENT, score)


def decide_exactly(score: QuantizedScore) -> bool:
    """Mean score >= tau in rational arithmetic, by signs and squares."""
    if math.isinf(score.threshold):
        return score.threshold < 0
    pairs = zip(score.query.flat, score.key.flat, strict=True)
    total = sum((Fraction(float(q)) * Fraction(float(k)) for q, k in pairs), Fraction(0))
    num_heads, head_dim = score.query.shape
    limit = Fraction(score.threshold) * num_heads
    if (total < 0) != (limit < 0):
        return bool(limit < 0)
    difference: Fraction = total**2 - limit**2 * head_dim
    return difference <= 0 if total < 0 else difference >= 0


def decide_on_integers(score: QuantizedScore) -> bool:
    """What the score unit does."""
    query = quantize(score.query, score.query_scale)
    key = quantize(score.key, score.key_scale)
    limit = compute_integer_threshold(
        score.threshold, score.query_scale, score.key_scale, *score.query.shape
    )
    return bool(is_score_reached(compute_integer_score(query[None], key[None]), limit)[0])


@pytest.mark.slow
@attack_settings()
@given(quantized_scores())
def test_outside_the_margin_integers_decide_like_real_numbers(score: QuantizedScore) -> None:
    assume(is_decision_safe(score))
    assert decide_on_integers(score) == decide_exactly(score)


def test_inside_the_margin_they_may_differ() -> None:
    score = QuantizedScore(np.array([[0.5]]), np.array([[0.5]]), 1.0, 1.0, threshold=0.75)
    assert not is_decision_safe(score)
    assert decide_on_integers(score)
    assert not decide_exactly(score)
    assert is_decision_safe(replace(score, threshold=1.0 + 1e-9))


def test_positive_ties_attain_the_margin() -> None:
    ties = np.array([[0.5, 1.5], [2.5, 0.5]])
    found = STATEMENT.check(QuantizedScore(ties / 8, ties, 0.125, 1.0, 0.0))
    assert found.holds
    assert found.ratio == pytest.approx(1, abs=1e-12)


def test_euclidean_norms_would_give_no_smaller_margin() -> None:
    rng = np.random.default_rng(1)
    for _ in range(100):
        x = STATEMENT.draw(rng).key
        assert np.abs(x).sum() <= math.sqrt(x.size) * np.linalg.norm(x) * (1 + 1e-12)


def test_search_approaches_the_bound() -> None:
    found = attack(STATEMENT, np.random.default_rng(0), 2_000)
    assert found.num_violations == 0
    assert found.worst.ratio >= 0.9


def test_two_heads_are_certified() -> None:
    query, key = np.array([[0.3, -1.2], [2.0, 0.1]]), np.array([[1.0, 0.7], [-0.2, 0.4]])
    assert STATEMENT.certify(QuantizedScore(query, key, 0.01, 0.02, 0.5)) is Verdict.HOLDS


ONE = np.array([[1.0]])


@pytest.mark.parametrize(
    ("score", "name"),
    [
        (QuantizedScore(ONE * np.nan, ONE, 1.0, 1.0, 0.0), "finite query, key"),
        (QuantizedScore(ONE, ONE, 1.0, 0.0, 0.0), "scales finite and above 0"),
        (QuantizedScore(ONE, ONE, math.inf, 1.0, 0.0), "scales finite and above 0"),
        (QuantizedScore(ONE, ONE, 1.0, 1.0, math.nan), "threshold a number"),
        (QuantizedScore(ONE, ONE, 1.0, 1.0 / 32768, 0.0), "no element saturates"),
    ],
)
def test_hypotheses_are_checked(score: QuantizedScore, name: str) -> None:
    with pytest.raises(HypothesisError, match=rf"^P-09: hypothesis violated: {name}$"):
        STATEMENT.check(score)


@given(vectors(3))
def test_own_scale_of_the_largest_element_does_not_saturate(query: Vector) -> None:
    STATEMENT.check_hypotheses(QuantizedScore(query[None], ONE, choose_scale(query), 1.0, 0.0))


def test_counterexamples_violate_what_they_drop() -> None:
    found = get_counterexamples()
    assert [example.dropped for example in found] == [
        "no element saturates",
        "the term H d s_q s_k / 4",
    ]
    assert all(example.left > 1.4 * example.right for example in found)
