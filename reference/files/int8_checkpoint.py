"""Sharded int8 checkpoints: laid out like a Hugging Face Llama directory, mapped without a copy.

Every projection (and an untied head) is an I8 tensor `NAME` [out, in] with an F32 tensor
`NAME_scale` [out]; embedding and norms stay F32. `config.json` says so under
`quantization_config`, so that no other loader takes the integers for weights (D-30).
`fastcar.reference.files.dequantized_checkpoint` reads the same files as floats (D-36).
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import Float32Array, FloatArray
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import CheckpointError
from fastcar.reference.files.checkpoint import (
    EMBEDDING,
    HEAD,
    LAYER_TENSORS,
    NORM,
    check_tensors,
    find_tensors,
    get_layer_name,
    get_tensor_shapes,
    load_config,
)
from fastcar.reference.files.quantization_config import QUANTIZATION
from fastcar.reference.files.safetensors_file import TensorPlace
from fastcar.reference.int8_matrix import Int8Matrix

SCALE_SUFFIX = "_scale"
INT8_DTYPES = {"F32": "<f4", "I8": "|i1"}
"""Tensor types of these files and the NumPy type of their bytes."""


@dataclass(frozen=True)
class Int8LayerWeights:
    """One decoder layer; shapes as in `fastcar.reference.weights.LayerWeights`."""

    attention_norm: Float32Array
    q_proj: Int8Matrix
    k_proj: Int8Matrix
    v_proj: Int8Matrix
    o_proj: Int8Matrix
    mlp_norm: Float32Array
    gate_proj: Int8Matrix
    up_proj: Int8Matrix
    down_proj: Int8Matrix


@dataclass(frozen=True)
class Int8ModelWeights:
    """All weights of a decoder; a tied head is the embedding array itself."""

    embedding: Float32Array  # [V, D]
    layers: tuple[Int8LayerWeights, ...]
    norm: Float32Array  # [D]
    head: Int8Matrix | Float32Array  # [V, D]


def load_int8_checkpoint(
    directory: str | os.PathLike[str],
) -> tuple[ModelConfig, Int8ModelWeights]:
    """Map the weights of an int8 checkpoint; nothing is copied, pages are read when touched.

    The arrays belong to a private map: writing to them changes neither file nor other programs.
    Norms and scales are looked at here, integers and embedding are not.

    Raises:
        CheckpointError: anything missing, superfluous, misshapen or of another type.
    """
    root = Path(directory)
    config = load_config(root, QUANTIZATION)
    places = find_tensors(root, INT8_DTYPES)
    check_tensors(get_int8_shapes(config), places, root)
    files = _MappedFiles()
    layers = tuple(
        Int8LayerWeights(
            **{
                field: files.get(places, get_layer_name(layer_index, field))
                for field in LAYER_TENSORS
            }
        )
        for layer_index in range(config.num_hidden_layers)
    )
    embedding = files.get_floats(places[EMBEDDING])
    head = embedding if config.tie_word_embeddings else files.get(places, HEAD)
    return config, Int8ModelWeights(embedding, layers, files.get(places, NORM), head)


def get_int8_shapes(config: ModelConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Every tensor of an int8 checkpoint, lazily as in `fastcar.reference.files.checkpoint`."""
    for name, shape in get_tensor_shapes(config):
        yield name, shape
        if is_quantized(name, shape):
            yield name + SCALE_SUFFIX, shape[:1]


def is_quantized(name: str, shape: tuple[int, ...]) -> bool:
    """Whether a tensor of the float checkpoint is stored as int8: matrices but the embedding."""
    return len(shape) == 2 and name != EMBEDDING


class _MappedFiles:
    """One private map per file, shared by its tensors."""

    def __init__(self) -> None:
        self._maps: dict[Path, mmap.mmap] = {}

    def get(self, places: dict[str, TensorPlace], name: str) -> Any:
        """A matrix of integers with its scales, or a vector of floats whose values are checked."""
        place = places[name]
        if not is_quantized(name, place.shape):
            array = self.get_floats(place)
            _check(array, np.isfinite(array), place, "finite")
            return array
        check_tensor_dtype(place, "I8")
        scale_place = places[name + SCALE_SUFFIX]
        scales = self.get_floats(scale_place)
        check_scales(scales, scale_place)
        return Int8Matrix(self._map(place).reshape(place.shape), scales)

    def get_floats(self, place: TensorPlace) -> Float32Array:
        """A tensor of floats, its values unseen."""
        check_tensor_dtype(place, "F32")
        return self._map(place).reshape(place.shape)

    def _map(self, place: TensorPlace) -> NDArray[Any]:
        if place.path not in self._maps:
            self._maps[place.path] = _map_file(place)
        storage = np.dtype(INT8_DTYPES[place.dtype])
        content = self._maps[place.path]
        if len(content) < place.start_bytes + place.num_bytes:
            limit = f"at least {place.start_bytes + place.num_bytes} bytes"
            raise CheckpointError(str(place), f"{len(content)} bytes", limit)
        count = place.num_bytes // storage.itemsize
        array: NDArray[Any] = np.frombuffer(content, storage, count, place.start_bytes)
        return array if array.flags.aligned else array.copy()


def _map_file(place: TensorPlace) -> mmap.mmap:
    """Private and writable, though nobody writes: Numba compiles anew for a read-only array."""
    try:
        with place.path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    except (OSError, ValueError) as error:
        raise CheckpointError(str(place), error, "a readable file") from error


def check_scales(scales: FloatArray, place: TensorPlace) -> None:
    """Raise CheckpointError for scales [out] that are not all finite and above 0."""
    _check(scales, np.isfinite(scales) & (scales > 0), place, "finite and above 0")


def check_tensor_dtype(place: TensorPlace, dtype: str) -> None:
    """Raise CheckpointError for a tensor of another type, for example "I8"."""
    if place.dtype != dtype:
        raise CheckpointError(f"{place}: dtype", place.dtype, dtype)


def _check(array: FloatArray, is_good: NDArray[np.bool_], place: TensorPlace, limit: str) -> None:
    if not is_good.all():
        index = int(np.argmin(is_good))
        raise CheckpointError(str(place), f"{array[index]} at [{index}]", limit)
