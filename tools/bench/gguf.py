"""A float32 Llama written as GGUF with F16 matrices, the file that llama.cpp reads.

Format: github.com/ggml-org/ggml/blob/master/docs/gguf.md, version 3. Names, and the order of the
rotary pairs in the rows of the query and key projections, as in llama.cpp's own converter.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from fastcar.reference.arrays import FloatArray
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError
from fastcar.reference.weights import ModelWeights

ALIGNMENT_BYTES = 32
_VERSION = 3
_UINT32, _FLOAT32, _STRING = 4, 6, 8
_TENSOR_TYPES = {np.dtype(np.float32): 0, np.dtype(np.float16): 1}
_MOSTLY_F16 = 1
_LAYER_NAMES = {
    "attention_norm": "attn_norm",
    "q_proj": "attn_q",
    "k_proj": "attn_k",
    "v_proj": "attn_v",
    "o_proj": "attn_output",
    "mlp_norm": "ffn_norm",
    "gate_proj": "ffn_gate",
    "up_proj": "ffn_up",
    "down_proj": "ffn_down",
}


def write_gguf(path: Path, config: ModelConfig, weights: ModelWeights) -> None:
    """Write the model; norms stay float32.

    Args:
        path: of the new file.
        config: sizes.
        weights: float32.

    Raises:
        ArgumentError: rotary scaling, which this writer has no keys for.
    """
    if config.rope_scaling is not None:
        raise ArgumentError("rope_scaling", config.rope_scaling.rope_type, "None for GGUF")
    tensors = list(_get_tensors(config, weights))
    metadata = _get_metadata(config)
    with path.open("wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", _VERSION, len(tensors), len(metadata)))
        for key, value in metadata.items():
            file.write(_pack_string(key) + _pack_value(value))
        offset = 0
        for name, array in tensors:
            file.write(_pack_string(name) + struct.pack("<I", array.ndim))
            file.write(struct.pack(f"<{array.ndim}Q", *reversed(array.shape)))
            file.write(struct.pack("<IQ", _TENSOR_TYPES[_get_stored_type(array)], offset))
            num_bytes = array.size * _get_stored_type(array).itemsize
            offset += num_bytes + -num_bytes % ALIGNMENT_BYTES
        _pad(file)
        for _, array in tensors:
            file.write(np.ascontiguousarray(array, _get_stored_type(array)).data)
            _pad(file)


def _get_metadata(config: ModelConfig) -> dict[str, int | float | str]:
    return {
        "general.architecture": "llama",
        "general.file_type": _MOSTLY_F16,
        "llama.vocab_size": config.vocab_size,
        "llama.context_length": config.max_position_embeddings,
        "llama.embedding_length": config.hidden_size,
        "llama.block_count": config.num_hidden_layers,
        "llama.feed_forward_length": config.intermediate_size,
        "llama.attention.head_count": config.num_attention_heads,
        "llama.attention.head_count_kv": config.num_key_value_heads,
        "llama.attention.layer_norm_rms_epsilon": config.rms_norm_eps,
        "llama.rope.dimension_count": config.head_dim,
        "llama.rope.freq_base": config.rope_theta,
        "tokenizer.ggml.model": "no_vocab",
    }


def _get_tensors(config: ModelConfig, weights: ModelWeights) -> Iterator[tuple[str, FloatArray]]:
    yield "token_embd.weight", weights.embedding
    yield "output_norm.weight", weights.norm
    yield "output.weight", weights.head
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    for index, layer in enumerate(weights.layers):
        for field, name in _LAYER_NAMES.items():
            array = getattr(layer, field)
            if field in heads:
                array = interleave_rotary_pairs(array, heads[field])
            yield f"blk.{index}.{name}.weight", array


def interleave_rotary_pairs(matrix: FloatArray, heads: int) -> FloatArray:
    """Rows [heads * d, in] with the partners of a rotation side by side, not d / 2 apart."""
    rows, width = matrix.shape
    halves = matrix.reshape(heads, 2, rows // heads // 2, width)
    return halves.swapaxes(1, 2).reshape(rows, width)


def _get_stored_type(array: FloatArray) -> np.dtype[np.floating]:
    return np.dtype(np.float32 if array.ndim == 1 else np.float16)


def _pack_string(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def _pack_value(value: int | float | str) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", _STRING) + _pack_string(value)
    if isinstance(value, int):
        return struct.pack("<II", _UINT32, value)
    return struct.pack("<If", _FLOAT32, value)


def _pad(file: IO[bytes]) -> None:
    file.write(bytes(-file.tell() % ALIGNMENT_BYTES))
