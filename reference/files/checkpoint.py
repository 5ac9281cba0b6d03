"""Hugging Face Llama directories: `config.json` with one safetensors file or a sharded index.

Every name and shape is compared with the config before a weight is read, so no claim of a file
makes the loader allocate more than the file itself justifies.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from fastcar.reference.arguments import check_argument
from fastcar.reference.arrays import FloatArray
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError, CheckpointError, OutputError
from fastcar.reference.files.config_file import load_config
from fastcar.reference.files.quantization_config import has_int8_weights
from fastcar.reference.files.safetensors_file import (
    TensorPlace,
    get_tensor_label,
    read_tensor,
)
from fastcar.reference.files.tensor_names import EMBEDDING, HEAD, find_tensors
from fastcar.reference.weights import LayerWeights, ModelWeights, get_layer_shapes

__all__ = [
    "EMBEDDING",
    "HEAD",
    "LAYER_TENSORS",
    "NORM",
    "check_tensors",
    "find_tensors",
    "format_config",
    "get_layer_name",
    "get_tensor_shapes",
    "load_checkpoint",
    "load_config",
    "save_checkpoint",
]

NORM = "model.norm.weight"
LAYER_TENSORS = {
    "attention_norm": "input_layernorm",
    "q_proj": "self_attn.q_proj",
    "k_proj": "self_attn.k_proj",
    "v_proj": "self_attn.v_proj",
    "o_proj": "self_attn.o_proj",
    "mlp_norm": "post_attention_layernorm",
    "gate_proj": "mlp.gate_proj",
    "up_proj": "mlp.up_proj",
    "down_proj": "mlp.down_proj",
}


def load_checkpoint(
    directory: str | os.PathLike[str],
    dtype: type[np.floating[Any]] = np.float32,
    *,
    needs_head: bool = True,
) -> tuple[ModelConfig, ModelWeights]:
    """Load a Llama checkpoint directory.

    Weights come from `model.safetensors`, else `model.safetensors.index.json`, else
    `weights.safetensors`. Tensors of F32, F16, BF16 and F64 are read one at a time from a memory
    map: the peak is the converted weights plus one tensor. What `fastcar quantize` wrote is read
    as the floats that its integers stand for (D-36).

    Args:
        directory: holds `config.json` and the weights.
        dtype: np.float32 or np.float64, of every returned array.
        needs_head: False = a head is neither asked for nor read; the embedding stands for it.

    Raises:
        ArgumentError: another dtype.
        CheckpointError: anything missing, superfluous, misshapen, not finite or not supported.
    """
    directory = check_argument("checkpoint", directory, str | os.PathLike[str])
    if dtype not in (np.float32, np.float64):
        raise ArgumentError("dtype", dtype, "np.float32 or np.float64")
    if has_int8_weights(directory):
        # here, because that module is built on this one
        from fastcar.reference.files.dequantized_checkpoint import load_dequantized_checkpoint

        return load_dequantized_checkpoint(directory, dtype)
    config = load_config(directory)
    places = find_tensors(Path(directory), tied_head=config.tie_word_embeddings)
    shapes: Iterable[tuple[str, tuple[int, ...]]] = get_tensor_shapes(config)
    if not needs_head:
        shapes = ((name, shape) for name, shape in shapes if name != HEAD)
        places.pop(HEAD, None)
    elif config.tie_word_embeddings and HEAD in places:
        shapes = chain(shapes, [(HEAD, (config.vocab_size, config.hidden_size))])
    check_tensors(shapes, places, Path(directory))
    embedding = read_tensor(places[EMBEDDING], dtype)
    head = read_tensor(places[HEAD], dtype) if HEAD in places else embedding
    if config.tie_word_embeddings and not np.array_equal(head, embedding):
        limit = f"equal to {EMBEDDING} because tie_word_embeddings is true"
        raise CheckpointError(str(places[HEAD]), "other values", limit)
    if config.tie_word_embeddings:
        head = embedding
    layers = tuple(
        _read_layer(places, layer_index, dtype) for layer_index in range(config.num_hidden_layers)
    )
    norm = read_tensor(places[NORM], dtype)
    return config, ModelWeights(embedding, layers, norm, head)


def save_checkpoint(
    directory: str | os.PathLike[str], config: ModelConfig, weights: ModelWeights
) -> None:
    """Write a Hugging Face Llama directory, whole or not at all.

    The files are written beside `directory` and moved there in one step.

    Args:
        directory: does not exist yet, or is empty.
        config: written as `config.json`.
        weights: written as `model.safetensors`, dtype as they are.

    Raises:
        ArgumentError: an array that `load_checkpoint` would refuse.
        OutputError: the directory is in use or cannot be written.
    """
    target = Path(directory)
    tensors = _get_named_arrays(config, weights)
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise OutputError(target, "exists already and is no empty directory")
        # beside the target: only within one file system is the move a single step
        partial = target.absolute().with_name(f".{target.name}.{secrets.token_hex(8)}.partial")
        partial.mkdir()
        try:
            config_path, model_path = partial / "config.json", partial / "model.safetensors"
            config_path.write_text(format_config(config, str(weights.dtype)), encoding="utf-8")
            safetensors.numpy.save_file(tensors, model_path, {"format": "pt"})
            # the library writes for the owner alone; the umask decides instead
            model_path.chmod(config_path.stat().st_mode)
            partial.replace(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except (OSError, safetensors.SafetensorError) as error:
        raise OutputError(target, str(error).splitlines()[0]) from error


def get_tensor_shapes(config: ModelConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Every tensor of the checkpoint; lazy, because a hostile config may claim 10**9 layers."""
    table = (config.vocab_size, config.hidden_size)
    yield EMBEDDING, table
    yield NORM, (config.hidden_size,)
    if not config.tie_word_embeddings:
        yield HEAD, table
    layer_shapes = get_layer_shapes(config)
    for layer_index in range(config.num_hidden_layers):
        for field, shape in layer_shapes.items():
            yield get_layer_name(layer_index, field), shape


