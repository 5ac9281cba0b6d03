"""The recorded VILA-U models and the tensors of one folder of a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import BoolArray, FloatArray, TokenIds
from fastcar.reference.files.safetensors_file import TensorPlace, read_header, read_tensor
from fastcar.reference.replay import ReplayConfig, Semantics
from fastcar.reference.trace import make_score_gate
from fastcar.reference.vila_u.checkpoint import load_vila_u
from fastcar.reference.vila_u.model import VilaUModel
from fastcar.reference.vila_u.trace import VilaUOptions

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


@cache
def load_model(model: str, dtype: type[np.floating[Any]] = np.float32) -> VilaUModel:
    """What draws codes."""
    return load_vila_u(VECTORS / model / "checkpoint", dtype)


def load_prompt(model: str) -> tuple[TokenIds, BoolArray]:
    """Ids [R, P] and mask of the two prompts of unlike length that most runs share."""
    recorded = load_vectors(model, "forced")
    return recorded["prompt_ids"].astype(np.int64), recorded["prompt_mask"]


def load_codes(model: str, name: str = "forced") -> TokenIds:
    """[b, T, D]; those of forced.npz are the codes of every file whose name ends with `_forced`."""
    return load_vectors(model, name)["codes"].astype(np.int64)


def make_options(
    model: str,
    thresholds: Sequence[float | None] = (None,),
    semantics: Semantics = Semantics.PUBLISHED,
    **options: Any,
) -> VilaUOptions:
    """Options of a run with fixed thresholds of the score."""
    config = load_model(model).config
    replay = ReplayConfig(config.vision.tokens_per_frame, semantics)
    gate = make_score_gate(thresholds, config.llm.num_hidden_layers, semantics)
    return VilaUOptions(replay, gate, **options)


def get_thresholds(recorded: dict[str, NDArray[Any]]) -> tuple[float | None, ...]:
    """One per layer; NaN in the file is null."""
    return tuple(None if np.isnan(tau) else float(tau) for tau in recorded["thresholds"])
