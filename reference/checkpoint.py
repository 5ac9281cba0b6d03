"""Hugging Face Llama directories: `config.json` with one safetensors file or a sharded index.

Every name and shape is compared with the config before a weight is read, so no claim of a file
makes the loader allocate more than the file itself justifies.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from reference.config import ModelConfig
from reference.config_file import load_config
from reference.errors import ArgumentError, CheckpointError, OutputError
from reference.json_file import describe, describe_path, read_json_object
from reference.safetensors_file import TensorPlace, get_tensor_label, read_header, read_tensor
from reference.weights import FloatArray, LayerWeights, ModelWeights, get_layer_shapes

__all__ = ["load_checkpoint", "load_config", "save_checkpoint"]

_EMBEDDING = "model.embed_tokens.weight"
_NORM = "model.norm.weight"
_HEAD = "lm_head.weight"
_LAYER_TENSORS = {
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
# old exports store the rotary frequencies, which follow from the config
_IGNORED = re.compile(r"model\.(layers\.[0-9]+\.self_attn\.)?rotary_emb\.inv_freq")
# a plain file name, so that no index reaches outside its directory; links inside it are allowed
# because the Hugging Face cache consists of them
_SHARD_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}\.safetensors")


def load_checkpoint(
    directory: str | os.PathLike[str], dtype: type[np.floating[Any]] = np.float32
) -> tuple[ModelConfig, ModelWeights]:
    """Load a Llama checkpoint directory.

    Weights come from `model.safetensors`, else `model.safetensors.index.json`, else
    `weights.safetensors`. Tensors of F32, F16, BF16 and F64 are read one at a time from a memory
    map: the peak is the converted weights plus one tensor.

    Args:
        directory: holds `config.json` and the weights.
        dtype: np.float32 or np.float64, of every returned array.

    Raises:
        ArgumentError: another dtype.
        CheckpointError: anything missing, superfluous, misshapen, not finite or not supported.
    """
    if dtype not in (np.float32, np.float64):
        raise ArgumentError("dtype", dtype, "np.float32 or np.float64")
    config = load_config(directory)
    places = _find_tensors(Path(directory))
    _check_tensors(config, places, Path(directory))
    embedding = read_tensor(places[_EMBEDDING], dtype)
    head = read_tensor(places[_HEAD], dtype) if _HEAD in places else embedding
    if config.tie_word_embeddings and not np.array_equal(head, embedding):
        limit = f"equal to {_EMBEDDING} because tie_word_embeddings is true"
        raise CheckpointError(str(places[_HEAD]), "other values", limit)
    layers = tuple(
        _read_layer(places, layer_index, dtype) for layer_index in range(config.num_hidden_layers)
    )
    norm = read_tensor(places[_NORM], dtype)
    tied = config.tie_word_embeddings
    return config, ModelWeights(embedding, layers, norm, embedding if tied else head)


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
            config_path.write_text(_format_config(config, weights), encoding="utf-8")
            safetensors.numpy.save_file(tensors, model_path, {"format": "pt"})
            # the library writes for the owner alone; the umask decides instead
            model_path.chmod(config_path.stat().st_mode)
            partial.replace(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except (OSError, safetensors.SafetensorError) as error:
        raise OutputError(target, str(error).splitlines()[0]) from error


def _get_tensor_shapes(config: ModelConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Every tensor of the checkpoint; lazy, because a hostile config may claim 10**9 layers."""
    table = (config.vocab_size, config.hidden_size)
    yield _EMBEDDING, table
    yield _NORM, (config.hidden_size,)
    if not config.tie_word_embeddings:
        yield _HEAD, table
    layer_shapes = get_layer_shapes(config)
    for layer_index in range(config.num_hidden_layers):
        for field, shape in layer_shapes.items():
            yield _get_layer_name(layer_index, field), shape


def _get_layer_name(layer_index: int, field: str) -> str:
    return f"model.layers.{layer_index}.{_LAYER_TENSORS[field]}.weight"


def _read_layer(
    places: dict[str, TensorPlace], layer_index: int, dtype: type[np.floating[Any]]
) -> LayerWeights:
    return LayerWeights(
        **{
            field: read_tensor(places[_get_layer_name(layer_index, field)], dtype)
            for field in _LAYER_TENSORS
        }
    )