def get_layer_name(layer_index: int, field: str) -> str:
    """Name in the file of a field of `LayerWeights`."""
    return f"model.layers.{layer_index}.{LAYER_TENSORS[field]}.weight"


def _read_layer(
    places: dict[str, TensorPlace], layer_index: int, dtype: type[np.floating[Any]]
) -> LayerWeights:
    return LayerWeights(
        **{
            field: read_tensor(places[get_layer_name(layer_index, field)], dtype)
            for field in LAYER_TENSORS
        }
    )


def check_tensors(
    shapes: Iterable[tuple[str, tuple[int, ...]]], places: dict[str, TensorPlace], directory: Path
) -> None:
    """Names and shapes of the files against the config: none missing, none left, none misshapen.

    Args:
        shapes: what the config asks for; read one by one, up to the first that is missing.
        places: what the files have.
        directory: of the checkpoint.

    Raises:
        CheckpointError: the first that differs.
    """
    known = set()
    for name, shape in shapes:
        if name not in places:
            limit = f"a tensor of shape {list(shape)}, as config.json says"
            raise CheckpointError(get_tensor_label(directory, name), "nothing", limit)
        _check_shape(places[name], shape)
        known.add(name)
    for name in sorted(places.keys() - known):
        limit = "a tensor of the Llama that config.json describes"
        if name.endswith(".bias"):
            limit = "absent: no biases are computed"
        raise CheckpointError(str(places[name]), "an unknown tensor", limit)


def _check_shape(place: TensorPlace, shape: tuple[int, ...]) -> None:
    if place.shape != shape:
        limit = f"{list(shape)}, as config.json says"
        raise CheckpointError(f"{place}: shape", list(place.shape), limit)


def _get_named_arrays(config: ModelConfig, weights: ModelWeights) -> dict[str, FloatArray]:
    if len(weights.layers) != config.num_hidden_layers:
        limit = f"num_hidden_layers = {config.num_hidden_layers}"
        raise ArgumentError("weights.layers", len(weights.layers), limit)
    tensors = {EMBEDDING: weights.embedding, NORM: weights.norm}
    if not config.tie_word_embeddings:
        tensors[HEAD] = weights.head
    elif not np.array_equal(weights.head, weights.embedding):
        raise ArgumentError("weights.head", "other values", "the embedding of a tied head")
    for layer_index, layer in enumerate(weights.layers):
        for field in LAYER_TENSORS:
            tensors[get_layer_name(layer_index, field)] = getattr(layer, field)
    for name, shape in get_tensor_shapes(config):
        array = tensors[name]
        if array.shape != shape:
            raise ArgumentError(name, array.shape, f"of shape {shape}")
        if array.dtype not in (np.float32, np.float64) or not np.isfinite(array).all():
            raise ArgumentError(name, array.dtype, "finite float32 or float64")
    return {name: np.ascontiguousarray(array) for name, array in tensors.items()}


def format_config(
    config: ModelConfig, dtype: str, quantization: Mapping[str, str] | None = None
) -> str:
    """Text of `config.json`; arguments as `load_config` and NumPy name them."""
    document: dict[str, object] = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "torch_dtype": dtype,
        **asdict(config),
    }
    if quantization is not None:
        document["quantization_config"] = dict(quantization)
    return json.dumps(document, indent=2) + "\n"
