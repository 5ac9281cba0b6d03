"""The parts of one token's way through a layer; the numbers of `Decoder.step`.

Notation as in `plan`. Each part ends with its share done; whoever reads all of it waits first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcar.reference.kernels.compilation import inlined_device
from fastcar.reference.kernels.frame.attention import GROUP, WIDE_HEAD, attend_heads
from fastcar.reference.kernels.frame.cache_write import rotate_head, write_entry
from fastcar.reference.kernels.frame.clock import read_ticks
from fastcar.reference.kernels.frame.matrices import get_matrix, take_row
from fastcar.reference.kernels.frame.mlp import compute_mlp, normalize
from fastcar.reference.kernels.frame.plan import (
    ATTENTION_NORM,
    BAD_ENTRY,
    BAD_LOGITS,
    CACHED,
    CORRECTED,
    K_PROJ,
    MLP_NORM,
    O_PROJ,
    ORACLE,
    Q_PROJ,
    V_PROJ,
    Own,
    Plan,
)
from fastcar.reference.kernels.frame.products import multiply, prepare
from fastcar.reference.kernels.frame.replacement import add_replaced_outputs, correct
from fastcar.reference.kernels.frame.team import get_share
from fastcar.reference.kernels.frame.views import view_vector

Array = Any

ATTENTION, MLP, SCORE, OTHER = range(4)
"""Parts of a step, in the order of `laps.PARTS`."""


@inlined_device
def project(plan: Plan, own: Own, layer: int) -> bool:
    """Query, key and value of the residual stream; whether it is within the range."""
    sizes, shared, model = plan.sizes, plan.shared, plan.model
    gain = view_vector(model.norm, model.addresses[layer, ATTENTION_NORM, 0], sizes.width)
    is_finite: bool = normalize(shared.x, gain, model.eps, own.normed, own.squares)
    rows = prepare(model.matrix, own.normed, own.narrow)
    outputs, key_outputs = sizes.heads * sizes.head_dim, sizes.key_heads * sizes.head_dim
    start, stop = get_share(outputs, own.thread, own.threads)
    multiply(
        get_matrix(model, layer, Q_PROJ, outputs, sizes.width), rows, shared.query, start, stop
    )
    start, stop = get_share(key_outputs, own.thread, own.threads)
    multiply(
        get_matrix(model, layer, K_PROJ, key_outputs, sizes.width), rows, shared.key, start, stop
    )
    multiply(
        get_matrix(model, layer, V_PROJ, key_outputs, sizes.width), rows, shared.value, start, stop
    )
    return is_finite


@inlined_device
def place_token(plan: Plan, own: Own, layer: int, entry: int) -> None:
    """Turn query and key by their position, keep key and value in their entry."""
    sizes, shared, model, memory = plan.sizes, plan.shared, plan.model, plan.memory
    width = sizes.head_dim
    for task in range(own.thread, sizes.rows * sizes.key_heads, own.threads):
        row, head = task // sizes.key_heads, task % sizes.key_heads
        position = entry - memory.padding[row]
        cosines, sines = model.cosines[position], model.sines[position]
        rotate_head(shared.key[row], head * width, width, cosines, sines)
        keys, values = memory.keys[layer, row, head], memory.values[layer, row, head]
        key_scales = memory.key_scales[layer, row, head]
        value_scales = memory.value_scales[layer, row, head]
        is_finite = write_entry(keys, key_scales, entry, shared.key[row], head * width)
        is_finite &= write_entry(values, value_scales, entry, shared.value[row], head * width)
        if not is_finite:
            shared.status[0] = BAD_ENTRY
    for task in range(own.thread, sizes.rows * sizes.heads, own.threads):
        row, first = task // sizes.heads, task % sizes.heads * width
        if plan.rule.is_published:
            for place in range(first, first + width):
                shared.plain_query[row, place] = shared.query[row, place]
        position = entry - memory.padding[row]
        rotate_head(shared.query[row], first, width, model.cosines[position], model.sines[position])


@inlined_device
def attend(plan: Plan, own: Own, layer: int, entry: int, tap_entry: int) -> None:
    """Context of every row; several query heads at once where they are narrow or share keys."""
    sizes = plan.sizes
    is_grouped = sizes.head_dim < WIDE_HEAD or sizes.heads >= GROUP * sizes.key_heads
    together = GROUP if is_grouped else 1
    groups = (sizes.heads + together - 1) // together
    tasks = sizes.rows * groups
    first, last = tasks * own.thread // own.threads, tasks * (own.thread + 1) // own.threads
    for task in range(first, last):
        row, head = task // groups, task % groups * together
        num_heads = min(together, sizes.heads - head)
        attend_heads(plan, own, layer, row, head, num_heads, entry + 1, tap_entry)


@inlined_device
def add_context(plan: Plan, own: Own, layer: int) -> None:
    """The output projection, added to the residual stream."""
    sizes, shared, model = plan.sizes, plan.shared, plan.model
    rows = prepare(model.matrix, shared.context, own.narrow_context)
    matrix = get_matrix(model, layer, O_PROJ, sizes.width, sizes.heads * sizes.head_dim)
    start, stop = get_share(sizes.width, own.thread, own.threads)
    multiply(matrix, rows, shared.added, start, stop)
    for row in range(sizes.rows):
        for place in range(start, stop):
            shared.x[row, place] += shared.added[row, place]
            shared.attended[row, place] = shared.x[row, place]


@inlined_device
def add_all_outputs(plan: Plan, own: Own) -> None:
    """MLP outputs of all rows, added to the residual stream; nothing is kept."""
    shared = plan.shared
    start, stop = get_share(plan.sizes.width, own.thread, own.threads)
    for row in range(plan.sizes.rows):
        for place in range(start, stop):
            shared.x[row, place] += shared.added[row, place]


@inlined_device
def add_kept_outputs(plan: Plan, own: Own, layer: int, place: int, is_fresh: bool) -> None:
    """Keep the outputs of rows that computed; add what is kept to the residual stream.

    Args:
        plan: the call's.
        own: the thread's.
        layer: l.
        place: of the token in its frame.
        is_fresh: `Shared.added` has the outputs of all rows, not of computing ones alone.
    """
    shared, cached = plan.shared, plan.rule.cached[layer]
    start, stop = get_share(plan.sizes.width, own.thread, own.threads)
    for index in range(shared.status[2]):
        row = shared.computing[index]
        source = shared.added[row if is_fresh else index]
        for column in range(start, stop):
            cached[row, place, column] = source[column]
    for row in range(plan.sizes.rows):
        for column in range(start, stop):
            shared.x[row, column] += cached[row, place, column]


@inlined_device
def run_replayed_mlp(plan: Plan, own: Own, layer: int, token: int) -> None:
    """The MLP of the rows that compute; what all rows use is kept."""
    sizes, shared, model = plan.sizes, plan.shared, plan.model
    kind, count = plan.rule.kind, shared.status[2]
    if kind != ORACLE and count:
        is_normed = plan.rule.keeps_inputs
        copy_rows(plan, own, own.normed if is_normed else shared.x)
        rows = own.gathered[:count]
        if not is_normed:
            gain = view_vector(model.norm, model.addresses[layer, MLP_NORM, 0], sizes.width)
            normalize(rows, gain, model.eps, own.normed[:count], own.squares)
            rows = own.normed[:count]
        compute_mlp(plan, own, layer, rows)
    place = token % sizes.tokens_per_frame
    if plan.rule.replacement == CACHED:
        add_kept_outputs(plan, own, layer, place, kind == ORACLE)
    else:
        if plan.rule.replacement == CORRECTED and count < sizes.rows:
            correct(plan, own, layer, place)
        add_replaced_outputs(plan, own, layer, place, kind == ORACLE)


@inlined_device
def copy_rows(plan: Plan, own: Own, source: Array) -> None:
    """Rows that compute, one after the other, to `Own.gathered`."""
    computing, gathered = plan.shared.computing, own.gathered
    for index in range(plan.shared.status[2]):
        for place in range(source.shape[1]):
            gathered[index, place] = source[computing[index], place]


@inlined_device
def embed(plan: Plan, own: Own) -> None:
    """The residual stream begins with the embedding; one thread does it."""
    if own.thread == 0:
        for row in range(plan.sizes.rows):
            take_row(plan.model.embedding, plan.shared.ids[row], plan.shared.x[row])


@inlined_device
def run_mlp(plan: Plan, own: Own, layer: int) -> None:
    """The MLP of all rows."""
    shared, model = plan.shared, plan.model
    gain = view_vector(model.norm, model.addresses[layer, MLP_NORM, 0], plan.sizes.width)
    normalize(shared.x, gain, model.eps, own.normed, own.squares)
    compute_mlp(plan, own, layer, own.normed)
    add_all_outputs(plan, own)


@inlined_device
def compute_logits(plan: Plan, own: Own) -> bool:
    """Logits of the residual stream; whether that is within the range."""
    sizes, shared, model = plan.sizes, plan.shared, plan.model
    is_finite: bool = normalize(shared.x, model.norm, model.eps, own.normed, own.squares)
    rows = prepare(model.head, own.normed, own.narrow)
    start, stop = get_share(sizes.vocab, own.thread, own.threads)
    multiply(model.head, rows, shared.logits, start, stop)
    for row in range(sizes.rows):
        for code in range(start, stop):
            if is_finite and not np.isfinite(shared.logits[row, code]):
                shared.status[0] = BAD_LOGITS
    return is_finite


@inlined_device
def fail(plan: Plan, own: Own, kind: int, layer: int) -> None:
    """Say where a number was beyond the range."""
    if own.thread == 0:
        plan.shared.status[0] = kind
        plan.shared.status[1] = layer


@inlined_device
def account(plan: Plan, own: Own, part: int, since: int) -> int:
    """Ticks since then belong to a part; gives those of now."""
    now: int = read_ticks()
    if own.thread == 0:
        plan.records.ticks[part] += now - since
    return now
