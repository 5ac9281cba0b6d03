"""Gate and up projection with the activation between them in one pass; twin of `swiglu.py`.

The activations of a chunk of outputs are multiplied while they are still in the cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from fastcar.reference.kernels.compilation import compile_twins, device
from fastcar.reference.kernels.exponential import compute_exp
from fastcar.reference.kernels.products import (
    Matrix,
    Operand,
    multiply_chunk,
    multiply_columns,
    prepare,
)

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


@device
def activate_chunk(
    gate_proj: Matrix,
    up_proj: Matrix,
    x: Operand,
    gate: Array,
    up: Array,
    hidden: Array,
    chunk: int,
    num_chunks: int,
) -> None:
    """A share of the columns of gate, up and hidden [R, F]."""
    outputs = gate.shape[1]
    start, stop = chunk * outputs // num_chunks, (chunk + 1) * outputs // num_chunks
    multiply_columns(gate_proj, x, gate, start, stop)
    multiply_columns(up_proj, x, up, start, stop)
    multiply_silu(gate, up, hidden, start, stop)


@compile_twins
def activate(
    gate_proj: Matrix,
    up_proj: Matrix,
    x: Array,
    gate: Array,
    up: Array,
    hidden: Array,
    num_chunks: int,
) -> None:
    """Gate, up and hidden activations [R, F] of rows [R, D], in chunks."""
    operand = prepare(gate_proj, x)
    for chunk in prange(num_chunks):
        activate_chunk(gate_proj, up_proj, operand, gate, up, hidden, chunk, num_chunks)


@compile_twins
def compute_mlp(
    gate_proj: Matrix, up_proj: Matrix, down_proj: Matrix, x: Array, num_chunks: int
) -> Array:
    """MLP output [R, D] of rows [R, D], the outputs of both steps in chunks."""
    shape = len(x), len(gate_proj[0])
    gate, up = np.empty(shape, np.float32), np.empty(shape, np.float32)
    operand = prepare(gate_proj, x)
    for chunk in prange(num_chunks):
        activate_chunk(gate_proj, up_proj, operand, gate, up, gate, chunk, num_chunks)
    hidden = prepare(down_proj, gate)
    out = np.empty((len(x), len(down_proj[0])), np.float32)
    for chunk in prange(num_chunks):
        multiply_chunk(down_proj, hidden, out, chunk, num_chunks)
    return out
