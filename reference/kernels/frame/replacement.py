"""What rows that replay use but the plain cache: the numbers of `reference/replacement.py`."""

from __future__ import annotations

from fastcar.reference.kernels.compilation import inlined_device, shared_device
from fastcar.reference.kernels.frame.plan import CORRECTED, Own, Plan
from fastcar.reference.kernels.frame.products import multiply
from fastcar.reference.kernels.frame.team import get_share, wait_for_all


@inlined_device
def gather_changes(plan: Plan, own: Own, layer: int, place: int) -> None:
    """How far the inputs of rows that replay have moved, one after the other, to `Own.gathered`."""
    for index in range(plan.sizes.rows - plan.shared.status[2]):
        row = plan.shared.replaying[index]
        last, change = plan.rule.last_inputs[layer, row, place], own.gathered[index]
        for column in range(len(change)):
            change[column] = own.normed[row, column] - last[column]


@shared_device
def correct(plan: Plan, own: Own, layer: int, place: int) -> None:
    """Corrections of rows that replay, to `Shared.corrected`; a share of the columns."""
    sizes, shared, rule = plan.sizes, plan.shared, plan.rule
    count = sizes.rows - shared.status[2]
    gather_changes(plan, own, layer, place)
    narrow = shared.narrow[:count]
    start, stop = get_share(sizes.rank, own.thread, own.threads)
    multiply((rule.down[layer],), (own.gathered[:count],), narrow, start, stop)
    wait_for_all(shared.barrier, own.threads)
    start, stop = get_share(sizes.width, own.thread, own.threads)
    multiply((rule.up[layer],), (narrow,), shared.corrected[:count], start, stop)


@inlined_device
def add_replaced_outputs(plan: Plan, own: Own, layer: int, place: int, is_fresh: bool) -> None:
    """Add outputs to the residual stream; under a correction, those of rows that compute are kept.

    Args:
        plan: the call's.
        own: the thread's.
        layer: l.
        place: of the token in its frame.
        is_fresh: as in `step.add_kept_outputs`.
    """
    shared, rule = plan.shared, plan.rule
    is_corrected, count = rule.replacement == CORRECTED, shared.status[2]
    start, stop = get_share(plan.sizes.width, own.thread, own.threads)
    for index in range(count):
        row = shared.computing[index]
        source = shared.added[row if is_fresh else index]
        for column in range(start, stop):
            if is_corrected:
                rule.cached[layer, row, place, column] = source[column]
            shared.x[row, column] += source[column]
    for index in range(plan.sizes.rows - count):
        row = shared.replaying[index]
        for column in range(start, stop):
            if is_corrected:
                kept = rule.cached[layer, row, place, column]
                shared.x[row, column] += kept + shared.corrected[index, column]
            else:
                shared.x[row, column] += rule.constant[layer, column]
