"""P-24: steps to an integer logit, attacked, certified, and with planted errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.proofs.counterexamples.integer_logit import get_counterexamples
from fastcar.proofs.integer_logit import STATEMENT, STEP_NAMES, LogitElement, draw
from fastcar.proofs.integer_logit_steps import compute_float_steps, run
from fastcar.proofs.statement import HypothesisError, Verdict
from fastcar.reference.arrays import Int16Array
from fastcar.reference.integer.whole.rotary import IntegerRotaryTable
from tests.examples import examples
from tests.proofs.attacks import attack_once, attack_settings, check_rounding, check_search

elements = st.integers(0, 2**32 - 1).map(lambda seed: draw(np.random.default_rng(seed)))


@attack_settings(0.5)
@given(elements)
def test_no_attack_violates_the_claim(element: LogitElement) -> None:
    attack_once(STATEMENT, element)


@examples(30)
@given(elements)
def test_rounding_is_as_derived(element: LogitElement) -> None:
    check_rounding(STATEMENT, element)


def test_rounding_is_far_below_the_bound() -> None:
    rng = np.random.default_rng(3)
    found = [STATEMENT.check(STATEMENT.draw(rng)) for _ in range(100)]
    assert all(one.rounding < 1e-6 * one.right for one in found)


def test_search_approaches_the_bound() -> None:
    check_search(STATEMENT, 300, 0.98)


@pytest.mark.parametrize("step", STEP_NAMES)
def test_every_step_is_certified_and_nearly_attained(step: str) -> None:
    rng, ratios = np.random.default_rng(5), []
    for _ in range(100):
        element = replace(draw(rng), step=step, index=0)
        ratios.append(STATEMENT.check(element).ratio)
    assert 0.8 < max(ratios) <= 1, step
    assert STATEMENT.certify(element) is Verdict.HOLDS


def test_float_steps_are_those_of_plain_numpy() -> None:
    element = draw(np.random.default_rng(8))
    head, exact = element.head, element.head.exact
    x = element.x * head.residual_scale
    normed = x * exact.gain / np.sqrt((x * x).mean(axis=1, keepdims=True) + exact.rms_norm_eps)
    turned = []
    for row, projection in enumerate((exact.q_proj, exact.k_proj)):
        pairs = projection @ normed[row]
        half = len(pairs) // 2
        angles = head.positions[row] * exact.frequencies
        turned.append((pairs[:half] + 1j * pairs[half:]) * np.exp(1j * angles))
    product = float((turned[0] * turned[1].conj()).real.sum())
    wanted = product / np.sqrt(head.layer.head_dim) * np.log2(np.e) * 256
    assert compute_float_steps(head, element.x).logit[0] == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("name", ["query", "key", "logit"])
def test_error_of_a_few_steps_is_seen(name: str) -> None:
    """Where the bound is nearly all rounding, a result that is three steps off exceeds it."""
    rng, seen = np.random.default_rng(11), 0
    for _ in range(60):
        element = replace(draw(rng), step=name, index=0)
        part = getattr(element.found, name)
        moved = replace(element, found=replace(element.found, **{name: part + part.dtype.type(3)}))
        check = replace(STATEMENT, hypotheses=()).check(moved)
        seen += not check.holds
    assert seen > 5


def test_table_of_other_positions_is_seen() -> None:
    """The bound takes the distance of the table from exact cosines: it grows, and still holds."""
    element = replace(draw(np.random.default_rng(5)), step="query", index=0)
    turns = element.head.turns
    wrong = IntegerRotaryTable(turns.cos[::-1].copy(), turns.sin[::-1].copy())
    head = replace(element.head, turns=wrong)
    moved = replace(element, head=head, found=run(head, element.x))
    assert STATEMENT.check(moved).holds
    assert STATEMENT.check(moved).right > 2 * STATEMENT.check(element).right


def test_hypotheses_are_checked() -> None:
    element = draw(np.random.default_rng(5))
    exact = replace(element.head.exact, k_proj=element.head.exact.k_proj * np.inf)
    with pytest.raises(HypothesisError, match=r"^P-24: hypothesis violated: finite weights$"):
        STATEMENT.check(replace(element, head=replace(element.head, exact=exact)))
    query: Int16Array = element.found.query ^ np.int16(1)
    with pytest.raises(HypothesisError, match=r"integers as the layer computes them$"):
        STATEMENT.check(replace(element, found=replace(element.found, query=query)))


def test_counterexamples_violate_what_they_drop() -> None:
    assert [example.dropped for example in get_counterexamples()] == [
        "integers as the layer computes them",
        "what saturation cut off",
    ]
    assert all(example.left > 3 * example.right for example in get_counterexamples())
