"""Which compiled kernels a decode calls, by names, without importing Numba.

A name says what decides the machine code: the operation, the kind of its weights or of the cache,
and which of its twins runs, the one for one thread or the one for several. It follows
`fastcar.reference.kernels.engine`; what it misses is compiled when it is called.

A generation feeds its prompt operation by operation and then decodes whole frames, a kernel of its
own. Steps take one operation after the other: of a trace, of a gate that the frame kernel does not
know, of weights that it does not take.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from fastcar.reference.config import ModelConfig
from fastcar.reference.engine_choice import Decode
from fastcar.reference.kv_cache import CacheStorage
from fastcar.reference.matrix import DecoderLayer, DecoderWeights, Matrix, list_arrays

SHARED_BYTES, SHARED_MULTIPLICATIONS = 1 << 20, 1 << 21
"""Work from which on several threads share it; the engine's own bounds, which a test compares."""

FRAME_GATES = ("tas", "input", "oracle", "random", "periodic")
"""Gates that the kernel of whole frames decides as they do; a test compares."""

EXACT_BYTES, ROUNDED_BYTES = 4, 2
"""Of an element of keys and values."""


def list_kernels(
    config: ModelConfig,
    weights: DecoderWeights,
    decodes: Iterable[Decode],
    storage: CacheStorage = CacheStorage.EXACT,
    draws: bool = True,
    is_certified: bool = False,
    gate: str | None = None,
    is_fitted: bool = False,
    is_corrected: bool = False,
) -> frozenset[str]:
    """Names of all kernels that decodes call.

    Args:
        config: sizes.
        weights: float32, or compressed.
        decodes: rows, prompts and steps.
        storage: of keys and values.
        draws: tokens are drawn, by a generation; False = all are given, to a trace.
        is_certified: a gate, which the frame kernel does not know, looks at activations of MLPs.
        gate: name of the gate; None = dense, or one that the frame kernel knows.
        is_fitted: a correction is fitted first, to clips that are decoded step by step.
        is_corrected: replayed outputs are; where that is done step by step, by two more products.
    """
    by_frames = draws and takes_frames(weights)
    is_unknown = gate not in (None, *FRAME_GATES) or (is_corrected and gate == "oracle")
    draws_by_steps = not by_frames or is_certified or is_unknown
    by_steps = draws_by_steps or is_fitted
    names = {"rms_norm", "rotate", f"store {storage.value}"}
    if by_frames:
        names.add(_name_frame(weights, storage))
    if draws_by_steps and draws:
        names.add("draw")
    if draws_by_steps and is_corrected:
        names.add("linear float32C one")
    for decode in decodes:
        rows = decode.rows * max(1, decode.prompt_tokens)
        for operation, matrices in _list_products(weights, is_certified):
            kinds = " ".join(_describe(matrix) for matrix in matrices)
            num_bytes = sum(matrix.nbytes for matrix in matrices)
            size = sum(matrix.shape[0] * matrix.shape[1] for matrix in matrices)
            for count in (1, rows) if by_steps else (rows,):
                names.add(f"{operation} {kinds} {_name_twin(num_bytes, count * size)}")
        if by_steps:
            names |= _list_attention(config, decode, storage)
    return frozenset(names)


def takes_frames(weights: DecoderWeights) -> bool:
    """Whether the kernel of whole frames takes such weights.

    It finds those of all layers by their addresses, so they are of one kind, each C-contiguous.
    """
    matrices = [matrix for layer in weights.layers for matrix in _list_matrices(layer)]
    kinds = {tuple(array.dtype for array in list_arrays(matrix)) for matrix in matrices}
    norms = [norm for layer in weights.layers for norm in (layer.attention_norm, layer.mlp_norm)]
    others: list[Matrix] = [weights.embedding, weights.head, weights.norm, *norms]
    arrays = [array for matrix in matrices + others for array in list_arrays(matrix)]
    return (
        len(kinds) == 1
        and all(norm.dtype == np.float32 for norm in norms)
        and all(array.flags.c_contiguous and array.dtype.isnative for array in arrays)
    )


def _list_matrices(layer: DecoderLayer) -> list[Matrix]:
    attention: list[Matrix] = [layer.q_proj, layer.k_proj, layer.v_proj, layer.o_proj]
    return [*attention, layer.gate_proj, layer.up_proj, layer.down_proj]


def _name_frame(weights: DecoderWeights, storage: CacheStorage) -> str:
    """The kernel knows the arrays of layers by the types of their numbers alone."""
    kind = ",".join(str(array.dtype) for array in list_arrays(weights.layers[0].q_proj))
    others = " ".join(map(_describe, (weights.embedding, weights.norm, weights.head)))
    return f"frame {kind} {others} {storage.value}"


def _list_products(
    weights: DecoderWeights, is_certified: bool
) -> list[tuple[str, tuple[Matrix, ...]]]:
    """Operation and matrices of every product."""
    products: list[tuple[str, tuple[Matrix, ...]]] = [("linear", (weights.head,))]
    for layer in weights.layers:
        products += [
            ("project", (layer.q_proj, layer.k_proj, layer.v_proj)),
            ("linear", (layer.o_proj,)),
            ("mlp", (layer.gate_proj, layer.up_proj, layer.down_proj)),
        ]
        if is_certified:
            products += [
                ("activate", (layer.gate_proj, layer.up_proj)),
                ("linear", (layer.down_proj,)),
            ]
    return products


def _list_attention(config: ModelConfig, decode: Decode, storage: CacheStorage) -> set[str]:
    """Twins of attention, from one visible token to all."""
    item_bytes = EXACT_BYTES if storage is CacheStorage.EXACT else ROUNDED_BYTES
    key_bytes = 2 * decode.rows * config.num_key_value_heads * config.head_dim * item_bytes
    query_size = 2 * decode.rows * config.num_attention_heads * config.head_dim
    most = decode.prompt_tokens + decode.steps
    return {
        f"attend {storage.value} {_name_twin(count * key_bytes, count * query_size)}"
        for count in (1, most)
    }


def _name_twin(num_bytes: int, multiplications: int) -> str:
    is_shared = num_bytes >= SHARED_BYTES or multiplications >= SHARED_MULTIPLICATIONS
    return "several" if is_shared else "one"


def _describe(matrix: Matrix) -> str:
    """What Numba's type of a matrix depends on."""
    return ",".join(
        f"{array.dtype}{'C' if array.flags.c_contiguous else 'A'}"
        f"{'' if array.flags.writeable else 'r'}{'' if array.flags.aligned else 'u'}"
        for array in list_arrays(matrix)
    )
