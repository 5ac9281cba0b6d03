"""Random checkpoints: the published names and shapes, storages, shards."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fastcar.reference.errors import ArgumentError
from fastcar.reference.files.checkpoint import load_checkpoint
from fastcar.reference.files.int8_checkpoint import load_int8_checkpoint
from fastcar.reference.files.safetensors_file import (
    INTEGER_DTYPES,
    STORAGE_DTYPES,
    TensorPlace,
    read_header,
    read_tensor,
)
from tests.vila_u_files import get_folder, read_vision_config
from tools.paths import ROOT
from tools.vila_u.sizes import TINY, make_projector_config, make_top_config, make_vision_config
from tools.vila_u.write_random_checkpoint import (
    check_gigabytes,
    make_body_config,
    write_random_checkpoint,
)

RECORDED = replace(
    TINY,
    intermediate_size=172,
    num_layers=3,
    num_heads=4,
    vocab_size=364,
    num_frames=4,
    decoder_factors=(1, 2, 1),
    z_channels=16,
)
"""Sizes of the recorded model A1."""
FOLDERS = ("llm", "mm_projector", "vision_tower")
NOT_WRITTEN = ("rqvaesiglip.siglip_model.", "rqvaesiglip.logit_", "_ema")


def read_folder(folder: Path) -> dict[str, TensorPlace]:
    """Where all tensors of a folder lie."""
    places: dict[str, TensorPlace] = {}
    for path in sorted(folder.glob("*.safetensors")):
        places |= read_header(path, STORAGE_DTYPES | INTEGER_DTYPES)
    return places


@pytest.mark.parametrize("folder", FOLDERS)
def test_names_and_shapes_are_the_published_ones(folder: str, tmp_path: Path) -> None:
    write_random_checkpoint(tmp_path, RECORDED, "float32", 10**9)
    found = {name: place.shape for name, place in read_folder(tmp_path / folder).items()}
    published = {
        name: place.shape
        for name, place in read_folder(get_folder("A1", folder)).items()
        if not any(part in name for part in NOT_WRITTEN)
    }
    assert found == published


def test_configs_say_what_the_published_ones_say() -> None:
    ignored = {"architectures", "torch_dtype", "attn_implementation", "pretrained_model"}
    ignored |= {
        "_name_or_path",
        "decay",
        "latent_loss_weight",
        "restart_unused_codes",
        "transformers_version",
    }

    def check(ours: object, published: object) -> None:
        if not isinstance(published, dict) or not isinstance(ours, dict):
            assert ours == published
            return
        for key in published.keys() - ignored:
            check(ours[key], published[key])

    check(make_vision_config(RECORDED), read_vision_config("A1"))
    projector = json.loads((get_folder("A1", "mm_projector") / "config.json").read_text())
    for key in ("mm_projector_type", "model_type"):
        assert make_projector_config(RECORDED)[key] == projector[key]
    top = json.loads((get_folder("A1", "") / "config.json").read_text())
    body = make_body_config(RECORDED, "float32")
    ours = make_top_config(RECORDED, body)
    assert ours.keys() - {"architectures"} <= top.keys()
    for key in ("model_type", "hidden_size", "mm_hidden_size", "num_video_frames"):
        assert ours[key] == top[key]
    for key in ("hidden_size", "intermediate_size", "num_hidden_layers", "vocab_size"):
        assert body[key] == top["llm_cfg"][key]


@pytest.mark.parametrize("storage", ["float32", "bfloat16"])
def test_a_float_body_is_read_and_sharded(storage: str, tmp_path: Path) -> None:
    write_random_checkpoint(tmp_path, TINY, storage, 60_000)
    shards = sorted((tmp_path / "llm").glob("*.safetensors"))
    assert len(shards) > 1
    index = json.loads((tmp_path / "llm" / "model.safetensors.index.json").read_text())
    assert set(index["weight_map"].values()) == {path.name for path in shards}
    for path in shards:
        places = read_header(path)
        assert sum(place.num_bytes for place in places.values()) <= 60_000
        assert {place.dtype for place in places.values()} == {
            {"float32": "F32", "bfloat16": "BF16"}[storage]
        }
    config, weights = load_checkpoint(tmp_path / "llm")
    assert config == TINY.body
    spread = float(np.std(weights.layers[1].down_proj)) * TINY.intermediate_size**0.5
    assert spread == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("shard_bytes", [10**9, 5000, 1])
def test_an_int8_body_is_that_of_quantize(shard_bytes: int, tmp_path: Path) -> None:
    write_random_checkpoint(tmp_path, TINY, "int8", shard_bytes)
    config, weights = load_int8_checkpoint(tmp_path / "llm")
    assert config == TINY.body
    matrix = weights.layers[0].up_proj
    spread = float(np.std(matrix.values * matrix.scales[:, None])) * TINY.hidden_size**0.5
    assert spread == pytest.approx(1, abs=0.05)
    assert {place.dtype for place in read_folder(tmp_path / "vision_tower").values()} == {"F32"}


def test_a_tensor_longer_than_a_block_has_other_values_in_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.vila_u.random_weights.BLOCK_VALUES", 100)
    write_random_checkpoint(tmp_path, TINY, "float32", 10**9)
    place = read_folder(tmp_path / "mm_projector")["layers.2.weight"]
    values = read_tensor(place, np.float32).ravel()
    assert len(np.unique(values)) > 0.99 * len(values)


def test_the_same_seed_gives_the_same_files(tmp_path: Path) -> None:
    contents = []
    for number, seed in enumerate((0, 0, 1)):
        out = tmp_path / str(number)
        out.mkdir()
        write_random_checkpoint(out, TINY, "bfloat16", 10**9, seed)
        contents.append((out / "mm_projector" / "model.safetensors").read_bytes())
    assert contents[0] == contents[1] != contents[2]


@pytest.mark.parametrize("gigabytes", [0.0, -1.0, float("nan"), float("inf")])
def test_shards_of_no_size_are_refused(gigabytes: float) -> None:
    with pytest.raises(ArgumentError, match=r"^shard_gigabytes = .*: must be above 0"):
        check_gigabytes(gigabytes)


def test_the_command_writes_a_directory_and_refuses_one_that_is_there(tmp_path: Path) -> None:
    out = tmp_path / "model"
    command = [sys.executable, "-m", "tools.vila_u.write_random_checkpoint", str(out)]
    subprocess.run(command, check=True, cwd=ROOT)
    assert {path.name for path in out.iterdir() if path.is_dir()} == set(FOLDERS)
    (out / "mine.txt").write_text("mine")
    refused = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
