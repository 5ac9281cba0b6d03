"""Checkpoints from a seed: exact in every stored type, the same everywhere."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from tests.checkpoint_files import decode, get_shapes, read_by_library
from tools.golden_checkpoints import KINDS, make_arrays, make_config, make_token_ids, write_kind


@pytest.mark.parametrize("name", KINDS)
def test_the_library_reads_exactly_the_weights_that_were_made(tmp_path: Path, name: str) -> None:
    kind = KINDS[name]
    wanted = make_arrays(kind, seed=1 + list(KINDS).index(name))
    if not kind.stores_embedding:
        wanted["lm_head.weight"] = wanted.pop("model.embed_tokens.weight")
    if kind.is_base_model:
        wanted = {name.removeprefix("model."): array for name, array in wanted.items()}
    files = list(write_kind(name, tmp_path).glob("*.safetensors"))
    assert len(files) == kind.num_shards
    stored = {
        name: tensor
        for path in files
        for name, tensor in read_by_library(path.read_bytes()).items()
    }
    assert stored.keys() == wanted.keys()
    for tensor_name, tensor in stored.items():
        assert tensor.dtype == kind.dtype
        np.testing.assert_array_equal(decode(tensor), wanted[tensor_name])


@pytest.mark.parametrize("name", KINDS)
def test_shapes_are_those_of_the_config(name: str) -> None:
    config = make_config(KINDS[name])
    config.setdefault("head_dim", config["hidden_size"] // config["num_attention_heads"])
    shapes = {key: array.shape for key, array in make_arrays(KINDS[name], seed=1).items()}
    assert shapes == get_shapes(config)


def test_the_bytes_are_the_same_on_every_machine(tmp_path: Path) -> None:
    content = (write_kind("grouped_query", tmp_path) / "model.safetensors").read_bytes()
    assert hashlib.sha256(content).hexdigest()[:16] == "a847597ce396368f"
    assert json.loads((tmp_path / "config.json").read_text())["rope_parameters"] == {
        "rope_type": "default",
        "rope_theta": 500000.0,
    }


def test_tokens_differ_between_rows_and_lie_in_the_vocabulary() -> None:
    ids = make_token_ids()
    assert ids.min() >= 0
    assert ids.max() < 37
    assert (ids[0] != ids[1]).any()
