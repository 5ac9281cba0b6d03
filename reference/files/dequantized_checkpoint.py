"""An int8 checkpoint read as floats: what its integers stand for, for everything that wants floats.

`fastcar.reference.files.int8_checkpoint` maps the same files for arithmetic on integers.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from fastcar.reference.arrays import FloatArray
from fastcar.reference.config import ModelConfig
from fastcar.reference.files.checkpoint import (
    EMBEDDING,
    HEAD,
    LAYER_TENSORS,
    NORM,
    check_tensors,
    find_tensors,
    get_layer_name,
    load_config,
)
from fastcar.reference.files.int8_checkpoint import (
    INT8_DTYPES,
    SCALE_SUFFIX,
    check_scales,
    check_tensor_dtype,
    get_int8_shapes,
    is_quantized,
)
from fastcar.reference.files.quantization_config import QUANTIZATION
from fastcar.reference.files.safetensors_file import (
    TensorPlace,
    check_finite,
    read_integers,
    read_tensor,
)
from fastcar.reference.weights import LayerWeights, ModelWeights


def load_dequantized_checkpoint(
    directory: str | os.PathLike[str], dtype: type[np.floating[Any]]
) -> tuple[ModelConfig, ModelWeights]:
    """Weights of an int8 checkpoint as floats: integer times scale, rounded once (D-36).

    In float64 the products are exact. One tensor is read at a time, as of a float checkpoint.

    Args:
        directory: what `fastcar quantize` wrote.
        dtype: np.float32 or np.float64, of every returned array.

    Raises:
        CheckpointError: anything missing, superfluous, misshapen, of another type or not finite.
    """
    root = Path(directory)
    config = load_config(root, QUANTIZATION)
    places = find_tensors(root, INT8_DTYPES)
    check_tensors(get_int8_shapes(config), places, root)
    embedding = _read(places, EMBEDDING, dtype)
    layers = tuple(
        LayerWeights(
            **{
                field: _read(places, get_layer_name(layer_index, field), dtype)
                for field in LAYER_TENSORS
            }
        )
        for layer_index in range(config.num_hidden_layers)
    )
    head = embedding if config.tie_word_embeddings else _read(places, HEAD, dtype)
    return config, ModelWeights(embedding, layers, _read(places, NORM, dtype), head)


def _read(places: dict[str, TensorPlace], name: str, dtype: type[np.floating[Any]]) -> FloatArray:
    """A matrix of integers times its scales, or a tensor that was stored as floats."""
    place = places[name]
    if not is_quantized(name, place.shape):
        check_tensor_dtype(place, "F32")
        return read_tensor(place, dtype)
    check_tensor_dtype(place, "I8")
    scale_place = places[name + SCALE_SUFFIX]
    check_tensor_dtype(scale_place, "F32")
    scales = read_tensor(scale_place, dtype)
    check_scales(scales, scale_place)
    with np.errstate(over="ignore"):  # refused below, by place
        matrix: FloatArray = read_integers(place) * scales[:, None]
    check_finite(matrix, place)
    return matrix
