"""Gate and up projection with the activation between them in one pass; twin of `reference.swiglu`.

The activations of a chunk of outputs are multiplied while they are still in the cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from reference.kernels.compilation import device, kernel
from reference.kernels.exponential import compute_exp
from reference.kernels.products import fill, scale_sums

Array = Any
_ONE, _ZERO = np.float32(1), np.float32(0)


@device
def multiply_silu(gate: Array, up: Array, hidden: Array, start: int, stop: int) -> None:
    """Columns start to stop of hidden = silu(gate) * up."""
    for row in range(len(gate)):
        for place in range(start, stop):
            x = gate[row, place]
            decay = compute_exp(-abs(x))
            numerator = _ONE if x >= _ZERO else decay
            hidden[row, place] = x * numerator / (_ONE + decay) * up[row, place]


@kernel()
def activate_float(
    gate_proj: Array, up_proj: Array, x: Array, gate: Array, up: Array, hidden: Array
) -> None:
    """Float32 or bfloat16 weights, one thread; x [R, D], gate, up and hidden [R, F]."""
    outputs = len(gate_proj)
    fill(gate_proj, x, gate, 0, outputs)
    fill(up_proj, x, up, 0, outputs)
    multiply_silu(gate, up, hidden, 0, outputs)


@kernel(parallel=True)
def activate_float_parallel(
    gate_proj: Array,
    up_proj: Array,
    x: Array,
    gate: Array,
    up: Array,
    hidden: Array,
    num_chunks: int,
) -> None:
    """The same, the outputs in chunks."""
    outputs = len(gate_proj)
    for chunk in prange(num_chunks):
        start, stop = chunk * outputs // num_chunks, (chunk + 1) * outputs // num_chunks
        fill(gate_proj, x, gate, start, stop)
        fill(up_proj, x, up, start, stop)
        multiply_silu(gate, up, hidden, start, stop)


@kernel()
def activate_int8(
    gate_proj: Array,
    gate_scales: Array,
    up_proj: Array,
    up_scales: Array,
    x: Array,
    x_sums: Array,
    x_scales: Array,
    gate: Array,
    up: Array,
    hidden: Array,
) -> None:
    """Int8 weights, one thread; x [R, D] int8 with sums and scales [R]."""
    outputs = len(gate_proj)
    sums = np.empty(gate.shape, np.int32)
    fill(gate_proj, x, sums, 0, outputs)
    scale_sums(sums, x_sums, x_scales, gate_scales, gate, 0, outputs)
    fill(up_proj, x, sums, 0, outputs)
    scale_sums(sums, x_sums, x_scales, up_scales, up, 0, outputs)
    multiply_silu(gate, up, hidden, 0, outputs)


@kernel(parallel=True)
def activate_int8_parallel(
    gate_proj: Array,
    gate_scales: Array,
    up_proj: Array,
    up_scales: Array,
    x: Array,
    x_sums: Array,
    x_scales: Array,
    gate: Array,
    up: Array,
    hidden: Array,
    num_chunks: int,
) -> None:
    """The same, the outputs in chunks."""
    outputs = len(gate_proj)
    sums = np.empty(gate.shape, np.int32)
    for chunk in prange(num_chunks):
        start, stop = chunk * outputs // num_chunks, (chunk + 1) * outputs // num_chunks
        fill(gate_proj, x, sums, start, stop)
        scale_sums(sums, x_sums, x_scales, gate_scales, gate, start, stop)
        fill(up_proj, x, sums, start, stop)
        scale_sums(sums, x_sums, x_scales, up_scales, up, start, stop)
        multiply_silu(gate, up, hidden, start, stop)
