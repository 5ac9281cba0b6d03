"""Tokens drawn by selection: as `kernels.sampling`, which sorts all logits first.

Without filters the drawn token is found by taking the largest logit again and again, because most
draws end after a few. The sum of all masses is first known within `GUARD` of itself; a draw that
this could change is made as the specification makes it, by sorting. Gain over sorting always: 1.16
(`python -m tools.bench.tricks`, bfloat16, batch 1).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcar.reference.kernels.compilation import inlined_device, shared_device
from fastcar.reference.kernels.frame.exponentials import add_masses
from fastcar.reference.kernels.frame.plan import BAD_GUIDED, Own, Plan
from fastcar.reference.kernels.lanes import LANES, get_bits
from fastcar.reference.kernels.sampling import draw_sorted

Array = Any

GUARD = 1e-4
"""Relative; the first sum is off by some 2^-20, and by the distances beyond -87 that it drops."""
SELECTIONS = 48
"""Most tokens that are taken one by one."""
FEWEST_LOGITS = 64
"""With fewer, sorting is as quick."""
NOT_DRAWN = -1
_ZERO, _MINUS_INFINITY = np.float32(0), np.float32(-np.inf)


@inlined_device
def sift(keys: Array, start: int, stop: int) -> None:
    """Let a key sink until no key below it in the heap keys[:stop] is larger."""
    parent = start
    while 2 * parent + 1 < stop:
        child = 2 * parent + 1
        if child + 1 < stop and keys[child] < keys[child + 1]:
            child += 1
        if keys[parent] >= keys[child]:
            return
        keys[parent], keys[child] = keys[child], keys[parent]
        parent = child


@shared_device
def sort_keys(keys: Array) -> None:
    """Whole numbers in rising order, by a heap: NumPy's sort needs memory of its own."""
    for start in range(len(keys) // 2 - 1, -1, -1):
        sift(keys, start, len(keys))
    for stop in range(len(keys) - 1, 0, -1):
        keys[0], keys[stop] = keys[stop], keys[0]
        sift(keys, 0, stop)


@inlined_device
def sort(logits: Array, order: Array, ranked: Array) -> None:
    """Ids in the order of falling logits, the lower id first at ties; and the logits in it."""
    for code in range(len(logits)):
        bits = np.int64(get_bits(-logits[code] + _ZERO))
        bits ^= (bits >> 63) & np.int64(0x7FFFFFFF)
        order[code] = (bits << 32) | code
    sort_keys(order)
    for place in range(len(logits)):
        order[place] &= 0xFFFFFFFF
        ranked[place] = logits[order[place]]


@inlined_device
def find_largest(logits: Array) -> int:
    """The first place of the largest logit."""
    found = 0
    for place in range(1, len(logits)):
        if logits[place] > logits[found]:
            found = place
    return found


@inlined_device
def estimate_total(ranked: Array, peak: float, temperature: float) -> float:
    """About the sum of exp((logit - peak) / temperature)."""
    count = ranked.shape[1]
    scale = np.float32(1 / temperature)
    total = np.float64(add_masses(ranked, 0, count, np.float32(peak), scale))
    for place in range(count - count % LANES, count):
        total += np.exp((np.float64(ranked[0, place]) - peak) / temperature)
    return total


@inlined_device
def select(logits: Array, temperature: float, uniform: float, ranked: Array) -> int:
    """The drawn token without filters; `NOT_DRAWN` where the estimated sum leaves it open."""
    for code in range(len(logits)):
        ranked[0, code] = logits[code]
    left = ranked[0]
    peak = np.float64(logits[find_largest(logits)])
    total = estimate_total(ranked, peak, temperature)
    goal, below = uniform * total, 0.0
    for _ in range(SELECTIONS):
        largest: int = find_largest(left)
        below += np.exp((np.float64(left[largest]) - peak) / temperature)
        if abs(below - goal) <= GUARD * total:
            return NOT_DRAWN
        if below > goal:
            return largest
        left[largest] = _MINUS_INFINITY
    return NOT_DRAWN


@inlined_device
def draw(plan: Plan, own: Own, logits: Array, uniform: float) -> int:
    """One token of logits [K]; greedy at temperature 0."""
    draws, count = plan.draws, len(logits)
    if draws.temperature == 0:
        greedy: int = find_largest(logits)
        return greedy
    if draws.top_k >= count and draws.top_p >= 1 and count >= FEWEST_LOGITS:
        selected: int = select(logits, draws.temperature, uniform, own.ranked)
        if selected != NOT_DRAWN:
            return selected
    sort(logits, own.order, own.ranked[0])
    place = draw_sorted(
        own.ranked[0], own.masses, draws.temperature, draws.top_k, draws.top_p, uniform
    )
    drawn: int = own.order[place]
    return drawn


@inlined_device
def guide(plan: Plan, index: int) -> bool:
    """Logits that tokens are chosen of, to `Records.guided`; whether all are finite."""
    draws, logits, is_finite = plan.draws, plan.shared.logits, True
    for video in range(plan.sizes.videos):
        guided = plan.records.guided[index, video]
        for code in range(len(guided)):
            number = logits[video, code]
            if draws.is_guided:
                free = logits[plan.sizes.videos + video, code]
                number = free + draws.guidance * (number - free)
                is_finite &= np.isfinite(number)
            guided[code] = number
    return is_finite


@shared_device
def choose(plan: Plan, own: Own, token: int, index: int) -> None:
    """Generated token j of every video, to the records and to `Shared.ids`; one thread does it."""
    draws, records = plan.draws, plan.records
    if own.thread:
        return
    if not guide(plan, index):
        plan.shared.status[3] = BAD_GUIDED
        return
    for video in range(plan.sizes.videos):
        if token < draws.given.shape[1]:
            code = draws.given[video, token]
        else:
            visual = records.guided[index, video, : draws.codes]
            code = draw(plan, own, visual, draws.uniforms[index, video])
        records.token_ids[video, token] = code
        plan.shared.ids[video] = code
        if draws.is_guided:
            plan.shared.ids[plan.sizes.videos + video] = code
