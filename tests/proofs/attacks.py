"""What every statement's test does: attack the claim, and hold the derived rounding to account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import assume, settings, target

from fastcar.proofs.arithmetic import to_balls, to_float
from fastcar.proofs.attack import INFORMATIVE_SHARE, attack
from fastcar.proofs.statement import Check, HypothesisError, InstanceT, Statement, Verdict

NIGHTLY_CASES = 20_000
CI_CASES = 300
NUM_SEARCHES = 8
"""Searches of which one must come near a bound."""


def attack_settings(share: float = 1.0) -> Callable[[Any], Any]:
    """Cases of an attack: 20,000 at night; by day 300, or a share of them where a case is slow."""
    is_nightly = settings.get_current_profile_name() == "nightly"
    return settings(max_examples=NIGHTLY_CASES if is_nightly else max(1, int(CI_CASES * share)))


def attack_once(statement: Statement[InstanceT], instance: InstanceT) -> Check:
    """One case of an attack: the claim holds, and the search is drawn towards a tight one."""
    try:
        found = statement.check(instance)
    except HypothesisError:
        assume(False)
        raise
    if found.right <= INFORMATIVE_SHARE * found.trivial:
        target(min(found.ratio, 2.0), label=statement.number)
    assert found.holds, (found, instance)
    return found


def check_rounding(statement: Statement[InstanceT], instance: InstanceT) -> None:
    """The float sides are as near to the exact ones as the statement says, and balls agree."""
    try:
        found = statement.check(instance)
    except HypothesisError:
        assume(False)
        raise
    sides = statement.compute_sides(to_balls(instance))
    assert abs(found.slack - to_float(sides.right - sides.left)) <= found.rounding
    assert statement.certify(instance) is not Verdict.VIOLATED


def check_search(statement: Statement[InstanceT], num_cases: int, least_ratio: float) -> None:
    """No search finds a violation, and one of a few, each from its own seed, comes near the bound.

    A climb turns on the last bits of its ratios, which differ from one processor to the next (the
    kernels of the matrix products, NumPy's exp): how near a single seed comes is luck. That the
    bound can be met at all is shown, where it can be, by an instance beside each of these tests.
    """
    ratios: list[float] = []
    for seed in range(NUM_SEARCHES):
        found = attack(statement, np.random.default_rng(seed), num_cases)
        assert found.num_violations == 0, found
        ratios.append(found.worst.ratio)
        if ratios[-1] >= least_ratio:
            return
    raise AssertionError(f"{statement.number}: {ratios}, none is {least_ratio}")
