"""Which compiled kernels a decode calls, by names, without importing Numba.

A name says what decides the machine code: the operation, the kind of its weights or of the cache,
and which of its twins runs, the one for one thread or the one for several. It follows
`fastcar.reference.kernels.engine`; what it misses is compiled when it is called.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from numpy.typing import NDArray

from fastcar.reference.bfloat16_matrix import BFloat16Matrix
from fastcar.reference.config import ModelConfig
from fastcar.reference.engine_choice import Decode
from fastcar.reference.int8_matrix import Int8Matrix
from fastcar.reference.kv_cache import CacheStorage
from fastcar.reference.matrix import DecoderWeights, Matrix

SHARED_BYTES, SHARED_MULTIPLICATIONS = 1 << 20, 1 << 21
"""Work from which on several threads share it; the engine's own bounds, which a test compares."""

EXACT_BYTES, ROUNDED_BYTES = 4, 2
"""Of an element of keys and values."""


def list_kernels(
    config: ModelConfig,
    weights: DecoderWeights,
    decodes: Iterable[Decode],
    storage: CacheStorage = CacheStorage.EXACT,
    draws: bool = True,
    is_certified: bool = False,
) -> frozenset[str]:
    """Names of all kernels that decodes call.

    Args:
        config: sizes.
        weights: float32, or compressed.
        decodes: rows, prompts and steps.
        storage: of keys and values.
        draws: tokens are drawn; False = all are given.
        is_certified: a gate looks at the activations of the MLP.
    """
    names = {"rms_norm", "rotate", f"store {storage.value}"}
    if draws:
        names.add("draw")
    for decode in decodes:
        rows = decode.rows * max(1, decode.prompt_tokens)
        for operation, matrices in _list_products(weights, is_certified):
            kinds = " ".join(_describe(matrix) for matrix in matrices)
            num_bytes = sum(matrix.nbytes for matrix in matrices)
            size = sum(matrix.shape[0] * matrix.shape[1] for matrix in matrices)
            for count in (1, rows):
                names.add(f"{operation} {kinds} {_name_twin(num_bytes, count * size)}")
        names |= _list_attention(config, decode, storage)
    return frozenset(names)


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
    arrays: tuple[NDArray[Any], ...]
    if isinstance(matrix, Int8Matrix):
        arrays = matrix.values, matrix.scales
    else:
        arrays = (matrix.bits if isinstance(matrix, BFloat16Matrix) else matrix,)
    return ",".join(
        f"{array.dtype}{'C' if array.flags.c_contiguous else 'A'}"
        f"{'' if array.flags.writeable else 'r'}{'' if array.flags.aligned else 'u'}"
        for array in arrays
    )
