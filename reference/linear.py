"""Products of activation rows with a weight matrix; the bits of a row do not depend on its batch.

A general matrix product chooses its order of summation by the number of rows, so a row alone and
the same row in a batch may differ in the last bit, and replaying a neighbour would change it.
Here each row is its own matrix-vector product (D-05). The matrix is walked in blocks that stay in
the cache while all rows pass over them, so its weights are read from memory once.
"""

from __future__ import annotations

import numpy as np

from reference.weights import FloatArray

BLOCK_BYTES = 1 << 21
"""Weights of one block: small enough for the caches, large enough that BLAS shares it between its
threads; `make bench` compares sizes."""


def compute_linear(x: FloatArray, weight: FloatArray) -> FloatArray:
    """x @ weight.T, row by row.

    Args:
        x: [..., in].
        weight: [out, in], same dtype.

    Returns:
        [..., out]. Against exact arithmetic each entry is off by at most gamma_in |x| . |w| with
        gamma_n = n u / (1 - n u), u the unit roundoff, whatever the order of summation.
    """
    rows = x.reshape(-1, x.shape[-1])  # [R, in]
    num_rows, width = rows.shape
    outputs = weight.shape[0]
    block = max(1, min(outputs, BLOCK_BYTES // (width * weight.itemsize)))
    blocked = outputs - outputs % block
    blocks = weight[:blocked].reshape(-1, 1, block, width)
    column = rows[None, :, :, None]  # [1, R, in, 1]
    products = np.matmul(blocks, column)[..., 0]  # [blocks, R, block]
    result = products.transpose(1, 0, 2).reshape(num_rows, blocked)
    if blocked < outputs:
        tail = np.matmul(weight[blocked:], column[0])[..., 0]  # [R, out - blocked]
        result = np.concatenate([result, tail], axis=1)
    product: FloatArray = result.reshape(*x.shape[:-1], outputs)
    return product
