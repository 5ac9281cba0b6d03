"""Total variation of two softmax distributions that share only some keys: a bound and its ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.proofs.arithmetic import compute_softmax, to_balls
from fastcar.proofs.shared_variation import bound

masses = st.sampled_from([0.0, 1e-12, 1e-3, 0.05, 0.3, 0.5, 0.9, 1 - 1e-9])
oscillations = st.sampled_from([1e-12, 1e-3, 0.1, 0.7, 2.0, 8.0, 60.0])
logits = st.floats(-8, 8, width=32)


@dataclass(frozen=True)
class Pair:
    """Logits of the shared keys of both tokens, and of those that one of them sees alone."""

    shared: list[float]
    changes: list[float]
    fresh: list[float]
    stale: list[float]

    def compute(self) -> tuple[float, float, float, float]:
        """Total variation, oscillation, rho and sigma."""
        split = len(self.shared)
        p = compute_softmax(np.array(self.shared + self.fresh))
        moved = np.array(self.shared) + np.array(self.changes)
        q = compute_softmax(np.concatenate([moved, self.stale]))
        variation = (abs(p[:split] - q[:split]).sum() + p[split:].sum() + q[split:].sum()) / 2
        return variation, float(np.ptp(self.changes)), p[split:].sum(), q[split:].sum()


@st.composite
def pairs(draw: st.DrawFn) -> Pair:
    """One to three shared keys, their changes two levels or any, up to two keys apart."""
    size = draw(st.integers(1, 3))
    shared = draw(st.lists(logits, min_size=size, max_size=size))
    change = st.sampled_from([0.0, draw(logits)]) if draw(st.booleans()) else logits
    changes = draw(st.lists(change, min_size=size, max_size=size))
    apart = st.lists(logits, max_size=2)
    return Pair(shared, changes, draw(apart), draw(apart))


def attain(oscillation: float, fresh: float, stale: float) -> float:
    """Total variation of the instance of the proof: one or two shared keys, fresh >= stale."""
    g, h, t = np.sqrt(1 - fresh), np.sqrt(1 - stale), np.exp(-oscillation / 2)
    if t * h >= g:
        return fresh
    first = g * t * (h - t * g) / (1 - t * t)  # x, mass of j on the first shared key
    p = np.array([first, 1 - fresh - first])
    q = p * [1.0, np.exp(-oscillation)]
    q *= (1 - stale) / q.sum()
    return float((abs(p - q).sum() + fresh + stale) / 2)


@given(pairs())
def test_no_pair_of_distributions_is_farther_apart(pair: Pair) -> None:
    variation, oscillation, fresh, stale = pair.compute()
    assert variation <= bound(oscillation, fresh, stale) + 1e-13


@given(oscillations, masses, masses)
def test_two_shared_keys_attain_the_bound(oscillation: float, one: float, other: float) -> None:
    fresh, stale = max(one, other), min(one, other)
    expected = attain(oscillation, fresh, stale)
    assert bound(oscillation, fresh, stale) == pytest.approx(expected, rel=1e-6, abs=1e-13)
    assert bound(oscillation, stale, fresh) == bound(oscillation, fresh, stale)


@given(oscillations, masses, masses)
def test_it_is_never_above_the_sum_of_both_terms(
    oscillation: float, fresh: float, stale: float
) -> None:
    found, mass = bound(oscillation, fresh, stale), max(fresh, stale)
    earlier = mass + (1 - mass) * np.tanh(oscillation / 4)
    assert found <= earlier * (1 + 1e-15)
    if fresh == stale:
        assert found == pytest.approx(earlier, rel=1e-13)
    assert found >= mass


def test_between_the_ends_it_is_below_the_sum_of_both_terms() -> None:
    # a = exp(osc / 2) = e: the form (a - g)^2 / (a^2 - 1) of P-04
    assert bound(2.0, 0.3) == pytest.approx((np.e - 0.7**0.5) ** 2 / (np.e**2 - 1), rel=1e-14)
    assert bound(2.0, 0.3) < 0.9 * (0.3 + 0.7 * np.tanh(0.5))


@pytest.mark.parametrize("mass", [0.0, 0.25, 1.0])
def test_limits_are_finite_and_exact(mass: float) -> None:
    assert bound(0.0, mass) == bound(0.0, 0.0, mass) == mass
    assert bound(np.inf, mass) == pytest.approx(1, abs=1e-15)
    assert bound(1e4, mass) == pytest.approx(1, abs=1e-15)
    assert bound(3.0, 1.0, mass) == 1
    assert bound(3.0, 0.0) == np.tanh(0.75)
    assert bound(1e-300, 0.0) == 1e-300 / 4


@given(oscillations, masses, masses)
def test_balls_contain_the_bound_or_lie_below_it(
    oscillation: float, fresh: float, stale: float
) -> None:
    exact = to_balls(np.array([oscillation, fresh, stale]))
    found = bound(*exact)
    assert float(found.mid()) <= bound(oscillation, fresh, stale) * (1 + 1e-9) + 1e-13
    if oscillation >= 0.1 and max(fresh, stale) <= 0.05:
        assert float(found.mid()) == pytest.approx(bound(oscillation, fresh, stale), rel=1e-12)
