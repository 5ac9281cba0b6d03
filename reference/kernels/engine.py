"""The engine of compiled kernels: the same operations as `fastcar.reference.engine.NumpyEngine`.

Arithmetic is float32 with float32, bfloat16 or int8 weights. No weight is copied: matrices are read
where they lie, also from a memory map. Small work stays on one thread, because waking the others
costs more than it saves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import Float, FloatArray
from fastcar.reference.errors import ArgumentError
from fastcar.reference.int8_matrix import Int8Matrix
from fastcar.reference.kernels.attention import attend
from fastcar.reference.kernels.compilation import announce_compilation, check_numba
from fastcar.reference.kernels.frame.plan_maker import PROJECTIONS, can_plan
from fastcar.reference.kernels.frame.runner import FrameRunner
from fastcar.reference.kernels.products import multiply, project
from fastcar.reference.kernels.rms_norm import normalize_rows
from fastcar.reference.kernels.rotary import rotate
from fastcar.reference.kernels.sampling import draw_tokens
from fastcar.reference.kernels.storage import store_tokens
from fastcar.reference.kernels.swiglu import activate, compute_mlp
from fastcar.reference.kv_cache import CacheStorage, KVCache
from fastcar.reference.linear import check_int8_width
from fastcar.reference.matrix import DecoderLayer, Matrix, list_arrays
from fastcar.reference.rotary import RotaryTable
from fastcar.reference.sampling import Sampling, check_logits
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.reference.swiglu import Activations

if TYPE_CHECKING:
    from fastcar.reference.token_loop import TokenLoop, TokenRunner

PARALLEL_BYTES, PARALLEL_MULTIPLICATIONS = 1 << 20, 1 << 21
"""Work from which on threads share it, by either measure: thirty to fifty microseconds on one.
Below, a core that another program holds would cost more than the second thread saves."""

TEAM_BYTES, TEAM_MULTIPLICATIONS = 1 << 22, 1 << 23
"""Weights of a layer, or work of a step on them, from which on threads go through whole frames."""

NO_TAP = -1


class NumbaEngine:
    """Compiled kernels; the first call compiles and says so, later processes read a cache."""

    name = "numba"

    def __init__(self) -> None:
        check_numba()
        announce_compilation()

    def check_dtype(self, dtype: np.dtype[Float]) -> None:
        """Takes float32."""
        if dtype != np.float32:
            raise ArgumentError("dtype", str(dtype), "float32 with the numba engine")

    def linear(self, x: FloatArray, weight: Matrix) -> FloatArray:
        """Twin of `compute_linear`."""
        _check(weight)
        rows = _get_rows(x)
        out = np.empty((len(rows), weight.shape[0]), np.float32)
        threads = _count_threads(weight.nbytes, out.size * rows.shape[1])
        multiply.get(threads)(_get_operand(weight), rows, out, threads)
        return out.reshape(*x.shape[:-1], weight.shape[0])

    def rms_norm(self, x: FloatArray, gain: FloatArray, eps: float) -> FloatArray:
        """Twin of `compute_rms_norm`."""
        normed: FloatArray = normalize_rows(_get_rows(x), gain, eps)
        return normed.reshape(x.shape)

    def project(
        self, x: FloatArray, layer: DecoderLayer, eps: float
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The norm and, of its rows, three products."""
        weights = layer.q_proj, layer.k_proj, layer.v_proj
        _check(layer.q_proj)
        rows = _get_rows(x)
        outs = tuple(np.empty((len(rows), weight.shape[0]), np.float32) for weight in weights)
        operands = (rows, layer.attention_norm, eps, *map(_get_operand, weights), *outs)
        num_bytes = sum(weight.nbytes for weight in weights)
        threads = _count_threads(num_bytes, sum(out.size for out in outs) * rows.shape[1])
        project.get(threads)(*operands, threads)
        query, key, value = (out.reshape(*x.shape[:-1], -1) for out in outs)
        return query, key, value

    def rotate(self, table: RotaryTable, x: FloatArray, positions: NDArray[np.int64]) -> FloatArray:
        """Twin of `RotaryTable.rotate`."""
        tokens = np.ascontiguousarray(x).reshape(-1, *x.shape[-2:])
        out = np.empty_like(tokens)
        rotate(tokens, positions.reshape(-1), table.cos, table.sin, out)
        return out.reshape(x.shape)

    def store(
        self, cache: KVCache, layer_index: int, start: int, keys: FloatArray, values: FloatArray
    ) -> None:
        """Twin of `KVCache.update`."""
        if cache.storage is not CacheStorage.EXACT:
            arrays = cache.keys, cache.values, cache.key_scales, cache.value_scales
            given = np.ascontiguousarray(keys), np.ascontiguousarray(values)
            if store_tokens(*given, *(array[layer_index] for array in arrays), start):
                return
        cache.update(layer_index, start, keys, values)

    def attend(
        self,
        query: FloatArray,
        cache: KVCache,
        layer_index: int,
        tap_entry: int | None = None,
        sparse: SparseAttention | None = None,
        fused: bool = False,
    ) -> tuple[FloatArray, FloatArray | None]:
        """Twin of `compute_fused_attention`, whatever `fused` says."""
        keys, values = cache.keys[layer_index], cache.values[layer_index]
        rows, key_heads, _, head_dim = keys.shape
        start, sinks = 0, 0
        if sparse is not None:
            start = sparse.get_window_start(cache.num_entries)
            sinks = min(sparse.sink_tokens, cache.num_entries)
        is_tapped = tap_entry is not None and tap_entry >= start
        grouped = np.ascontiguousarray(query).reshape(rows, key_heads, -1, head_dim)
        context = np.empty_like(grouped)
        tapped = np.empty(grouped.shape[:3], np.float32)
        visible = min(cache.num_entries, sinks + cache.num_entries - start)
        num_bytes = 2 * visible * keys.nbytes // keys.shape[2]
        threads = _count_threads(num_bytes, 2 * query.size * visible)
        attend.get(threads)(
            grouped,
            keys,
            values,
            cache.key_scales[layer_index],
            cache.value_scales[layer_index],
            cache.padding_tokens,
            sinks,
            start,
            cache.num_entries,
            tap_entry if is_tapped else NO_TAP,
            context,
            tapped,
        )
        scores = tapped.reshape(query.shape[:2]) if is_tapped else None
        return context.reshape(query.shape), scores

    def activate(self, normed: FloatArray, layer: DecoderLayer) -> Activations:
        """Twin of `compute_activations`."""
        gate_proj, up_proj = layer.gate_proj, layer.up_proj
        _check(gate_proj)
        gate, up, hidden = np.empty((3, len(normed), gate_proj.shape[0]), np.float32)
        operands = (
            _get_operand(gate_proj),
            _get_operand(up_proj),
            np.ascontiguousarray(normed),
            gate,
            up,
            hidden,
        )
        threads = _count_threads(2 * gate_proj.nbytes, 2 * gate.size * normed.shape[1])
        activate.get(threads)(*operands, threads)
        return Activations(gate, up, hidden)

    def swiglu(self, normed: FloatArray, layer: DecoderLayer) -> FloatArray:
        """Twin of `compute_swiglu`."""
        if not len(normed):
            return normed
        weights = layer.gate_proj, layer.up_proj, layer.down_proj
        _check(layer.gate_proj)
        _check(layer.down_proj)
        num_bytes = sum(weight.nbytes for weight in weights)
        size = len(normed) * sum(weight.shape[0] * weight.shape[1] for weight in weights)
        operands = (*map(_get_operand, weights), np.ascontiguousarray(normed))
        threads = _count_threads(num_bytes, size)
        output: FloatArray = compute_mlp.get(threads)(*operands, threads)
        return output

    def draw(
        self, sampling: Sampling, logits: FloatArray, streams: Sequence[np.random.Generator]
    ) -> NDArray[np.int64]:
        """Twin of `Sampling.draw`, row by row."""
        check_logits(logits)
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

    def make_runner(self, loop: TokenLoop) -> TokenRunner | None:
        """The kernel of whole frames, where it knows all that the decoder does."""
        if not can_plan(loop.decoder):
            return None
        layer, rows = loop.decoder.weights.layers[0], loop.decoder.num_rows
        matrices = [getattr(layer, name) for name in PROJECTIONS]
        size = sum(matrix.shape[0] * matrix.shape[1] for matrix in matrices)
        is_large = sum(matrix.nbytes for matrix in matrices) >= TEAM_BYTES
        is_large |= rows * size >= TEAM_MULTIPLICATIONS
        return FrameRunner(loop, int(numba.get_num_threads()) if is_large else 1)


def _count_threads(num_bytes: int, multiplications: int) -> int:
    """Threads that share the work."""
    is_large = num_bytes >= PARALLEL_BYTES or multiplications >= PARALLEL_MULTIPLICATIONS
    return int(numba.get_num_threads()) if is_large else 1


def _get_operand(matrix: Matrix) -> tuple[NDArray[Any], ...]:
    """What kernels read of a matrix; they count on rows that lie one after the other.

    What does not lie so is copied, at every call.
    """
    return tuple(np.ascontiguousarray(array) for array in list_arrays(matrix))


def _get_rows(x: FloatArray) -> FloatArray:
    """[R, in] of [..., in]."""
    return np.ascontiguousarray(x).reshape(-1, x.shape[-1])


def _check(weight: Matrix) -> None:
    """Whether the sums of a matrix fit into their type."""
    if isinstance(weight, Int8Matrix):
        check_int8_width(weight)
