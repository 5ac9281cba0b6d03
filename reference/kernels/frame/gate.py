"""Who replays: scores, distances and thresholds; the numbers of `reference/gates/`."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcar.reference.kernels.compilation import choose_by_types, inlined_device, shared_device
from fastcar.reference.kernels.frame.mlp import compute_mlp, normalize
from fastcar.reference.kernels.frame.plan import (
    BAD_SCORE,
    CONSTANT,
    INPUT,
    MAX,
    MLP_NORM,
    NO_GATE,
    ORACLE,
    PLANNED,
    WEIGHTED,
    Own,
    Plan,
)
from fastcar.reference.kernels.frame.team import wait_for_all
from fastcar.reference.kernels.frame.views import view_vector
from fastcar.reference.kernels.lanes import LANES, make_float
from fastcar.reference.kernels.row_prefetch import prefetch_row
from fastcar.reference.thresholds import HORIZON_DECISIONS

Array = Any

NO_TAP = -1


@inlined_device
def is_gated(plan: Plan, layer: int) -> bool:
    """Whether a layer may ever replay."""
    return plan.rule.kind != NO_GATE and plan.rule.active[layer]


@inlined_device
def ask_for_kept(plan: Plan, layer: int, token: int) -> None:
    """Ask for what a gate and its rows will read behind attention: last used a frame ago.

    Gain with 16 rows: 1.02 (`python -m tools.bench.tricks`, float32, a threshold on the score).
    """
    rule, location = plan.rule, token % plan.sizes.tokens_per_frame
    if not is_gated(plan, layer):
        return
    for row in range(plan.sizes.rows):
        if rule.replacement != CONSTANT:
            prefetch_row(rule.cached[layer, row], location)
        if rule.keeps_inputs:
            prefetch_row(rule.last_inputs[layer, row], location)


@inlined_device
def copy_numbers(source: Array, target: Array) -> None:
    """target = source, vectors of one length."""
    for place in range(len(source)):
        target[place] = source[place]


@inlined_device
def is_frame_warm(plan: Plan, token: int) -> bool:
    """Whether generated token j may replay at all."""
    frame = token // plan.sizes.tokens_per_frame
    return plan.rule.kind != NO_GATE and frame >= plan.rule.warmup_frames


@inlined_device
def is_scored(plan: Plan, layer: int, token: int) -> bool:
    """Whether the gate looks at the score of this token."""
    return plan.rule.takes_score and is_gated(plan, layer) and is_frame_warm(plan, token)


def read_key(keys: Array, scales: Array, entry: int, place: int) -> float:
    """Kernels call it: a number of a key [capacity, d] as float32."""
    raise NotImplementedError


@choose_by_types(read_key)
def _choose_read(keys: Array, scales: Array, entry: int, place: int) -> Any:
    def read_exact(keys: Array, scales: Array, entry: int, place: int) -> Any:
        return keys[entry, place]

    def read_bits(keys: Array, scales: Array, entry: int, place: int) -> Any:
        return make_float(np.int32(np.uint32(keys[entry, place]) << 16))

    def read_int8(keys: Array, scales: Array, entry: int, place: int) -> Any:
        return np.float32(keys[entry, place]) * scales[entry]

    return {32: read_exact, 16: read_bits, 8: read_int8}[keys.dtype.bitwidth]


@inlined_device
def multiply_aligned(plan: Plan, query: Array, layer: int, token: int) -> None:
    """Scores of heads by a product with the aligned key, as `compute_score_heads`."""
    sizes, memory = plan.sizes, plan.memory
    entry = sizes.prompt_tokens + token - sizes.tokens_per_frame
    group, width = sizes.heads // sizes.key_heads, sizes.head_dim
    scale = np.float32(np.sqrt(width))
    for row in range(sizes.rows):
        for head in range(sizes.heads):
            keys = memory.keys[layer, row, head // group]
            scales = memory.key_scales[layer, row, head // group]
            total = np.float32(-0.0)
            for place in range(width):
                key = read_key(keys, scales, entry, place)
                total += query[row, head * width + place] * key
            plan.shared.tapped[row, head] = total / scale


@inlined_device
def aggregate(plan: Plan, layer: int, row: int) -> Any:
    """One score of the heads' scores, as `aggregate_heads`."""
    heads, weights = plan.shared.tapped[row], plan.rule.head_weights[layer]
    largest, total, weighted = heads[0], np.float32(-0.0), np.float32(-0.0)
    for head in range(len(heads)):
        largest = max(largest, heads[head])
        total += heads[head]
        weighted += heads[head] * weights[head]
    if plan.rule.aggregation == MAX:
        return largest
    return weighted if plan.rule.aggregation == WEIGHTED else total / np.float32(len(heads))


@shared_device
def measure_distance(x: Array, other: Array, lanes: Array) -> float:
    """Euclidean distance of two vectors of float32, as `distances.compute_distance`."""
    for lane in range(LANES):
        lanes[lane] = 0.0
    whole = len(x) - len(x) % LANES
    for start in range(0, whole, LANES):
        for lane in range(LANES):
            gap = np.float64(x[start + lane]) - np.float64(other[start + lane])
            lanes[lane] += gap * gap
    count = LANES
    while count > 1:
        count //= 2
        for lane in range(count):
            lanes[lane] += lanes[lane + count]
    total = lanes[0]
    for place in range(whole, len(x)):
        gap = np.float64(x[place]) - np.float64(other[place])
        total += gap * gap
    distance: float = np.sqrt(total)
    return distance


