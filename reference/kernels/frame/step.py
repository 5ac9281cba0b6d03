"""One token of every row through all layers; the numbers of `Decoder.step`, by the same kernels."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcar.reference.kernels.compilation import bare_device, shared_device
from fastcar.reference.kernels.frame import gate as gates
from fastcar.reference.kernels.frame.attention import GROUP, WIDE_HEAD, attend_heads
from fastcar.reference.kernels.frame.cache_write import rotate_head, write_entry
from fastcar.reference.kernels.frame.clock import read_ticks
from fastcar.reference.kernels.frame.exponentials import multiply_silu_lanes
from fastcar.reference.kernels.frame.matrices import get_matrix, take_row
from fastcar.reference.kernels.frame.plan import WEIGHTS, Own, Plan
from fastcar.reference.kernels.frame.products import multiply, prepare
from fastcar.reference.kernels.frame.team import get_share, wait_for_all
from fastcar.reference.kernels.frame.views import view_vector
from fastcar.reference.kernels.swiglu import multiply_silu
from fastcar.reference.kernels.tiles import make_tile

Array = Any

FINE, BAD_STREAM, BAD_SCORE, BAD_ENTRY, BAD_LOGITS = range(5)
"""What may be beyond the range (D-37): what `Shared.status` begins with."""
ATTENTION, MLP, SCORE, OTHER = range(4)
"""Parts of a step, in the order of `laps.PARTS`."""

(
    ATTENTION_NORM,
    Q_PROJ,
    K_PROJ,
    V_PROJ,
    O_PROJ,
    MLP_NORM,
    GATE_PROJ,
    UP_PROJ,
    DOWN_PROJ,
) = range(len(WEIGHTS))

_tile = make_tile(1, 1, is_near=True)


@shared_device
def normalize(x: Array, gain: Array, eps: float, out: Array, squares: Array) -> bool:
    """Rows of x over their root mean square, as `rms_norm.normalize`; whether squares are finite."""
    width = x.shape[1]
    is_finite = True
    for row in range(len(x)):
        _tile(x, row, x, row, squares, 0)
        is_finite &= np.isfinite(squares[row, 0])
        root = np.float32(np.sqrt(squares[row, 0] / np.float32(width) + np.float32(eps)))
        for place in range(width):
            out[row, place] = x[row, place] / root * gain[place]
    return is_finite


@bare_device
def project(plan: Plan, own: Own, layer: int) -> bool:
    """Query, key and value of the residual stream; whether it is within the range."""
    sizes, shared, model = plan.sizes, plan.shared, plan.model
    gain = view_vector(model.norm, model.addresses[layer, ATTENTION_NORM, 0], sizes.width)
    is_finite = normalize(shared.x, gain, model.eps, own.normed, own.squares)
    rows = prepare(model.matrix, own.normed, own.narrow)
    outputs, key_outputs = sizes.heads * sizes.head_dim, sizes.key_heads * sizes.head_dim
    start, stop = get_share(outputs, own.index, own.threads)
    multiply(
        get_matrix(model, layer, Q_PROJ, outputs, sizes.width), rows, shared.query, start, stop
    )
    start, stop = get_share(key_outputs, own.index, own.threads)
    multiply(
        get_matrix(model, layer, K_PROJ, key_outputs, sizes.width), rows, shared.key, start, stop
    )
    multiply(
        get_matrix(model, layer, V_PROJ, key_outputs, sizes.width), rows, shared.value, start, stop
    )
    return is_finite


@bare_device
def place_token(plan: Plan, own: Own, layer: int, entry: int) -> None:
    """Turn query and key by their position, keep key and value in their entry."""
    sizes, shared, model, memory = plan.sizes, plan.shared, plan.model, plan.memory
    width = sizes.head_dim
    for task in range(own.index, sizes.rows * sizes.key_heads, own.threads):
        row, head = task // sizes.key_heads, task % sizes.key_heads
        position = entry - memory.padding[row]
        cosines, sines = model.cosines[position], model.sines[position]
        rotate_head(shared.key[row], head * width, width, cosines, sines)
        keys, values = memory.keys[layer, row, head], memory.values[layer, row, head]
        is_finite = write_entry(keys, entry, shared.key[row], head * width)
        is_finite &= write_entry(values, entry, shared.value[row], head * width)
        if not is_finite:
            shared.status[0] = BAD_ENTRY
    for task in range(own.index, sizes.rows * sizes.heads, own.threads):
        row, first = task // sizes.heads, task % sizes.heads * width
        if plan.rule.is_published:
            for place in range(first, first + width):
                shared.plain_query[row, place] = shared.query[row, place]
        position = entry - memory.padding[row]
        rotate_head(shared.query[row], first, width, model.cosines[position], model.sines[position])


@bare_device
def attend(plan: Plan, own: Own, layer: int, entry: int, tap_entry: int) -> None:
    """Context of every row; several query heads at once where they are narrow or share keys."""
    sizes = plan.sizes
    is_grouped = sizes.head_dim < WIDE_HEAD or sizes.heads >= GROUP * sizes.key_heads
    together = GROUP if is_grouped else 1
    groups = (sizes.heads + together - 1) // together
    tasks = sizes.rows * groups
    first, last = tasks * own.index // own.threads, tasks * (own.index + 1) // own.threads
    for task in range(first, last):
        row, head = task // groups, task % groups * together
        num_heads = min(together, sizes.heads - head)
        attend_heads(plan, own, layer, row, head, num_heads, entry + 1, tap_entry)


@bare_device
def add_context(plan: Plan, own: Own, layer: int) -> None:
    """The output projection, added to the residual stream."""
    sizes, shared, model = plan.sizes, plan.shared, plan.model
    rows = prepare(model.matrix, shared.context, own.narrow_context)
    matrix = get_matrix(model, layer, O_PROJ, sizes.width, sizes.heads * sizes.head_dim)
    start, stop = get_share(sizes.width, own.index, own.threads)
    multiply(matrix, rows, shared.added, start, stop)
    for row in range(sizes.rows):
        for place in range(start, stop):
            shared.x[row, place] += shared.added[row, place]
            shared.attended[row, place] = shared.x[row, place]


@bare_device
def compute_mlp(plan: Plan, own: Own, layer: int, normed: Array) -> None:
    """MLP outputs [R, D] of normalised rows [R, D], to `Shared.added`; a share of the columns."""
    sizes, shared, model = plan.sizes, plan.shared, plan.model
    count = len(normed)
    rows = prepare(model.matrix, normed, own.narrow)
    gate, up = shared.gate[:count], shared.up[:count]
    start, stop = get_share(sizes.hidden, own.index, own.threads)
    multiply(
        get_matrix(model, layer, GATE_PROJ, sizes.hidden, sizes.width), rows, gate, start, stop
    )
    multiply(get_matrix(model, layer, UP_PROJ, sizes.hidden, sizes.width), rows, up, start, stop)
    for row in range(count):
        whole = multiply_silu_lanes(gate, up, row, start, stop)
        multiply_silu(gate[row : row + 1], up[row : row + 1], gate[row : row + 1], whole, stop)
    wait_for_all(shared.barrier, own.threads)
    hidden = prepare(model.matrix, gate, own.narrow_hidden)
    start, stop = get_share(sizes.width, own.index, own.threads)
    matrix = get_matrix(model, layer, DOWN_PROJ, sizes.width, sizes.hidden)
    multiply(matrix, hidden, shared.added[:count], start, stop)


@bare_device
def add_all_outputs(plan: Plan, own: Own) -> None:
    """MLP outputs of all rows, added to the residual stream; nothing is kept."""
    shared = plan.shared
    start, stop = get_share(plan.sizes.width, own.index, own.threads)
    for row in range(plan.sizes.rows):
        for place in range(start, stop):
            shared.x[row, place] += shared.added[row, place]


@bare_device
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
    start, stop = get_share(plan.sizes.width, own.index, own.threads)
    for index in range(shared.status[2]):
        row = shared.computing[index]
        source = shared.added[row if is_fresh else index]
        for column in range(start, stop):
            cached[row, place, column] = source[column]
    for row in range(plan.sizes.rows):
        for column in range(start, stop):
            shared.x[row, column] += cached[row, place, column]


@bare_device
def run_gated_mlp(plan: Plan, own: Own, layer: int, token: int, index: int) -> None:
    """The MLP of the rows that do not replay; what all rows use is kept."""
    sizes, shared, model, kind = plan.sizes, plan.shared, plan.model, plan.rule.kind
    gain = view_vector(model.norm, model.addresses[layer, MLP_NORM, 0], sizes.width)
    if kind == gates.INPUT or kind == gates.ORACLE:
        normalize(shared.x, gain, model.eps, own.normed, own.squares)
        if kind == gates.ORACLE:
            compute_mlp(plan, own, layer, own.normed)
            wait_for_all(shared.barrier, own.threads)
    if own.index == 0:
        gates.decide(plan, own, layer, token, index)
    wait_for_all(shared.barrier, own.threads)
    count = shared.status[2]
    if kind != gates.ORACLE and count:
        for place in range(count):
            row = shared.computing[place]
            source = own.normed[row] if kind == gates.INPUT else shared.x[row]
            gates.copy_numbers(source, own.gathered[place])
        rows = own.gathered[:count]
        if kind != gates.INPUT:
            normalize(rows, gain, model.eps, own.normed[:count], own.squares)
            rows = own.normed[:count]
        compute_mlp(plan, own, layer, rows)
    location = token % sizes.tokens_per_frame
    add_kept_outputs(plan, own, layer, location, kind == gates.ORACLE)


@bare_device
def run_dense_mlp(plan: Plan, own: Own, layer: int) -> None:
    """The MLP of all rows."""
    shared, model = plan.shared, plan.model
    gain = view_vector(model.norm, model.addresses[layer, MLP_NORM, 0], plan.sizes.width)
    normalize(shared.x, gain, model.eps, own.normed, own.squares)
    compute_mlp(plan, own, layer, own.normed)
    add_all_outputs(plan, own)


@bare_device
def compute_logits(plan: Plan, own: Own) -> bool:
    """Logits of the residual stream; whether that is within the range."""
    sizes, shared, model = plan.sizes, plan.shared, plan.model
    is_finite = normalize(shared.x, model.norm, model.eps, own.normed, own.squares)
    rows = prepare(model.head, own.normed, own.narrow)
    start, stop = get_share(sizes.vocab, own.index, own.threads)
    multiply(model.head, rows, shared.logits, start, stop)
    for row in range(sizes.rows):
        for code in range(start, stop):
            if not np.isfinite(shared.logits[row, code]):
                shared.status[0] = BAD_LOGITS
    return is_finite


@bare_device
def fail(plan: Plan, own: Own, kind: int, layer: int) -> None:
    """Say where a number was beyond the range."""
    if own.index == 0:
        plan.shared.status[0] = kind
        plan.shared.status[1] = layer


@bare_device
def account(plan: Plan, own: Own, part: int, since: int) -> int:
    """Ticks since then belong to a part; gives those of now."""
    now = read_ticks()
    if own.index == 0:
        plan.records.ticks[part] += now - since
    return now


@bare_device
def feed(plan: Plan, own: Own, token: int, index: int) -> bool:
    """Feed generated token j of every row, of which `Shared.ids` says which; logits of the next one.

    Args:
        plan: the call's.
        own: the thread's.
        token: j.
        index: of the token in this call.

    Returns:
        Whether all numbers were within the range; if not, `Shared.status` says where.
    """
    sizes, shared = plan.sizes, plan.shared
    entry = sizes.prompt_tokens + token
    now = read_ticks()
    if own.index == 0:
        for row in range(sizes.rows):
            take_row(plan.model.embedding, shared.ids[row], shared.x[row])
    wait_for_all(shared.barrier, own.threads)
    for layer in range(sizes.layers):
        if not project(plan, own, layer):
            fail(plan, own, BAD_STREAM, layer)
            return False
        wait_for_all(shared.barrier, own.threads)
        place_token(plan, own, layer, entry)
        wait_for_all(shared.barrier, own.threads)
        if shared.status[0]:
            fail(plan, own, BAD_ENTRY, layer)
            return False
        attend(plan, own, layer, entry, gates.get_tap_entry(plan, layer, token))
        wait_for_all(shared.barrier, own.threads)
        add_context(plan, own, layer)
        wait_for_all(shared.barrier, own.threads)
        now = account(plan, own, ATTENTION, now)
        if plan.rule.kind != gates.NO_GATE and plan.rule.active[layer]:
            run_gated_mlp(plan, own, layer, token, index)
            if shared.status[0]:
                return False
        else:
            run_dense_mlp(plan, own, layer)
        wait_for_all(shared.barrier, own.threads)
        now = account(plan, own, MLP, now)
    if not compute_logits(plan, own):
        fail(plan, own, BAD_STREAM, sizes.layers)
        return False
    wait_for_all(shared.barrier, own.threads)
    account(plan, own, OTHER, now)
    return shared.status[0] == FINE