def _find_tensors(directory: Path) -> dict[str, TensorPlace]:
    """Places of all tensors but the ignored ones, in the order of preference of Hugging Face."""
    index_path = directory / "model.safetensors.index.json"
    for path in (directory / "model.safetensors", index_path, directory / "weights.safetensors"):
        if os.path.lexists(path):
            places = _find_sharded_tensors(path) if path == index_path else read_header(path)
            return {name: place for name, place in places.items() if not _IGNORED.fullmatch(name)}
    limit = "model.safetensors, model.safetensors.index.json or weights.safetensors"
    raise CheckpointError(describe_path(directory), "no weights", limit)


def _read_weight_map(index_path: Path) -> dict[str, str]:
    place = f"{describe_path(index_path)}: weight_map"
    weight_map = read_json_object(index_path).get("weight_map")
    if not isinstance(weight_map, dict):
        raise CheckpointError(place, describe(weight_map), "an object of tensor names to files")
    for name, shard in weight_map.items():
        if not isinstance(shard, str) or not _SHARD_NAME.fullmatch(shard):
            limit = "a .safetensors file name of this directory, without a path"
            raise CheckpointError(f"{place}: {describe(name)}", describe(shard), limit)
    return weight_map


def _find_sharded_tensors(index_path: Path) -> dict[str, TensorPlace]:
    """The shards must hold what the index says, each tensor once."""
    weight_map = _read_weight_map(index_path)
    places: dict[str, TensorPlace] = {}
    for shard in sorted(set(weight_map.values())):
        for name, place in read_header(index_path.parent / shard).items():
            if weight_map.get(name) != shard and not _IGNORED.fullmatch(name):
                limit = f"in the one shard that the index names, {describe(weight_map.get(name))}"
                raise CheckpointError(str(place), f"it in {shard}", limit)
            places[name] = place
    for name, shard in weight_map.items():
        if name not in places:
            label = get_tensor_label(index_path.parent / shard, name)
            raise CheckpointError(label, "nothing", "in this file, as the index says")
    return places


def _check_tensors(config: ModelConfig, places: dict[str, TensorPlace], directory: Path) -> None:
    """Names and shapes of the files against the config: none missing, none left, none misshapen."""
    known = set()
    for name, shape in _get_tensor_shapes(config):
        if name not in places:
            limit = f"a tensor of shape {list(shape)}, as config.json says"
            raise CheckpointError(get_tensor_label(directory, name), "nothing", limit)
        _check_shape(places[name], shape)
        known.add(name)
    if config.tie_word_embeddings and _HEAD in places:
        _check_shape(places[_HEAD], (config.vocab_size, config.hidden_size))
        known.add(_HEAD)
    for name in sorted(places.keys() - known):
        limit = "a tensor of the Llama that config.json describes"
        raise CheckpointError(str(places[name]), "an unknown tensor", limit)


def _check_shape(place: TensorPlace, shape: tuple[int, ...]) -> None:
    if place.shape != shape:
        limit = f"{list(shape)}, as config.json says"
        raise CheckpointError(f"{place}: shape", list(place.shape), limit)


def _get_named_arrays(config: ModelConfig, weights: ModelWeights) -> dict[str, FloatArray]:
    if len(weights.layers) != config.num_hidden_layers:
        limit = f"num_hidden_layers = {config.num_hidden_layers}"
        raise ArgumentError("weights.layers", len(weights.layers), limit)
    tensors = {_EMBEDDING: weights.embedding, _NORM: weights.norm}
    if not config.tie_word_embeddings:
        tensors[_HEAD] = weights.head
    elif not np.array_equal(weights.head, weights.embedding):
        raise ArgumentError("weights.head", "other values", "the embedding of a tied head")
    for layer_index, layer in enumerate(weights.layers):
        for field in _LAYER_TENSORS:
            tensors[_get_layer_name(layer_index, field)] = getattr(layer, field)
    for name, shape in _get_tensor_shapes(config):
        array = tensors[name]
        if array.shape != shape:
            raise ArgumentError(name, array.shape, f"of shape {shape}")
        if array.dtype not in (np.float32, np.float64) or not np.isfinite(array).all():
            raise ArgumentError(name, array.dtype, "finite float32 or float64")
    return {name: np.ascontiguousarray(array) for name, array in tensors.items()}


def _format_config(config: ModelConfig, weights: ModelWeights) -> str:
    document = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "torch_dtype": str(weights.dtype),
        **asdict(config),
    }
    return json.dumps(document, indent=2) + "\n"
