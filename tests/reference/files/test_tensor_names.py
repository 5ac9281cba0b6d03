"""Which file holds which tensor, and what the tensor is called."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fastcar.reference.errors import CheckpointError
from fastcar.reference.files.tensor_names import EMBEDDING, HEAD, find_tensors
from tests.checkpoint_files import (
    CONFIG,
    StoredTensor,
    make_tensors,
    write_checkpoint,
    write_index,
    write_shards,
)

TENSORS = make_tensors(CONFIG)
BUFFER = StoredTensor("F32", (2,), bytes(8))
BUFFERS = ("inv_freq", "original_inv_freq", "cos_cached", "_sin_cached")


def strip(tensors: dict[str, StoredTensor]) -> dict[str, StoredTensor]:
    """Names as a model without its head is saved."""
    return {name.removeprefix("model."): stored for name, stored in tensors.items()}


@pytest.mark.parametrize("buffer", BUFFERS)
@pytest.mark.parametrize("prefix", ["", "model."])
def test_rotary_buffers_are_no_tensors_of_the_model(
    tmp_path: Path, prefix: str, buffer: str
) -> None:
    names = (f"{prefix}rotary_emb.{buffer}", f"{prefix}layers.0.self_attn.rotary_emb.{buffer}")
    write_checkpoint(tmp_path, CONFIG, {**TENSORS, **dict.fromkeys(names, BUFFER)})
    assert find_tensors(tmp_path).keys() == TENSORS.keys()


@pytest.mark.parametrize("name", ["model.rotary_emb", "model.rotary_emb.x.y", "a.rotary_emb.cos"])
def test_other_names_are_kept_for_the_refusal(tmp_path: Path, name: str) -> None:
    write_checkpoint(tmp_path, CONFIG, {**TENSORS, name: BUFFER})
    assert name in find_tensors(tmp_path)


def test_names_of_a_base_model_get_the_prefix(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "one", CONFIG, strip(TENSORS))
    weight_map = write_shards(tmp_path / "shards", strip(TENSORS))
    assert {"embed_tokens.weight", "norm.weight", HEAD} < weight_map.keys()
    for directory in (tmp_path / "one", tmp_path / "shards"):
        places = find_tensors(directory)
        assert places.keys() == TENSORS.keys()
        assert all(place.name == name for name, place in places.items())
        assert all(places[name].shape == stored.shape for name, stored in TENSORS.items())


@pytest.mark.parametrize(
    "name", ["embed_tokens.weight", "norm.weight", "layers.1.mlp.up_proj.weight"]
)
def test_names_with_and_without_prefix_are_not_mixed(tmp_path: Path, name: str) -> None:
    mixed = {**TENSORS, name: TENSORS[f"model.{name}"]}
    del mixed[f"model.{name}"]
    write_checkpoint(tmp_path, CONFIG, mixed)
    message = (
        rf'/model.safetensors: tensor "{re.escape(name)}": found no prefix: must be '
        rf"model.{re.escape(name)}, as other tensors here have the prefix$"
    )
    with pytest.raises(CheckpointError, match=message):
        find_tensors(tmp_path)


@pytest.mark.parametrize("prefix", ["", "model."])
def test_a_tied_head_stored_alone_is_the_embedding(tmp_path: Path, prefix: str) -> None:
    alone = {prefix + name: stored for name, stored in strip(TENSORS).items()}
    alone[HEAD] = alone.pop(f"{prefix}lm_head.weight")
    del alone[f"{prefix}embed_tokens.weight"]
    write_checkpoint(tmp_path, CONFIG, alone)
    assert HEAD in find_tensors(tmp_path)
    tied = find_tensors(tmp_path, tied_head=True)
    assert HEAD not in tied
    assert tied[EMBEDDING].name == EMBEDDING
    assert tied[EMBEDDING].start_bytes == find_tensors(tmp_path)[HEAD].start_bytes


@pytest.mark.parametrize("prefix", ["", "model."])
def test_a_tied_head_beside_the_embedding_stays_the_head(tmp_path: Path, prefix: str) -> None:
    tensors = TENSORS if prefix else strip(TENSORS)
    write_checkpoint(tmp_path, CONFIG, tensors)
    assert find_tensors(tmp_path, tied_head=True).keys() == TENSORS.keys()


@pytest.mark.parametrize(
    "shard",
    [
        "model part 1.safetensors",
        "Größe 1.safetensors",
        "two..dots.safetensors",
        "part:one.safetensors",
        "line\nbreak.safetensors",
        "a" * 243 + ".safetensors",
    ],
)
def test_any_file_name_of_the_directory_may_be_a_shard(tmp_path: Path, shard: str) -> None:
    weight_map = write_shards(tmp_path, TENSORS)
    old = "model-00001.safetensors"
    (tmp_path / old).rename(tmp_path / shard)
    write_index(tmp_path, {name: shard if at == old else at for name, at in weight_map.items()})
    places = find_tensors(tmp_path)
    assert places.keys() == TENSORS.keys()
    assert {place.path.name for place in places.values()} >= {shard}


def test_a_name_that_breaks_lines_breaks_no_error(tmp_path: Path) -> None:
    shard = "line\nbreak.safetensors"
    weight_map = write_shards(tmp_path, TENSORS)
    old = weight_map.pop(EMBEDDING)
    (tmp_path / old).rename(tmp_path / shard)
    write_index(tmp_path, {name: shard if at == old else at for name, at in weight_map.items()})
    with pytest.raises(CheckpointError) as caught:
        find_tensors(tmp_path)
    assert "\n" not in str(caught.value)
    assert r"line\nbreak.safetensors" in str(caught.value)
