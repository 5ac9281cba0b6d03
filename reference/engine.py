"""Engines: who does the arithmetic of a decoder. NumPy is the spec; the others are its twins.

The decoder says what is computed of what; an engine computes it. `NumpyEngine` calls the functions
that define each operation. `fastcar.reference.kernels.engine.NumbaEngine` computes the same with
compiled kernels, each within a derived distance of the function here, integers exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import BoolArray, Float, FloatArray
from fastcar.reference.attention import compute_attention
from fastcar.reference.fused_attention import compute_fused_attention
from fastcar.reference.kv_cache import KVCache
from fastcar.reference.linear import compute_linear
from fastcar.reference.matrix import DecoderLayer, Matrix
from fastcar.reference.rms_norm import compute_rms_norm
from fastcar.reference.rotary import RotaryTable
from fastcar.reference.sampling import Sampling
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.reference.swiglu import Activations, compute_activations, compute_swiglu

if TYPE_CHECKING:
    from fastcar.reference.token_loop import TokenLoop, TokenRunner


class Engine(Protocol):
    """Operations of a decoder; the bits of a row depend on no other row of its batch (D-05)."""

    @property
    def name(self) -> str:
        """As the command line calls it."""
        ...

    def check_dtype(self, dtype: np.dtype[Float]) -> None:
        """Raise ArgumentError for an arithmetic that the engine does not have."""
        ...

    def linear(self, x: FloatArray, weight: Matrix) -> FloatArray:
        """x @ weight.T, row by row; x [..., in], weight [out, in], result [..., out]."""
        ...

    def rms_norm(self, x: FloatArray, gain: FloatArray, eps: float) -> FloatArray:
        """x / sqrt(mean(x^2) + eps) * gain along the last axis, [..., D]."""
        ...

    def project(
        self, x: FloatArray, layer: DecoderLayer, eps: float
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Query [..., H * d], key and value [..., H_kv * d] of x [..., D] after the norm."""
        ...

    def rotate(self, table: RotaryTable, x: FloatArray, positions: NDArray[np.int64]) -> FloatArray:
        """x [..., heads, d] turned by its positions [...]."""
        ...

    def store(
        self, cache: KVCache, layer_index: int, start: int, keys: FloatArray, values: FloatArray
    ) -> None:
        """Write keys and values [B, T, H_kv, d] of one layer to the entries from `start` on."""
        ...

    def attend(
        self,
        query: FloatArray,
        cache: KVCache,
        layer_index: int,
        tap_entry: int | None = None,
        sparse: SparseAttention | None = None,
        fused: bool = False,
    ) -> tuple[FloatArray, FloatArray | None]:
        """Attention of the newest token of every row over all entries in use.

        Args:
            query: [B, H, d] after rotary embedding.
            cache: holds the newest token's key and value too.
            layer_index: l.
            tap_entry: entry whose logits are handed out.
            sparse: sinks and window; None = all entries.
            fused: by online softmax; an engine may compute so in any case.

        Returns:
            Context [B, H, d] and tapped logits [B, H]; None without an entry or out of the window.
        """
        ...

    def activate(self, normed: FloatArray, layer: DecoderLayer) -> Activations:
        """Gate, up and hidden activations of normalised rows [R, D]; R is at least 1."""
        ...

    def swiglu(self, normed: FloatArray, layer: DecoderLayer) -> FloatArray:
        """MLP output of normalised rows [R, D]; R may be 0: then no weight is touched."""
        ...

    def draw(
        self, sampling: Sampling, logits: FloatArray, streams: Sequence[np.random.Generator]
    ) -> NDArray[np.int64]:
        """One token id per row of logits [R, K], each row from its own stream."""
        ...

    def make_runner(self, loop: TokenLoop) -> TokenRunner | None:
        """What decodes many tokens in one call; None where only steps do."""
        ...


class NumpyEngine:
    """The spec: every operation is the function that defines it."""

    name = "numpy"

    def check_dtype(self, dtype: np.dtype[Float]) -> None:
        """Takes float32 and float64."""

    def linear(self, x: FloatArray, weight: Matrix) -> FloatArray:
        """`compute_linear`."""
        return compute_linear(x, weight)

    def rms_norm(self, x: FloatArray, gain: FloatArray, eps: float) -> FloatArray:
        """`compute_rms_norm`."""
        return compute_rms_norm(x, gain, eps)

    def project(
        self, x: FloatArray, layer: DecoderLayer, eps: float
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The norm, then one product each."""
        normed = compute_rms_norm(x, layer.attention_norm, eps)
        query = compute_linear(normed, layer.q_proj)
        return query, compute_linear(normed, layer.k_proj), compute_linear(normed, layer.v_proj)

    def rotate(self, table: RotaryTable, x: FloatArray, positions: NDArray[np.int64]) -> FloatArray:
        """`RotaryTable.rotate`."""
        return table.rotate(x, positions)

    def store(
        self, cache: KVCache, layer_index: int, start: int, keys: FloatArray, values: FloatArray
    ) -> None:
        """`KVCache.update`."""
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
        """`compute_attention`, or `compute_fused_attention`, over the visible entries."""
        num_entries = cache.num_entries
        keys = cache.get_keys(layer_index, 0, num_entries)  # [B, H_kv, S, d]
        values = cache.get_values(layer_index, 0, num_entries)
        tap, visible = tap_entry, None
        if sparse is not None:
            if tap is not None:
                tap = sparse.get_gathered_index(tap, num_entries)
            keys, values, visible = sparse.select(keys, values, cache.padding_tokens)
        elif cache.padding_tokens.any():
            visible = _get_unpadded(cache)
        attend = compute_fused_attention if fused else compute_attention
        return attend(query, keys, values, visible, tap)

    def activate(self, normed: FloatArray, layer: DecoderLayer) -> Activations:
        """`compute_activations`."""
        return compute_activations(normed, layer)

    def swiglu(self, normed: FloatArray, layer: DecoderLayer) -> FloatArray:
        """`compute_swiglu`."""
        return compute_swiglu(normed, layer)

    def draw(
        self, sampling: Sampling, logits: FloatArray, streams: Sequence[np.random.Generator]
    ) -> NDArray[np.int64]:
        """`Sampling.draw`, row by row."""
        return np.array([sampling.draw(*pair) for pair in zip(logits, streams, strict=True)])

    def make_runner(self, loop: TokenLoop) -> TokenRunner | None:
        """None: the spec is a step."""
        return None


def _get_unpadded(cache: KVCache) -> BoolArray:
    """[B, S], False for padding."""
    visible: BoolArray = np.arange(cache.num_entries) >= cache.padding_tokens[:, None]
    return visible
