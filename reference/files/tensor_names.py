"""Which file of a Hugging Face directory holds which tensor, and what the tensor is called."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from fastcar.reference.errors import CheckpointError
from fastcar.reference.files.json_file import describe, describe_path, read_json_object
from fastcar.reference.files.safetensors_file import (
    STORAGE_DTYPES,
    TensorPlace,
    get_tensor_label,
    read_header,
)

EMBEDDING = "model.embed_tokens.weight"
HEAD = "lm_head.weight"

_PREFIX = "model."
_BASE_PARTS = ("embed_tokens.", "layers.", "norm.")
# old exports store frequencies, cosines and sines, which follow from the config
_IGNORED = re.compile(r"(model\.)?(layers\.[0-9]+\.self_attn\.)?rotary_emb\.\w+", re.ASCII)
_PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json")
"""Reading them runs what they say."""
_DRIVE = re.compile(r"[A-Za-z]:")
_MAX_NAME_BYTES = 255


def find_tensors(
    directory: Path, dtypes: Mapping[str, str] = STORAGE_DTYPES, *, tied_head: bool = False
) -> dict[str, TensorPlace]:
    """Places of all tensors of a Llama but the ignored ones.

    Names of a base model, which is saved without its head, get the prefix `model.`; where the head
    is tied and stored alone, it is the embedding.

    Args:
        directory: of the checkpoint.
        dtypes: tensor types that are accepted.
        tied_head: whether the head is the embedding.

    Raises:
        CheckpointError: no weights, files that are not what they should be, or names of which
            some have the prefix and some have not.
    """
    return _rename_tensors(find_stored_tensors(directory, dtypes), tied_head)


def find_stored_tensors(
    directory: Path, dtypes: Mapping[str, str] = STORAGE_DTYPES
) -> dict[str, TensorPlace]:
    """Places of all tensors but the ignored ones, in the order of preference of Hugging Face.

    Args:
        directory: of the checkpoint.
        dtypes: tensor types that are accepted.

    Raises:
        CheckpointError: no weights, weights as a pickle alone, or files that are not what they
            should be.
    """
    index_path = directory / "model.safetensors.index.json"
    for path in (directory / "model.safetensors", index_path, directory / "weights.safetensors"):
        if os.path.lexists(path):
            is_index = path == index_path
            places = _find_sharded_tensors(path, dtypes) if is_index else read_header(path, dtypes)
            return {name: place for name, place in places.items() if not _IGNORED.fullmatch(name)}
    for name in _PICKLES:
        if os.path.lexists(directory / name):
            limit = "model.safetensors: load it with torch, write it with safetensors.torch"
            raise CheckpointError(describe_path(directory), f"{name} alone", limit)
    limit = "model.safetensors, model.safetensors.index.json or weights.safetensors"
    raise CheckpointError(describe_path(directory), "no weights", limit)


def _rename_tensors(places: dict[str, TensorPlace], tied_head: bool) -> dict[str, TensorPlace]:
    plain = [name for name in places if name.startswith(_BASE_PARTS)]
    if plain and any(name.startswith(_PREFIX) for name in places):
        limit = f"{_PREFIX}{plain[0]}, as other tensors here have the prefix"
        raise CheckpointError(str(places[plain[0]]), "no prefix", limit)
    names = {name: _PREFIX + name for name in plain}
    if tied_head and EMBEDDING not in places and EMBEDDING not in names.values():
        names[HEAD] = EMBEDDING
    return {
        names.get(name, name): replace(place, name=names.get(name, name))
        for name, place in places.items()
    }


def _is_shard_name(name: str) -> bool:
    """A plain file name, so that no index reaches outside its directory.

    Links inside it are allowed, because the Hugging Face cache consists of them.
    """
    return (
        name.endswith(".safetensors")
        and not name.startswith(".")
        and len(name.encode()) <= _MAX_NAME_BYTES
        and not any(separator in name for separator in ("/", "\\", "\0"))
        and not _DRIVE.match(name)
    )


def _describe_shard(name: str) -> str:
    return name if name.isprintable() else ascii(name)


def _read_weight_map(index_path: Path) -> dict[str, str]:
    place = f"{describe_path(index_path)}: weight_map"
    weight_map = read_json_object(index_path).get("weight_map")
    if not isinstance(weight_map, dict):
        raise CheckpointError(place, describe(weight_map), "an object of tensor names to files")
    for name, shard in weight_map.items():
        if not isinstance(shard, str) or not _is_shard_name(shard):
            limit = "a .safetensors file name of this directory, without path or leading dot"
            raise CheckpointError(f"{place}: {describe(name)}", describe(shard), limit)
    return weight_map


def _find_sharded_tensors(index_path: Path, dtypes: Mapping[str, str]) -> dict[str, TensorPlace]:
    """The shards must hold what the index says, each tensor once."""
    weight_map = _read_weight_map(index_path)
    places: dict[str, TensorPlace] = {}
    for shard in sorted(set(weight_map.values())):
        for name, place in read_header(index_path.parent / shard, dtypes).items():
            if weight_map.get(name) != shard and not _IGNORED.fullmatch(name):
                limit = f"in the one shard that the index names, {describe(weight_map.get(name))}"
                raise CheckpointError(str(place), f"it in {_describe_shard(shard)}", limit)
            places[name] = place
    for name, shard in weight_map.items():
        if name not in places:
            label = get_tensor_label(index_path.parent / shard, name)
            raise CheckpointError(label, "nothing", "in this file, as the index says")
    return places
