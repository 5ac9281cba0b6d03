"""The kinds of weight matrix a decoder takes, and the weights that are made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import Float, FloatArray
from fastcar.reference.bfloat16_matrix import BFloat16Matrix, round_to_bfloat16, widen_bits
from fastcar.reference.errors import ArgumentError
from fastcar.reference.int8_matrix import Int8Matrix, quantize_rows
from fastcar.reference.weights import LayerWeights, ModelWeights

Matrix = FloatArray | Int8Matrix | BFloat16Matrix
"""[out, in]: float32 or float64 as an array, or compressed."""


class DecoderLayer(Protocol):
    """One decoder layer; fields and shapes as in `fastcar.reference.weights.LayerWeights`."""

    @property
    def attention_norm(self) -> FloatArray:
        """[D]."""
        ...

    @property
    def q_proj(self) -> Matrix:
        """[H * d, D]."""
        ...

    @property
    def k_proj(self) -> Matrix:
        """[H_kv * d, D]."""
        ...

    @property
    def v_proj(self) -> Matrix:
        """[H_kv * d, D]."""
        ...

    @property
    def o_proj(self) -> Matrix:
        """[D, H * d]."""
        ...

    @property
    def mlp_norm(self) -> FloatArray:
        """[D]."""
        ...

    @property
    def gate_proj(self) -> Matrix:
        """[F, D]."""
        ...

    @property
    def up_proj(self) -> Matrix:
        """[F, D]."""
        ...

    @property
    def down_proj(self) -> Matrix:
        """[D, F]."""
        ...


class DecoderWeights(Protocol):
    """All weights of a decoder; vectors are of the type of the arithmetic."""

    @property
    def embedding(self) -> Matrix:
        """[V, D]."""
        ...

    @property
    def layers(self) -> Sequence[DecoderLayer]:
        """One per layer."""
        ...

    @property
    def norm(self) -> FloatArray:
        """[D]."""
        ...

    @property
    def head(self) -> Matrix:
        """[V, D]."""
        ...


@dataclass(frozen=True)
class CompressedLayer:
    """One decoder layer, every matrix of one kind."""

    attention_norm: FloatArray
    q_proj: Matrix
    k_proj: Matrix
    v_proj: Matrix
    o_proj: Matrix
    mlp_norm: FloatArray
    gate_proj: Matrix
    up_proj: Matrix
    down_proj: Matrix


@dataclass(frozen=True)
class CompressedWeights:
    """All weights of a decoder, every matrix of one kind."""

    embedding: Matrix
    layers: tuple[CompressedLayer, ...]
    norm: FloatArray
    head: Matrix


COMPRESSIONS: dict[str, Callable[[FloatArray], Int8Matrix | BFloat16Matrix]] = {
    "int8": quantize_rows,
    "bfloat16": round_to_bfloat16,
}
"""Kinds of compressed matrix and what makes them of a float matrix."""


def compress_weights(weights: ModelWeights, kind: str) -> CompressedWeights:
    """The same model with compressed matrices; norms as float32.

    Args:
        weights: float32 or float64.
        kind: int8 (one scale per row) or bfloat16.
    """
    if kind not in COMPRESSIONS:
        raise ArgumentError("kind", kind, f"one of {', '.join(COMPRESSIONS)}")
    compress = COMPRESSIONS[kind]

    def convert(layer: LayerWeights) -> CompressedLayer:
        fields: dict[str, Any] = {
            name: array.astype(np.float32) if array.ndim == 1 else compress(array)
            for name, array in vars(layer).items()
        }
        return CompressedLayer(**fields)

    layers = tuple(convert(layer) for layer in weights.layers)
    embedding = compress(weights.embedding)
    head = embedding if weights.head is weights.embedding else compress(weights.head)
    return CompressedWeights(embedding, layers, weights.norm.astype(np.float32), head)


def list_arrays(matrix: Matrix) -> tuple[NDArray[Any], ...]:
    """Values and scales of an int8 matrix; else the floats, or the bits of bfloat16, alone."""
    if isinstance(matrix, Int8Matrix):
        return matrix.values, matrix.scales
    return (matrix.bits if isinstance(matrix, BFloat16Matrix) else matrix,)


def get_dtype(weights: DecoderWeights) -> np.dtype[Float]:
    """Type of the arithmetic: that of the float weights; float32 where they are compressed."""
    return weights.norm.dtype


def take_rows(matrix: Matrix, indices: NDArray[np.int64]) -> FloatArray:
    """Rows of a matrix as floats, [..., in] for indices [...]: embeddings of token ids."""
    if isinstance(matrix, Int8Matrix):
        values: FloatArray = matrix.values[indices] * matrix.scales[indices][..., None]
        return values
    if isinstance(matrix, BFloat16Matrix):
        return widen_bits(matrix.bits[indices])
    rows: FloatArray = matrix[indices]
    return rows
