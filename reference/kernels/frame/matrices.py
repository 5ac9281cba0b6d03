"""Weights of a layer by their addresses; embeddings of tokens."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcar.reference.kernels.compilation import choose_by_types
from fastcar.reference.kernels.frame.plan import Matrix, Model
from fastcar.reference.kernels.frame.views import view, view_vector
from fastcar.reference.kernels.lanes import make_float

Array = Any


def get_matrix(model: Model, layer: int, index: int, outputs: int, inputs: int) -> Matrix:
    """Kernels call it: weights [outputs, inputs] of a layer, of any kind."""
    raise NotImplementedError


@choose_by_types(get_matrix)
def _choose_matrix(model: Model, layer: int, index: int, outputs: int, inputs: int) -> Any:
    def get_plain(model: Model, layer: int, index: int, outputs: int, inputs: int) -> Matrix:
        return (view(model.matrix[0], model.addresses[layer, index, 0], outputs, inputs),)

    def get_scaled(model: Model, layer: int, index: int, outputs: int, inputs: int) -> Matrix:
        values = view(model.matrix[0], model.addresses[layer, index, 0], outputs, inputs)
        scales = view_vector(model.matrix[1], model.addresses[layer, index, 1], outputs)
        return values, scales

    handle_type: Any = model
    matrix = handle_type.fields.types[Model._fields.index("matrix")]
    return get_scaled if len(matrix) > 1 else get_plain


def take_row(matrix: Matrix, index: int, out: Array) -> None:
    """Kernels call it: a row as float32, as `matrix.take_rows`."""
    raise NotImplementedError


@choose_by_types(take_row)
def _choose_take(matrix: Matrix, index: int, out: Array) -> Any:
    def take_float(matrix: Matrix, index: int, out: Array) -> None:
        for place in range(len(out)):
            out[place] = matrix[0][index, place]

    def take_bits(matrix: Matrix, index: int, out: Array) -> None:
        for place in range(len(out)):
            out[place] = make_float(np.int32(np.uint32(matrix[0][index, place]) << 16))

    def take_int8(matrix: Matrix, index: int, out: Array) -> None:
        for place in range(len(out)):
            out[place] = np.float32(matrix[0][index, place]) * matrix[1][index]

    if len(matrix) > 1:
        return take_int8
    return take_float if matrix[0].dtype.bitwidth == 32 else take_bits
