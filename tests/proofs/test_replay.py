"""P-08: error of a replayed MLP output over a chain of replays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.proofs.arithmetic import compute_norm
from fastcar.proofs.counterexamples.replay import get_counterexamples
from fastcar.proofs.replay import (
    STATEMENT,
    ReplayChain,
    compute_direct_bound,
    compute_rounding,
    compute_steps,
)
from fastcar.proofs.statement import HypothesisError, Verdict
from fastcar.reference.rms_norm import compute_rms_norm
from tests.proofs.attacks import attack_once, attack_settings, check_rounding, check_search
from tests.proofs.strategies import matrices, neighbours, vectors

STEEPEST = 2.3993572805154678
"""Where silu' is largest."""


@st.composite
def replay_chains(draw: st.DrawFn) -> ReplayChain:
    """One or two replays, one or two neurons of width one or two."""
    width, inner = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    inputs = [draw(vectors(width))]
    for _ in range(draw(st.integers(1, 2))):
        inputs.append(draw(neighbours(inputs[-1])))
    return ReplayChain(
        draw(matrices(inner, width)),
        draw(matrices(inner, width)),
        draw(matrices(width, inner)),
        draw(vectors(width)),
        10.0 ** draw(st.integers(-12, 0)),
        np.array(inputs),
    )


def make_chain(*inputs: float, eps: float = 1.0) -> ReplayChain:
    """One neuron with weights 1; its gate is 2.3993... at inputs of 0.001."""
    one = np.ones((1, 1))
    return ReplayChain(one, one, one, np.array([1e3 * STEEPEST]), eps, np.array(inputs)[:, None])


@pytest.mark.slow
@attack_settings()
@given(replay_chains())
def test_no_attack_violates_the_claim(chain: ReplayChain) -> None:
    attack_once(STATEMENT, chain)


@given(replay_chains())
def test_rounding_is_as_derived(chain: ReplayChain) -> None:
    check_rounding(STATEMENT, chain)


@given(replay_chains())
def test_direct_bound_holds_too(chain: ReplayChain) -> None:
    found = STATEMENT.check(chain)
    ends = ReplayChain(*chain.matrices, chain.gain, chain.eps, chain.inputs[[0, -1]])
    assert compute_direct_bound(chain) == STATEMENT.check(ends).right
    assert found.left <= compute_direct_bound(chain) + compute_rounding(ends)


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_step_bounds_the_normed_distance_both_ways(order: list[int]) -> None:
    inputs = np.array([[10.0, 0.0], [0.0, 0.1]])[order]
    chain = ReplayChain(np.eye(2), np.eye(2), np.eye(2), np.ones(2), 1e-6, inputs)
    normed = compute_rms_norm(inputs, chain.gain, chain.eps)
    distance = compute_steps(chain, [0, 1])[0].distance
    assert compute_norm(normed[0] - normed[1]) <= distance


def test_one_step_attains_the_bound() -> None:
    found = STATEMENT.check(make_chain(1e-3, 1e-3 + 1e-8))
    assert found.holds
    assert found.ratio == pytest.approx(1, abs=1e-4)
    assert not found.is_vacuous


def test_small_steps_in_one_direction_attain_the_bound() -> None:
    found = STATEMENT.check(make_chain(1e-3, 1e-3 + 1e-8, 1e-3 + 2e-8, 1e-3 + 3e-8))
    assert found.holds
    assert found.ratio == pytest.approx(1, abs=1e-4)


def test_direct_bound_sees_that_a_chain_returned() -> None:
    chain = make_chain(1e-3, 2e-3, 1e-3)
    assert STATEMENT.check(chain).left == compute_direct_bound(chain) == 0
    assert STATEMENT.check(chain).right > 1


def test_search_approaches_the_bound() -> None:
    check_search(STATEMENT, 2_000, 0.99)


def test_two_replays_are_certified() -> None:
    matrix = np.array([[1.0, -2.0], [0.5, 1.0]])
    inputs = np.array([[1.0, 2.0], [1.5, 2.0], [1.5, 1.0]])
    chain = ReplayChain(matrix, matrix.T, matrix, np.array([1.0, 0.5]), 1e-5, inputs)
    assert STATEMENT.certify(chain) is Verdict.HOLDS


def test_infinite_input_is_no_instance() -> None:
    names = "gate_proj, up_proj, down_proj, gain, inputs"
    with pytest.raises(HypothesisError, match=rf"^P-08: hypothesis violated: finite {names}$"):
        STATEMENT.check(make_chain(0.0, np.inf))


def test_eps_must_be_positive() -> None:
    with pytest.raises(HypothesisError, match=r"^P-08: hypothesis violated: eps > 0$"):
        STATEMENT.check(make_chain(0.0, 1.0, eps=0.0))


def test_one_input_is_no_chain() -> None:
    with pytest.raises(HypothesisError, match=r"^P-08: hypothesis violated: at least one replay$"):
        STATEMENT.check(make_chain(0.0))


def test_counterexamples_violate_what_is_left() -> None:
    found = get_counterexamples()
    assert len(found) == 3
    for example in found:
        assert example.left > 1.5 * example.right
