"""P-19: single elements of the integer MLP phase, attacked, certified, and with planted errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.proofs.attack import attack
from fastcar.proofs.counterexamples.integer_mlp import get_counterexamples
from fastcar.proofs.integer_mlp import STATEMENT, IntegerElement, draw
from fastcar.proofs.integer_mlp_steps import STEP_NAMES
from fastcar.proofs.statement import HypothesisError, Verdict
from tests.examples import examples
from tests.proofs.attacks import attack_once, attack_settings, check_rounding

elements = st.integers(0, 2**32 - 1).map(lambda seed: draw(np.random.default_rng(seed)))


@attack_settings()
@given(elements)
def test_no_attack_violates_the_claim(element: IntegerElement) -> None:
    attack_once(STATEMENT, element)


@examples(50)
@given(elements)
def test_rounding_is_as_derived(element: IntegerElement) -> None:
    check_rounding(STATEMENT, element)


def test_rounding_is_far_below_half_a_step() -> None:
    rng = np.random.default_rng(3)
    found = [STATEMENT.check(STATEMENT.draw(rng)) for _ in range(100)]
    assert all(one.rounding < 1e-6 * one.right for one in found)


def test_search_approaches_the_bound() -> None:
    found = attack(STATEMENT, np.random.default_rng(0), 1_000)
    assert found.num_violations == 0
    assert found.worst.ratio >= 0.99


@pytest.mark.parametrize("step", STEP_NAMES)
def test_every_step_is_certified(step: str) -> None:
    element = replace(draw(np.random.default_rng(5)), step=step, index=0)
    assert STATEMENT.certify(element) is Verdict.HOLDS


def test_weights_may_differ_from_those_that_were_quantised() -> None:
    element = replace(draw(np.random.default_rng(5)), step="output", index=0)
    before = STATEMENT.check(element).right
    moved = replace(element, mlp=replace(element.mlp, down_proj=element.mlp.down_proj + 1))
    assert STATEMENT.check(moved).holds
    assert STATEMENT.check(moved).right > before


def test_hypotheses_are_checked() -> None:
    element = draw(np.random.default_rng(5))
    endless = replace(element.mlp, up_proj=element.mlp.up_proj * np.inf)
    with pytest.raises(HypothesisError, match=r"^P-19: hypothesis violated: finite weights$"):
        STATEMENT.check(replace(element, mlp=endless))
    other = replace(element.found, gate=(element.found.gate ^ 1).astype(np.int16))
    with pytest.raises(HypothesisError, match=r"integers as the layer computes them$"):
        STATEMENT.check(replace(element, found=other))


def test_counterexamples_violate_what_they_drop() -> None:
    found = get_counterexamples()
    assert [example.dropped for example in found] == [
        "integers as the layer computes them",
        "what saturation cut off",
    ]
    assert all(example.left > 1.4 * example.right for example in found)
