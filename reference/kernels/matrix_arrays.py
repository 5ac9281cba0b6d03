"""The arrays that kernels read of a matrix."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from fastcar.reference.bfloat16_matrix import BFloat16Matrix
from fastcar.reference.int8_matrix import Int8Matrix
from fastcar.reference.matrix import Matrix


def get_storage(matrix: Matrix) -> tuple[NDArray[Any], ...]:
    """Values and scales of an int8 matrix; else the floats, or the bits of bfloat16, alone."""
    if isinstance(matrix, Int8Matrix):
        return matrix.values, matrix.scales
    return (matrix.bits if isinstance(matrix, BFloat16Matrix) else matrix,)
