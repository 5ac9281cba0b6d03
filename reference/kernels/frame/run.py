"""The call: choose a token, feed it, and so on to the end of a frame."""

from __future__ import annotations

from pathlib import Path

from fastcar.reference.kernels.compilation import kernel
from fastcar.reference.kernels.frame.plan import Own, Plan
from fastcar.reference.kernels.frame.sampling import choose
from fastcar.reference.kernels.frame.step import feed
from fastcar.reference.kernels.frame.team import wait_for_all

PACKAGE = Path(__file__).parent


@kernel(is_bare=True, package=PACKAGE)
def decode(plan: Plan, own: Own, start: int, stop: int, last: int) -> int:
    """Choose generated tokens start .. stop of every video from `Shared.logits`, and feed them.

    Args:
        plan: the call's.
        own: the thread's; every thread of the team makes this call.
        start: first token.
        stop: one behind the last token.
        last: token that is chosen and not fed.

    Returns:
        `stop`, or the token at which a number was beyond the range; `Shared.status` says which.
    """
    for token in range(start, stop):
        if own.index == 0:
            choose(plan, own, token, token - start)
        wait_for_all(plan.shared.barrier, own.threads)
        if plan.shared.status[0]:
            return token
        if token < last and not feed(plan, own, token, token - start):
            return token
    return stop