@inlined_device
def is_safe(plan: Plan, layer: int, row: int, measure: float) -> bool:
    """Whether a measure is on the safe side of its threshold; NaN is not."""
    threshold: float = plan.rule.thresholds[layer, row]
    if not plan.rule.higher_is_safer:
        measure, threshold = threshold, measure
    return measure > threshold if plan.rule.is_strict else measure >= threshold


@inlined_device
def adapt(plan: Plan, layer: int, row: int, measure: float, replays: bool) -> None:
    """One step of the threshold of an eligible row, as `AdaptiveThresholds.update`."""
    rule = plan.rule
    threshold, replayed = rule.thresholds[layer, row], 1.0 if replays else 0.0
    aim = min(max(rule.target - rule.surpluses[layer, row] / HORIZON_DECISIONS, 0.0), 1.0)
    rule.surpluses[layer, row] += replayed - rule.target
    if np.isnan(threshold):
        rule.thresholds[layer, row] = measure
        return
    spread = rule.spreads[layer, row]
    spread += 0.05 * (abs(measure - threshold) - spread)
    rule.spreads[layer, row] = spread
    rule.thresholds[layer, row] = threshold + rule.gain * spread * (replayed - aim)


@inlined_device
def get_tap_entry(plan: Plan, layer: int, token: int) -> int:
    """Entry whose logits attention hands out; -1 = none, also where it has left the window."""
    sizes = plan.sizes
    entry = sizes.prompt_tokens + token
    aligned = entry - sizes.tokens_per_frame
    is_visible = aligned >= max(0, entry + 1 - plan.memory.window)
    is_wanted = is_scored(plan, layer, token) and not plan.rule.is_published
    return aligned if is_wanted and is_visible else NO_TAP


@inlined_device
def take_scores(plan: Plan, layer: int, token: int) -> bool:
    """Aggregated scores of all rows, and their records; whether they are finite."""
    sizes, shared, records = plan.sizes, plan.shared, plan.records
    if get_tap_entry(plan, layer, token) == NO_TAP:
        query = shared.plain_query if plan.rule.is_published else shared.query
        multiply_aligned(plan, query, layer, token)
        records.extra_scores[0] += 1
    is_finite = True
    for row in range(sizes.rows):
        score = aggregate(plan, layer, row)
        is_finite &= np.isfinite(score)
        shared.score[row] = score
        records.scores[token, layer, row] = score
        for head in range(sizes.heads):
            is_finite &= np.isfinite(shared.tapped[row, head])
            records.score_heads[token, layer, row, head] = shared.tapped[row, head]
    return is_finite


@inlined_device
def measure(plan: Plan, own: Own, layer: int, token: int, index: int, row: int) -> Any:
    """What the gate looks at of one row; NaN where it looks at nothing."""
    rule, shared = plan.rule, plan.shared
    location = token % plan.sizes.tokens_per_frame
    if rule.takes_score:
        is_taken = is_frame_warm(plan, token)
        return np.float64(shared.score[row]) if is_taken else np.nan
    if rule.kind == INPUT:
        last = rule.last_inputs[layer, row, location]
        return measure_distance(own.normed[row], last, shared.lanes)
    if rule.kind == ORACLE:
        if rule.replacement == CONSTANT:
            return measure_distance(shared.added[row], rule.constant[layer], shared.lanes)
        cached = rule.cached[layer, row, location]
        return measure_distance(shared.added[row], cached, shared.lanes)
    return rule.planned_measures[index, layer, row]


@shared_device
def decide(plan: Plan, own: Own, layer: int, token: int, index: int) -> None:
    """Which rows of a token compute, to `Shared.computing`; one thread does it."""
    rule, shared, records = plan.rule, plan.shared, plan.records
    location, count = token % plan.sizes.tokens_per_frame, 0
    if is_scored(plan, layer, token) and not take_scores(plan, layer, token):
        shared.status[0], shared.status[1] = BAD_SCORE, layer
    for row in range(plan.sizes.rows):
        chain = rule.chains[layer, row, location]
        is_eligible = is_frame_warm(plan, token) and (rule.max_chain < 0 or chain < rule.max_chain)
        measured = measure(plan, own, layer, token, index, row)
        if rule.kind == PLANNED:
            replays = is_eligible and rule.planned[index, layer, row]
        else:
            replays = is_eligible and is_safe(plan, layer, row, measured)
        if is_eligible and rule.is_adaptive:
            adapt(plan, layer, row, measured, replays)
        if replays:
            shared.replaying[row - count] = row
        else:
            shared.computing[count] = row
            count += 1
            if rule.keeps_inputs:
                copy_numbers(own.normed[row], rule.last_inputs[layer, row, location])
        chain = np.int32(chain + 1 if replays else 0)
        rule.chains[layer, row, location] = chain
        records.chains[token, layer, row] = chain
        records.measures[token, layer, row] = measured
        records.eligible[token, layer, row] = is_eligible
        records.replayed[token, layer, row] = replays
    shared.status[2] = count


@inlined_device
def run_gate(plan: Plan, own: Own, layer: int, token: int, index: int) -> None:
    """What the gate looks at, then the decisions, to `Shared.computing`."""
    shared, model, kind = plan.shared, plan.model, plan.rule.kind
    if kind == ORACLE or plan.rule.keeps_inputs:
        gain = view_vector(model.norm, model.addresses[layer, MLP_NORM, 0], plan.sizes.width)
        normalize(shared.x, gain, model.eps, own.normed, own.squares)
    if kind == ORACLE:
        compute_mlp(plan, own, layer, own.normed)
        wait_for_all(shared.barrier, own.threads)
    if own.thread == 0:
        decide(plan, own, layer, token, index)
    wait_for_all(shared.barrier, own.threads)
