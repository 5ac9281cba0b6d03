"""Products of activation rows with a weight matrix; the bits of a row do not depend on its batch.

A general matrix product chooses its order of summation by the number of rows, so a row alone and
the same row in a batch may differ in the last bit, and replaying a neighbour would change it.
Here each row is its own matrix-vector product (D-05). A BLAS may also choose the order by the
address of its operand, so every row begins at the same place of a cache line (D-33). The matrix is
walked in blocks that stay in the cache while all rows pass over them, so its weights are read from
memory once.
"""

from __future__ import annotations

import numpy as np

from fastcar.reference.arrays import FloatArray
from fastcar.reference.bfloat16_matrix import BFloat16Matrix
from fastcar.reference.errors import ArgumentError
from fastcar.reference.int8_matrix import MAX_INT8, Int8Matrix, quantize_rows
from fastcar.reference.matrix import Matrix

MAX_INT8_WIDTH = (2**31 - 1) // MAX_INT8**2
"""Widest int8 matrix whose sums fit into int32 whatever the weights."""
BLOCK_BYTES = 1 << 21
"""Weights of one block: small enough for the caches, large enough that BLAS shares it between its
threads; `make bench` compares sizes."""
ALIGNMENT_BYTES = 64
"""Each row begins at an address that this divides: a cache line, no vector of a BLAS is longer."""


def compute_linear(x: FloatArray, weight: Matrix) -> FloatArray:
    """x @ weight.T, row by row.

    Args:
        x: [..., in].
        weight: [out, in], same dtype, or compressed where x is float32.

    Returns:
        [..., out]. Against exact arithmetic each entry is off by at most gamma_in |x| . |w| with
        gamma_n = n u / (1 - n u), u the unit roundoff, whatever the order of summation; of an int8
        matrix see `compute_int8_linear`.
    """
    if isinstance(weight, Int8Matrix):
        return compute_int8_linear(x, weight)
    if isinstance(weight, BFloat16Matrix):
        weight = weight.widen()
    rows = _align_rows(x.reshape(-1, x.shape[-1]))  # [R, in]
    num_rows, width = rows.shape
    outputs = weight.shape[0]
    block = max(1, min(outputs, BLOCK_BYTES // (width * weight.itemsize)))
    blocked = outputs - outputs % block
    blocks = weight[:blocked].reshape(-1, 1, block, width)
    column = rows[None, :, :, None]  # [1, R, in, 1]
    products = _multiply(blocks, column)  # [blocks, R, block]
    result = products.transpose(1, 0, 2).reshape(num_rows, blocked)
    if blocked < outputs:
        tail = _multiply(weight[blocked:], column[0])  # [R, out - blocked]
        result = np.concatenate([result, tail], axis=1)
    product: FloatArray = result.reshape(*x.shape[:-1], outputs)
    return product


def compute_int8_linear(x: FloatArray, weight: Int8Matrix) -> FloatArray:
    """x @ weight.T in integers: x is rounded to int8, one scale per row; exact sums (D-29).

    Entry (r, o) is float32(sum_i q_ri w_oi) s_r s_o, rounded in this order.

    Args:
        x: [..., in] float32. A row that is not finite gives NaN.
        weight: [out, in], in at most `MAX_INT8_WIDTH` so that sums fit into int32.

    Returns:
        [..., out] float32. Against the exact product with the dequantised matrix each entry is off
        by at most s_r / 2 |w|_1 from rounding x, up to relative roundings of 4 u.
    """
    check_int8_width(weight)
    rows = x.reshape(-1, weight.shape[1]).astype(np.float32, copy=False)  # [R, in]
    is_finite = np.isfinite(rows).all(axis=1, keepdims=True)  # [R, 1]
    rounded = quantize_rows(np.where(is_finite, rows, 0))
    scales = np.where(is_finite, rounded.scales[:, None], np.float32(np.nan))  # [R, 1]
    # Float64 holds every partial sum exactly, so the order of summation does not matter.
    sums = rounded.values.astype(np.float64) @ weight.values.astype(np.float64).T  # [R, out]
    product = sums.astype(np.float32) * scales * weight.scales
    return product.reshape(*x.shape[:-1], weight.shape[0])


def check_int8_width(weight: Int8Matrix) -> None:
    """Raise ArgumentError for a matrix whose sums may not fit into int32."""
    width = weight.shape[1]
    if width > MAX_INT8_WIDTH:
        raise ArgumentError("width of an int8 matrix", width, f"at most {MAX_INT8_WIDTH}")


def _align_rows(rows: FloatArray) -> FloatArray:
    """A copy of [R, in] whose rows all begin at a multiple of `ALIGNMENT_BYTES`."""
    num_rows, width = rows.shape
    lines = -(-width * rows.itemsize // ALIGNMENT_BYTES)
    buffer = np.empty((num_rows * lines + 1) * ALIGNMENT_BYTES, np.uint8)
    start = -buffer.ctypes.data % ALIGNMENT_BYTES
    places = buffer[start : start + num_rows * lines * ALIGNMENT_BYTES].view(rows.dtype)
    stride = lines * ALIGNMENT_BYTES // rows.itemsize
    aligned: FloatArray = places.reshape(num_rows, stride)[:, :width]
    aligned[...] = rows
    return aligned


def _multiply(matrices: FloatArray, columns: FloatArray) -> FloatArray:
    """[..., out, in] times [..., in, 1]: [..., out], without the warning 'invalid value'.

    Where float32 rows are 5 long OpenBLAS for AVX-512 adds lanes that nobody wrote: the sums are
    right, but where the stack held a signalling NaN NumPy finds the flag of an invalid operation
    and warns. A sum that overflows still warns.
    """
    with np.errstate(invalid="ignore"):
        products: FloatArray = np.matmul(matrices, columns)[..., 0]
    return products
