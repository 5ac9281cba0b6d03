"""The recorded VILA-U models and the tensors of one folder of a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import FloatArray
from fastcar.reference.files.safetensors_file import TensorPlace, read_header, read_tensor

ROOT = Path(__file__).parent.parent
VECTORS = ROOT / "tests" / "vectors" / "vila_u"
MODELS = ("A1", "A2", "A3")


def load_vectors(model: str, name: str) -> dict[str, NDArray[Any]]:
    """All arrays of a recorded file."""
    with np.load(VECTORS / model / f"{name}.npz") as recorded:
        return dict(recorded)


def read_vision_config(model: str) -> dict[str, Any]:
    """`config.json` of a vision tower."""
    text = (get_folder(model, "vision_tower") / "config.json").read_text()
    config: dict[str, Any] = json.loads(text)
    return config


def get_folder(model: str, part: str) -> Path:
    """A folder of a checkpoint."""
    return VECTORS / model / "checkpoint" / part


@cache
def find_vision_tensors(model: str) -> dict[str, TensorPlace]:
    """Where the tensors of a vision tower lie."""
    return read_header(get_folder(model, "vision_tower") / "model.safetensors")


def make_reader(model: str) -> Callable[[str], FloatArray]:
    """The tensor of a name, as float32."""
    places = find_vision_tensors(model)
    return lambda name: read_tensor(places[name], np.float32)
