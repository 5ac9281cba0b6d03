"""Norm and MLP of some rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcar.reference.kernels.compilation import shared_device
from fastcar.reference.kernels.frame.exponentials import multiply_silu_lanes
from fastcar.reference.kernels.frame.matrices import get_matrix
from fastcar.reference.kernels.frame.plan import DOWN_PROJ, GATE_PROJ, UP_PROJ, Own, Plan
from fastcar.reference.kernels.frame.products import multiply, prepare
from fastcar.reference.kernels.frame.team import get_share, wait_for_all
from fastcar.reference.kernels.swiglu import multiply_silu
from fastcar.reference.kernels.tiles import make_tile

Array = Any

_tile = make_tile(1, 1, is_near=True)


@shared_device
def normalize(x: Array, gain: Array, eps: float, out: Array, squares: Array) -> bool:
    """Rows of x over their root mean square, as `rms_norm.normalize`; if squares are finite."""
    width = x.shape[1]
    is_finite = True
    for row in range(len(x)):
        _tile(x, row, x, row, squares, 0)
        is_finite &= np.isfinite(squares[row, 0])
        root = np.float32(np.sqrt(squares[row, 0] / np.float32(width) + np.float32(eps)))
        for place in range(width):
            out[row, place] = x[row, place] / root * gain[place]
    return is_finite


@shared_device
def compute_mlp(plan: Plan, own: Own, layer: int, normed: Array) -> None:
    """MLP outputs [R, D] of normalised rows [R, D], to `Shared.added`; a share of the columns."""
    sizes, shared, model = plan.sizes, plan.shared, plan.model
    count = len(normed)
    rows = prepare(model.matrix, normed, own.narrow)
    gate, up = shared.gate[:count], shared.up[:count]
    start, stop = get_share(sizes.hidden, own.thread, own.threads)
    multiply(
        get_matrix(model, layer, GATE_PROJ, sizes.hidden, sizes.width), rows, gate, start, stop
    )
    multiply(get_matrix(model, layer, UP_PROJ, sizes.hidden, sizes.width), rows, up, start, stop)
    for row in range(count):
        whole = multiply_silu_lanes(gate, up, row, start, stop)
        multiply_silu(gate[row : row + 1], up[row : row + 1], gate[row : row + 1], whole, stop)
    wait_for_all(shared.barrier, own.threads)
    hidden = prepare(model.matrix, gate, own.narrow_hidden)
    start, stop = get_share(sizes.width, own.thread, own.threads)
    matrix = get_matrix(model, layer, DOWN_PROJ, sizes.width, sizes.hidden)
    multiply(matrix, hidden, shared.added[:count], start, stop)
