"""The engine of compiled kernels: the same operations as `reference.engine.NumpyEngine`.

Arithmetic is float32 with float32, bfloat16 or int8 weights. No weight is copied: matrices are read
where they lie, also from a memory map. Small work stays on one thread, because waking the others
costs more than it saves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from reference.bfloat16_matrix import BFloat16Matrix
from reference.errors import ArgumentError
from reference.int8_matrix import Int8Matrix
from reference.kernels.attention import attend, attend_parallel
from reference.kernels.compilation import announce_compilation
from reference.kernels.products import (
    multiply_float,
    multiply_float_parallel,
    multiply_int8,
    multiply_int8_parallel,
    quantize_activations,
)
from reference.kernels.rms_norm import normalize_rows
from reference.kernels.rotary import rotate
from reference.kernels.sampling import draw_tokens
from reference.kernels.swiglu import (
    activate_float,
    activate_float_parallel,
    activate_int8,
    activate_int8_parallel,
)
from reference.kv_cache import KVCache
from reference.linear import check_int8_width
from reference.matrix import DecoderLayer, Matrix
from reference.rotary import RotaryTable
from reference.sampling import Sampling
from reference.sparse_attention import SparseAttention
from reference.swiglu import Activations
from reference.weights import Float, FloatArray

PARALLEL_MULTIPLICATIONS = 1 << 21
"""Work from which on threads share it: about fifty microseconds on one. Below, a core that another
program holds would cost more than the second thread saves."""

NO_TAP = -1


class NumbaEngine:
    """Compiled kernels; the first call compiles and says so, later processes read a cache."""

    name = "numba"

    def __init__(self) -> None:
        announce_compilation()

    def check_dtype(self, dtype: np.dtype[Float]) -> None:
        """Takes float32."""
        if dtype != np.float32:
            raise ArgumentError("dtype", str(dtype), "float32 with the numba engine")

    def linear(self, x: FloatArray, weight: Matrix) -> FloatArray:
        """Twin of `compute_linear`."""
        return _multiply(_prepare(x, weight), weight).reshape(*x.shape[:-1], weight.shape[0])

    def rms_norm(self, x: FloatArray, gain: FloatArray, eps: float) -> FloatArray:
        """Twin of `compute_rms_norm`."""
        rows = np.ascontiguousarray(x).reshape(-1, x.shape[-1])
        out = np.empty_like(rows)
        normalize_rows(rows, gain, eps, out)
        return out.reshape(x.shape)

    def project(
        self, x: FloatArray, layer: DecoderLayer, eps: float
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The norm and, of its rows, three products."""
        normed = self.rms_norm(x, layer.attention_norm, eps)
        operand = _prepare(normed, layer.q_proj)
        query, key, value = (
            _multiply(operand, weight).reshape(*x.shape[:-1], -1)
            for weight in (layer.q_proj, layer.k_proj, layer.v_proj)
        )
        return query, key, value

    def rotate(self, table: RotaryTable, x: FloatArray, positions: NDArray[np.int64]) -> FloatArray:
        """Twin of `RotaryTable.rotate`."""
        tokens = np.ascontiguousarray(x).reshape(-1, *x.shape[-2:])
        out = np.empty_like(tokens)
        rotate(tokens, positions.reshape(-1), table.cos, table.sin, out)
        return out.reshape(x.shape)

    def attend(
        self,
        query: FloatArray,
        cache: KVCache,
        layer_index: int,
        tap_slot: int | None = None,
        sparse: SparseAttention | None = None,
        fused: bool = False,
    ) -> tuple[FloatArray, FloatArray | None]:
        """Twin of `compute_fused_attention`, whatever `fused` says."""
        keys, values = cache.keys[layer_index], cache.values[layer_index]
        rows, key_heads, _, head_dim = keys.shape
        start, sinks = 0, 0
        if sparse is not None:
            start, sinks = sparse.get_window_start(cache.num_slots), sparse.sink_tokens
        is_tapped = tap_slot is not None and tap_slot >= start
        grouped = np.ascontiguousarray(query).reshape(rows, key_heads, -1, head_dim)
        context = np.empty_like(grouped)
        tapped = np.empty(grouped.shape[:3], np.float32)
        visible = min(cache.num_slots, sinks + cache.num_slots - start)
        run = attend_parallel if _is_large(2 * query.size, visible) else attend
        run(
            grouped,
            keys,
            values,
            cache.padding_tokens,
            sinks,
            start,
            cache.num_slots,
            tap_slot if is_tapped else NO_TAP,
            context,
            tapped,
        )
        scores = tapped.reshape(query.shape[:2]) if is_tapped else None
        return context.reshape(query.shape), scores

    def activate(self, normed: FloatArray, layer: DecoderLayer) -> Activations:
        """Twin of `compute_activations`."""
        gate_proj, up_proj = layer.gate_proj, layer.up_proj
        x = _prepare(normed, gate_proj)
        shape = len(normed), gate_proj.shape[0]
        gate, up, hidden = (np.empty(shape, np.float32) for _ in range(3))
        is_large = _is_large(2 * shape[0] * shape[1], normed.shape[1])
        operands = _get_storage(gate_proj) + _get_storage(up_proj) + x + (gate, up, hidden)
        is_integer = isinstance(gate_proj, Int8Matrix)
        if is_large:
            run = activate_int8_parallel if is_integer else activate_float_parallel
            run(*operands, numba.get_num_threads())
        else:
            (activate_int8 if is_integer else activate_float)(*operands)
        return Activations(gate, up, hidden)

    def swiglu(self, normed: FloatArray, layer: DecoderLayer) -> FloatArray:
        """Twin of `compute_swiglu`."""
        if not len(normed):
            return normed
        return self.linear(self.activate(normed, layer).hidden, layer.down_proj)

    def draw(
        self, sampling: Sampling, logits: FloatArray, streams: Sequence[np.random.Generator]
    ) -> NDArray[np.int64]:
        """Twin of `Sampling.draw`, row by row."""
        uniforms = np.array([stream.random() for stream in streams])
        token_ids = np.empty(len(streams), np.int64)
        top_k = logits.shape[1] if sampling.top_k is None else sampling.top_k
        draw_tokens(
            np.ascontiguousarray(logits),
            float(sampling.temperature),
            top_k,
            float(sampling.top_p),
            uniforms,
            token_ids,
        )
        return token_ids


