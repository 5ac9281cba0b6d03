"""Fused attention of one token per row by online softmax; twin of `reference/fused_attention.py`.

A task is one key head of one row with the query heads that share it. Keys are visited where they
lie: the sinks, then the window, in blocks that begin at the first visible entry of the row, so the
bits of a row do not depend on its batch. The Temporal Attention Score is one of the logits and is
copied out when its block is in hand.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from fastcar.reference.kernels.compilation import compile_twins, device
from fastcar.reference.kernels.exponential import compute_exp
from fastcar.reference.kernels.key_tiles import make_weighted_sum
from fastcar.reference.kernels.lanes import get_bits, make_float
from fastcar.reference.kernels.row_prefetch import prefetch_row
from fastcar.reference.kernels.tiles import make_tile

Array = Any

BLOCK_KEYS = 64
"""Keys of one block."""
STREAMED_WIDTH = 64
"""From this width of a head on, keys are read one by one, in one stream; below, four at once."""

_tile_1x1, _tile_4x1 = make_tile(1, 1), make_tile(4, 1)
_add_weighted = make_weighted_sum(1)
_LOWEST, _MAGNITUDE_BITS = np.int32(-(2**31)), np.int32(2**31 - 1)
_ZERO = np.float32(0)
_MINUS_INFINITY = np.float32(-np.inf)


@device
def multiply_block(block: Array, head: int, scales: Array, start: int, count: int) -> None:
    """Multiply the numbers of a head by the scales of their entries, if the cache has scales."""
    if len(scales):
        for place in range(count):
            block[head, place] *= scales[start + place]


@device
def compute_logits(
    query: Array,
    head: int,
    keys: Array,
    values: Array,
    key_scales: Array,
    start: int,
    count: int,
    scale: float,
    logits: Array,
) -> None:
    """One block of logits [BLOCK_KEYS] of a query head; -inf behind the last key.

    Beside each key of one stream the values of its entry and the key a block later are asked for.
    Of 16 heads of width 128 and 2048 entries, 4 or 8 layers in turn, one thread then takes 0.93 to
    0.98 of the time with float32, 0.70 to 0.96 with bfloat16 and 0.64 to 0.91 with int8 (medians of
    several runs); asked for a block at once, 1.04 to 1.12.
    """
    tiled = count - count % 4 if query.shape[1] < STREAMED_WIDTH else 0
    for place in range(0, tiled, 4):
        _tile_4x1(keys, start + place, query, head, logits, place)
    for place in range(tiled, count):
        if head == 0:
            prefetch_row(keys, start + place + BLOCK_KEYS)
            prefetch_row(values, start + place)
        _tile_1x1(keys, start + place, query, head, logits, place)
    multiply_block(logits, head, key_scales, start, count)
    for place in range(count):
        logits[head, place] /= scale
    for place in range(count, BLOCK_KEYS):
        logits[head, place] = _MINUS_INFINITY


@device
def get_peak(logits: Array, head: int) -> Any:
    """The largest logit of a block, found among whole numbers in the order of the floats."""
    largest = _LOWEST
    for place in range(BLOCK_KEYS):
        bits = get_bits(logits[head, place])
        largest = max(largest, np.int32(bits ^ ((bits >> 31) & _MAGNITUDE_BITS)))
    return make_float(np.int32(largest ^ ((largest >> 31) & _MAGNITUDE_BITS)))


@device
def attend_range(
    query: Array,
    keys: Array,
    values: Array,
    key_scales: Array,
    value_scales: Array,
    first: int,
    last: int,
    tap_entry: int,
    logits: Array,
    running: Array,
    weighted: Array,
    tapped: Array,
) -> None:
    """Add entries [first, last) to the running softmax; running [3, G]: peak, total, new sum."""
    heads, head_dim = query.shape
    scale = np.float32(np.sqrt(head_dim))
    ones = np.ones((1, BLOCK_KEYS), np.float32)
    for start in range(first, last, BLOCK_KEYS):
        count = min(BLOCK_KEYS, last - start)
        for head in range(heads):
            compute_logits(query, head, keys, values, key_scales, start, count, scale, logits)
            if start <= tap_entry < start + count:
                tapped[head] = logits[head, tap_entry - start]
            old_peak = running[0, head]
            peak = max(old_peak, get_peak(logits, head))
            rescale = compute_exp(old_peak - peak)
            for place in range(BLOCK_KEYS):
                logits[head, place] = compute_exp(logits[head, place] - peak)
            _tile_1x1(ones, 0, logits, head, running[2:].reshape(-1, 1), 0)
            running[0, head] = peak
            running[1, head] = running[1, head] * rescale + running[2, head]
            for place in range(head_dim):
                weighted[head, place] *= rescale
            multiply_block(logits, head, value_scales, start, count)
            _add_weighted(values, start, 0, 1, count, logits, 0, head, weighted)


@device
def attend_task(
    query: Array,
    keys: Array,
    values: Array,
    key_scales: Array,
    value_scales: Array,
    padding: int,
    sink_stop: int,
    window_start: int,
    num_entries: int,
    tap_entry: int,
    context: Array,
    tapped: Array,
) -> None:
    """Context [G, d] and tapped logits [G] of G query heads over one key head [capacity, d]."""
    heads, head_dim = query.shape
    logits = np.empty((heads, BLOCK_KEYS), np.float32)
    running = np.zeros((3, heads), np.float32)
    running[0] = _MINUS_INFINITY
    context[:] = _ZERO
    first = max(window_start, padding)
    attend_range(
        query,
        keys,
        values,
        key_scales,
        value_scales,
        padding,
        min(sink_stop, window_start),
        tap_entry,
        logits,
        running,
        context,
        tapped,
    )
    attend_range(
        query,
        keys,
        values,
        key_scales,
        value_scales,
        first,
        num_entries,
        tap_entry,
        logits,
        running,
        context,
        tapped,
    )
    for head in range(heads):
        for place in range(head_dim):
            context[head, place] /= running[1, head]


@device
def attend_head(
    row: int,
    head: int,
    query: Array,
    keys: Array,
    values: Array,
    key_scales: Array,
    value_scales: Array,
    padding: Array,
    num_sinks: int,
    window_start: int,
    num_entries: int,
    tap_entry: int,
    context: Array,
    tapped: Array,
) -> None:
    """The task of one key head of one row."""
    attend_task(
        query[row, head],
        keys[row, head],
        values[row, head],
        key_scales[row, head],
        value_scales[row, head],
        padding[row],
        padding[row] + num_sinks,
        window_start,
        num_entries,
        tap_entry,
        context[row, head],
        tapped[row, head],
    )


@compile_twins
def attend(
    query: Array,
    keys: Array,
    values: Array,
    key_scales: Array,
    value_scales: Array,
    padding: Array,
    num_sinks: int,
    window_start: int,
    num_entries: int,
    tap_entry: int,
    context: Array,
    tapped: Array,
) -> None:
    """All tasks; threads share them.

    Args:
        query: [B, H_kv, G, d].
        keys: [B, H_kv, capacity, d], float32, bfloat16 bits (uint16) or int8.
        values: [B, H_kv, capacity, d], likewise.
        key_scales: [B, H_kv, capacity] float32 of int8 keys, otherwise [B, H_kv, 0].
        value_scales: of values, likewise.
        padding: [B] int64, padded entries at the left.
        num_sinks: oldest entries that stay visible.
        window_start: first entry of the window.
        num_entries: entries in use.
        tap_entry: visible entry whose logits are handed out; -1 = none.
        context: [B, H_kv, G, d], result.
        tapped: [B, H_kv, G], result.
    """
    heads = keys.shape[1]
    for task in prange(keys.shape[0] * heads):
        attend_head(
            task // heads,
            task % heads,
            query,
            keys,
            values,
            key_scales,
            value_scales,
            padding,
            num_sinks,
            window_start,
            num_entries,
            tap_entry,
            context,
            tapped,
        )
