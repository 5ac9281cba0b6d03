"""Attention of the newest token, heads in groups; the numbers of `kernels.attention`.

A block's logits are those of 16 keys at a time. Where fewer are left, the 16 that end with the last
one are taken once more, which gives the same bits; they lie before the block in `Own.logits`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcar.reference.kernels.attention import BLOCK_KEYS
from fastcar.reference.kernels.compilation import inlined_device, shared_device
from fastcar.reference.kernels.exponential import compute_exp
from fastcar.reference.kernels.frame.exponentials import exponentiate_block, scale_block
from fastcar.reference.kernels.frame.plan import Own, Plan
from fastcar.reference.kernels.frame.views import view
from fastcar.reference.kernels.key_tiles import fill_logits, make_weighted_sum
from fastcar.reference.kernels.lanes import LANES
from fastcar.reference.kernels.row_prefetch import prefetch_row
from fastcar.reference.kernels.tiles import make_tile

Array = Any

LEAD = LANES
"""Places before a block of logits."""
GROUP = 4
"""Query heads whose weighted sums are formed together, where heads are narrow or share keys."""
WIDE_HEAD = 64
"""From this width on, heads with keys of their own are visited one by one, each in one stream."""

_tile = make_tile(1, 1, is_near=True)
_add_one, _add_four = make_weighted_sum(1), make_weighted_sum(GROUP)
_ZERO, _MINUS_INFINITY = np.float32(0), np.float32(-np.inf)


@inlined_device
def compute_logits(
    query: Array,
    head: int,
    keys: Array,
    values: Array,
    base: int,
    start: int,
    count: int,
    logits: Array,
    is_asking: bool,
) -> None:
    """Inner products of a head's query with entries start .. start + count behind `base`.

    If asked to, it asks for the values of these entries and for the keys of the next block.
    """
    whole = count - count % LANES
    for place in range(0, whole, LANES):
        if is_asking:
            for key in range(base + start + place, base + start + place + LANES):
                prefetch_row(keys, key + BLOCK_KEYS)
                prefetch_row(values, key)
        fill_logits(keys, base + start + place, query, head, logits, LEAD + place)
    if whole < count:
        overlap = count - LANES
        if start + overlap >= 0:
            fill_logits(keys, base + start + overlap, query, head, logits, LEAD + overlap)
        else:
            for place in range(whole, count):
                _tile(keys, base + start + place, query, head, logits, LEAD + place)


@inlined_device
def multiply_block(scales: Array, start: int, count: int, logits: Array, head: int) -> None:
    """Multiply a block by the scales of its entries, if the cache has any."""
    if len(scales):
        for place in range(count):
            logits[head, LEAD + place] *= scales[start + place]


@inlined_device
def attend_block(
    plan: Plan,
    own: Own,
    layer: int,
    row: int,
    head: int,
    num_heads: int,
    start: int,
    count: int,
    tap_entry: int,
    query: Array,
    keys: Array,
    values: Array,
    context: Array,
) -> None:
    """Add one block of entries to the running softmax of some query heads of a row."""
    sizes, logits, running = plan.sizes, own.logits, own.running
    stride, group = plan.memory.keys.shape[3], sizes.heads // sizes.key_heads
    scale = np.float32(np.sqrt(sizes.head_dim))
    for index in range(head, head + num_heads):
        base = index // group * stride
        is_asking = sizes.head_dim >= WIDE_HEAD and (index == head or index % group == 0)
        compute_logits(query, index, keys, values, base, start, count, logits, is_asking)
        multiply_block(
            plan.memory.key_scales[layer, row, index // group], start, count, logits, index
        )
        old_peak = running[0, index]
        peak = max(old_peak, scale_block(logits, index, LEAD, scale, count))
        if start <= tap_entry < start + count:
            plan.shared.tapped[row, index] = logits[index, LEAD + tap_entry - start]
        total = exponentiate_block(logits, index, LEAD, peak)
        rescale = compute_exp(old_peak - peak)
        running[0, index] = peak
        running[1, index] = running[1, index] * rescale + total
        for place in range(sizes.head_dim):
            context[index, place] *= rescale
        multiply_block(
            plan.memory.value_scales[layer, row, index // group], start, count, logits, index
        )
    if num_heads == GROUP:
        _add_four(values, start, stride, group, count, logits, LEAD, head, context)
    else:
        for index in range(head, head + num_heads):
            _add_one(values, start, stride, group, count, logits, LEAD, index, context)


@shared_device
def attend_heads(
    plan: Plan,
    own: Own,
    layer: int,
    row: int,
    head: int,
    num_heads: int,
    num_entries: int,
    tap_entry: int,
) -> None:
    """Context of some query heads of a row over sinks and window."""
    sizes, memory, shared = plan.sizes, plan.memory, plan.shared
    heads, width = sizes.heads, sizes.head_dim
    entries = sizes.key_heads * memory.keys.shape[3]
    query = view(shared.query, shared.query[row].ctypes.data, heads, width)
    context = view(shared.context, shared.context[row].ctypes.data, heads, width)
    keys = view(memory.keys, memory.keys[layer, row].ctypes.data, entries, width)
    values = view(memory.values, memory.values[layer, row].ctypes.data, entries, width)
    for index in range(head, head + num_heads):
        own.running[0, index] = _MINUS_INFINITY
        own.running[1, index] = _ZERO
        for place in range(width):
            context[index, place] = _ZERO
    padding = memory.padding[row]
    window_start = max(0, num_entries - memory.window)
    first, last = padding, min(padding + memory.sinks, window_start)
    for _ in range(2):
        for start in range(first, last, BLOCK_KEYS):
            count = min(BLOCK_KEYS, last - start)
            attend_block(
                plan,
                own,
                layer,
                row,
                head,
                num_heads,
                start,
                count,
                tap_entry,
                query,
                keys,
                values,
                context,
            )
        first, last = max(window_start, padding), num_entries
    for index in range(head, head + num_heads):
        for place in range(width):
            context[index, place] /= own.running[1, index]