def _is_large(outputs: int, width: int) -> bool:
    """Whether threads share the work."""
    return outputs * width >= PARALLEL_MULTIPLICATIONS and numba.get_num_threads() > 1


def _get_storage(weight: Matrix) -> tuple[NDArray[Any], ...]:
    """The arrays that kernels read of a matrix."""
    if isinstance(weight, Int8Matrix):
        return weight.values, weight.scales
    return (weight.bits if isinstance(weight, BFloat16Matrix) else weight,)


def _prepare(x: FloatArray, weight: Matrix) -> tuple[NDArray[Any], ...]:
    """Rows [R, in] as products of such a matrix take them; for int8 also sums and scales [R]."""
    rows = np.ascontiguousarray(x).reshape(-1, x.shape[-1])
    if not isinstance(weight, Int8Matrix):
        return (rows,)
    check_int8_width(weight)
    values, sums = np.empty(rows.shape, np.int8), np.empty(len(rows), np.int32)
    scales = np.empty(len(rows), np.float32)
    quantize_activations(rows, values, sums, scales)
    return values, sums, scales


def _multiply(x: tuple[NDArray[Any], ...], weight: Matrix) -> FloatArray:
    """Product of prepared rows, [R, out]."""
    out = np.empty((len(x[0]), weight.shape[0]), np.float32)
    operands = (*_get_storage(weight), *x, out)
    is_integer = isinstance(weight, Int8Matrix)
    if _is_large(out.size, weight.shape[1]):
        run = multiply_int8_parallel if is_integer else multiply_float_parallel
        run(*operands, numba.get_num_threads())
    else:
        (multiply_int8 if is_integer else multiply_float)(*operands)
    return out
