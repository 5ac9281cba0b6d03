"""Integer models on disk: equal to the last bit, and anything else refused in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError, CheckpointError, OutputError
from fastcar.reference.integer.model import (
    METADATA_KEY,
    PROJECTIONS,
    IntegerModel,
    load_integer_model,
    save_integer_model,
)
from fastcar.reference.rope_scaling import LinearScaling, YarnScaling
from fastcar.strategies import make_config
from fastcar.strategies.models import HEADS
from tests.reference.integer.runs import make_model

Document = dict[str, Any]
Tensors = dict[str, Any]


def are_equal(one: IntegerModel, two: IntegerModel) -> bool:
    """Every constant of both, to the last bit."""
    if one.config != two.config or len(one.layers) != len(two.layers):
        return False
    for layer, other in zip(one.layers, two.layers, strict=True):
        for name in ("epsilon", "gate_shift", "hidden_multiplier", "hidden_shift", "scales"):
            if getattr(layer, name) != getattr(other, name):
                return False
        for projection in PROJECTIONS:
            matrix, copy = getattr(layer, projection), getattr(other, projection)
            for array, second in (
                (matrix.weights, copy.weights),
                (matrix.multipliers, copy.multipliers),
            ):
                if array.dtype != second.dtype or not np.array_equal(array, second):
                    return False
            if matrix.shift != copy.shift:
                return False
        if not np.array_equal(layer.gains, other.gains):
            return False
    return True


@given(st.integers(0, 2**16), st.sampled_from(sorted(HEADS)), st.integers(1, 3))
def test_round_trip_is_exact(
    tmp_path_factory: pytest.TempPathFactory, seed: int, kind: str, layers: int
) -> None:
    model = make_model(seed, make_config(kind, layers))
    path = tmp_path_factory.mktemp("model") / "integer.safetensors"
    save_integer_model(path, model)
    assert are_equal(load_integer_model(path), model)
    first = path.read_bytes()
    save_integer_model(path, load_integer_model(path))
    assert path.read_bytes() == first
    assert [file.name for file in path.parent.iterdir()] == [path.name]


SCALING = YarnScaling(4.0, 16, 1.25)


def test_rotary_scaling_survives_and_its_absence_writes_no_key(tmp_path: Path) -> None:
    path = tmp_path / "integer.safetensors"
    for scaling in (SCALING, LinearScaling(2.0)):
        model = make_model(1, replace(make_config(), rope_scaling=scaling))
        save_integer_model(path, model)
        assert load_integer_model(path).config.rope_scaling == scaling
    save_integer_model(path, make_model(1))
    with safetensors.safe_open(path, "numpy") as file:
        assert "rope_scaling" not in json.loads(file.metadata()[METADATA_KEY])["config"]


def test_comparison_notices_one_changed_weight() -> None:
    model, other = make_model(1), make_model(1)
    assert are_equal(model, other)
    other.layers[1].up_proj.weights[3, 2] ^= 1
    assert not are_equal(model, other)


def write_changed(path: Path, change: Callable[[Document, Tensors], object]) -> None:
    """A file as saved, with one change to its metadata document or its tensors."""
    save_integer_model(path, make_model(1))
    tensors: Tensors = safetensors.numpy.load_file(path)
    with safetensors.safe_open(path, "numpy") as file:
        document = json.loads(file.metadata()[METADATA_KEY])
    change(document, tensors)
    safetensors.numpy.save_file(tensors, path, {METADATA_KEY: json.dumps(document)})


CHANGES: dict[str, tuple[Callable[[Document, Tensors], object], str]] = {
    "no config": (lambda d, t: d.pop("config"), "found layers, version: must be an object of"),
    "version": (lambda d, t: d.update(version=2), ": version: found 2: must be 1"),
    "version true": (lambda d, t: d.update(version=True), ": version: found true: must be 1"),
    "config list": (lambda d, t: d.update(config=[]), ": config: found a list of 0: must be"),
    "text size": (
        lambda d, t: d["config"].update(hidden_size="12"),
        ': config: hidden_size: found "12": must be a whole number',
    ),
    "huge layers": (
        lambda d, t: d["config"].update(num_hidden_layers=10**9),
        ": layers: found a list of 2: must be a list of num_hidden_layers = 1000000000 objects",
    ),
    "odd head": (
        lambda d, t: d["config"].update(head_dim=3),
        ": head_dim: found 3: must be even",
    ),
    "unknown scaling": (
        lambda d, t: d["config"].update(rope_scaling={"rope_type": "su"}),
        r': config: rope_scaling.rope_type: found "su": must be one of',
    ),
    "missing layer": (
        lambda d, t: d["layers"].pop(),
        ": layers: found a list of 1: must be a list of num_hidden_layers = 2 objects",
    ),
    "unknown number": (
        lambda d, t: d["layers"][1].update(extra=1),
        ": layers 1: found down_proj_shift, ",
    ),
    "epsilon": (
        lambda d, t: d["layers"][0].update(epsilon=0),
        ": epsilon: found 0: must be at least 1",
    ),
    "float shift": (
        lambda d, t: d["layers"][0].update(gate_proj_shift=3.0),
        ": layers 0: gate_proj_shift: found 3.0: must be a whole number",
    ),
    "shift": (
        lambda d, t: d["layers"][0].update(down_proj_shift=48),
        r": shift: found 48: must be in \[0, 47\]",
    ),
    "scale": (
        lambda d, t: d["layers"][0]["scales"].update(up=-1.0),
        ": scale of up: found -1.0: must be finite and above 0",
    ),
    "scale true": (
        lambda d, t: d["layers"][0]["scales"].update(up=True),
        ": layers 0: scales: up: found true: must be a number with a point",
    ),
    "no tensor": (
        lambda d, t: t.pop("layers.1.gains"),
        r'tensor "layers.1.gains": found nothing: must be I16 \[12\]',
    ),
    "more tensors": (
        lambda d, t: t.update({"layers.2.gains": np.zeros(12, np.int16)}),
        'tensor "layers.2.gains": found an unknown tensor: must be of the model',
    ),
    "tensor shape": (
        lambda d, t: t.update({"layers.0.gains": np.zeros(13, np.int16)}),
        r'tensor "layers.0.gains": found I16 \[13\]: must be I16 \[12\]',
    ),
    "tensor type": (
        lambda d, t: t.update({"layers.0.gains": np.zeros(12, np.uint16)}),
        r'tensor "layers.0.gains": found U16 \[12\]: must be I16 \[12\]',
    ),
    "float tensor": (
        lambda d, t: t.update({"layers.0.gains": np.zeros(12, np.float32)}),
        'tensor "layers.0.gains": dtype: found "F32": must be one of I8, I16, U16',
    ),
    "weight -128": (
        lambda d, t: t["layers.0.up_proj.weights"].fill(-128),
        r": weights: found -128: must be in \+-127",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changed_file_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    change, message = CHANGES[name]
    path = tmp_path / "integer.safetensors"
    write_changed(path, change)
    with pytest.raises(CheckpointError, match=message) as refusal:
        load_integer_model(path)
    assert str(refusal.value).startswith(str(path))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("num_bytes", [0, 7, 100, -1])
def test_truncated_file_is_refused(tmp_path: Path, num_bytes: int) -> None:
    path = tmp_path / "integer.safetensors"
    save_integer_model(path, make_model(1))
    path.write_bytes(path.read_bytes()[:num_bytes])
    with pytest.raises(CheckpointError):
        load_integer_model(path)


def test_file_without_metadata_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "integer.safetensors"
    safetensors.numpy.save_file({"gains": np.zeros(3, np.int16)}, path)
    message = rf"__metadata__: found \[\]: must be exactly the key {METADATA_KEY}$"
    with pytest.raises(CheckpointError, match=message):
        load_integer_model(path)


def test_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"^output = .*: No such file or directory$"):
        save_integer_model(tmp_path / "missing" / "integer.safetensors", make_model(1))
    target = tmp_path / "taken"
    target.mkdir()
    with pytest.raises(OutputError):
        save_integer_model(target, make_model(1))
    assert [file.name for file in tmp_path.iterdir()] == ["taken"]


def test_model_of_other_sizes_is_refused() -> None:
    model = make_model(1)
    with pytest.raises(ArgumentError, match=r"^layers = 1: must be num_hidden_layers = 2$"):
        IntegerModel(model.config, model.layers[:1])
    wider = ModelConfig(11, 14, 20, 2, 4, 2, 4, 1e-5, 100.0, 64)
    with pytest.raises(ArgumentError, match=r"^sizes of a layer = \(12, 20\): must be \(14, 20\)$"):
        IntegerModel(wider, model.layers)
