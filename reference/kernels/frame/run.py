"""The call: choose a token, feed it, and so on to the end of a frame."""

from __future__ import annotations

from pathlib import Path

from fastcar.reference.kernels.compilation import inlined_device, kernel
from fastcar.reference.kernels.frame import step
from fastcar.reference.kernels.frame.clock import read_ticks
from fastcar.reference.kernels.frame.gate import ask_for_kept, get_tap_entry, is_gated, run_gate
from fastcar.reference.kernels.frame.plan import BAD_ENTRY, BAD_STREAM, Own, Plan
from fastcar.reference.kernels.frame.sampling import choose
from fastcar.reference.kernels.frame.team import wait_for_all

PACKAGE = Path(__file__).parent


@inlined_device
def run_attention(plan: Plan, own: Own, layer: int, token: int) -> bool:
    """Attention of a layer, added to the residual stream; whether all was within the range."""
    barrier, threads, entry = plan.shared.barrier, own.threads, plan.sizes.prompt_tokens + token
    if not step.project(plan, own, layer):
        step.fail(plan, own, BAD_STREAM, layer)
        return False
    wait_for_all(barrier, threads)
    step.place_token(plan, own, layer, entry)
    wait_for_all(barrier, threads)
    if plan.shared.status[0]:
        step.fail(plan, own, BAD_ENTRY, layer)
        return False
    step.attend(plan, own, layer, entry, get_tap_entry(plan, layer, token))
    wait_for_all(barrier, threads)
    step.add_context(plan, own, layer)
    wait_for_all(barrier, threads)
    return True


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
        `stop`, or the token at which a number was beyond the range; `Shared.status` says where.
    """
    barrier, status, threads = plan.shared.barrier, plan.shared.status, own.threads
    now = read_ticks()
    for token in range(start, stop):
        choose(plan, own, token, token - start)
        wait_for_all(barrier, threads)
        if status[3]:
            return token
        if token == last:
            return stop
        step.embed(plan, own)
        wait_for_all(barrier, threads)
        now = step.account(plan, own, step.OTHER, now)
        for layer in range(plan.sizes.layers):
            ask_for_kept(plan, layer, token)
            if not run_attention(plan, own, layer, token):
                return token
            now = step.account(plan, own, step.ATTENTION, now)
            if is_gated(plan, layer):
                run_gate(plan, own, layer, token, token - start)
                if status[0]:
                    return token
                now = step.account(plan, own, step.SCORE, now)
                step.run_replayed_mlp(plan, own, layer, token)
            else:
                step.run_mlp(plan, own, layer)
            wait_for_all(barrier, threads)
            now = step.account(plan, own, step.MLP, now)
        if not step.compute_logits(plan, own):
            step.fail(plan, own, BAD_STREAM, plan.sizes.layers)
            return token
        wait_for_all(barrier, threads)
        if status[0]:
            return token
        now = step.account(plan, own, step.OTHER, now)
    return stop
