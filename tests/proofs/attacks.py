"""What every statement's test does: attack the claim, and hold the derived rounding to account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import assume, settings, target

from fastcar.proofs.arithmetic import to_balls, to_float
from fastcar.proofs.attack import INFORMATIVE_SHARE
from fastcar.proofs.statement import Check, HypothesisError, InstanceT, Statement, Verdict

NIGHTLY_CASES = 20_000
CI_CASES = 300


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
