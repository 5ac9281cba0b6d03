"""Correction of replayed MLP outputs: a linear answer of low rank to how far the input has moved.

A replayed row uses Y = Y_computed + A (n - n_computed) instead of Y_computed alone, n the
normalised MLP input; "computed" is the last token in that place whose MLP was computed, so chains
of replays do not pile corrections up (D-53). A = up @ down, one pair of factors per layer.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from fastcar.reference.arrays import FloatArray
from fastcar.reference.config import ModelConfig
from fastcar.reference.engine import Engine
from fastcar.reference.errors import ArgumentError, CheckpointError
from fastcar.reference.files.safetensors_file import (
    get_tensor_label,
    read_described_header,
    read_tensor,
)

DOWN, UP = "down", "up"
"""Tensors of the file."""
SOURCE = "source"
"""Key of its metadata."""


@dataclass(frozen=True)
class Correction:
    """Low-rank factors of every layer; L layers, r the rank, D model width.

    Attributes:
        down: [L, r, D] float32 or float64, r in [1, D].
        up: [L, D, r] of the same type.
        source: what it was fitted to, for people.

    Raises:
        ArgumentError: other types or shapes, or a number that is not finite.
    """

    down: FloatArray
    up: FloatArray
    source: str = ""

    def __post_init__(self) -> None:
        for name in (DOWN, UP):
            _check_factor(f"correction {name}", getattr(self, name))
        layers, rank, width = self.down.shape
        if rank > width:
            raise ArgumentError("correction rank", rank, f"at most {width}, the width")
        if self.up.shape != (layers, width, rank):
            limit = f"{(layers, width, rank)}, as down is {self.down.shape}"
            raise ArgumentError("correction up shape", self.up.shape, limit)
        if self.up.dtype != self.down.dtype:
            raise ArgumentError("correction up dtype", str(self.up.dtype), str(self.down.dtype))

    @property
    def rank(self) -> int:
        """r."""
        return int(self.down.shape[1])

    def check_model(self, config: ModelConfig) -> None:
        """Raise ArgumentError for a model of other sizes."""
        layers, _, width = self.down.shape
        wanted = config.num_hidden_layers, config.hidden_size
        if (layers, width) != wanted:
            limit = f"{wanted}, those of the model"
            raise ArgumentError("correction layers, width", (layers, width), limit)

    def convert(self, dtype: np.dtype[Any]) -> Correction:
        """The same in another type, rounded to nearest where it is narrower.

        Raises:
            ArgumentError: a number beyond the range of the type.
        """
        with np.errstate(over="ignore"):
            down, up = (np.array(part, dtype, order="C") for part in (self.down, self.up))
        return Correction(down, up, self.source)

    def compute(self, layer_index: int, change: FloatArray, engine: Engine) -> FloatArray:
        """A (n - n_computed) of rows.

        Args:
            layer_index: l.
            change: [R, D], how far each input has moved; R is at least 1.
            engine: computes.

        Returns:
            [R, D].
        """
        narrow = engine.linear(change, self.down[layer_index])  # [R, r]
        return engine.linear(narrow, self.up[layer_index])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a safetensors file that `load_correction` reads.

        Raises:
            OSError: it cannot be written.
        """
        tensors = {DOWN: np.ascontiguousarray(self.down), UP: np.ascontiguousarray(self.up)}
        Path(path).write_bytes(safetensors.numpy.save(tensors, {SOURCE: self.source}))


def _check_factor(name: str, factor: object) -> None:
    if not isinstance(factor, np.ndarray) or factor.dtype not in (np.float32, np.float64):
        found = factor.dtype if isinstance(factor, np.ndarray) else type(factor).__name__
        raise ArgumentError(name, str(found), "an array of float32 or float64")
    if factor.ndim != 3 or 0 in factor.shape:
        raise ArgumentError(f"{name} shape", factor.shape, "three sizes, each at least 1")
    finite = np.isfinite(factor)
    if not finite.all():
        index = tuple(int(place) for place in np.argwhere(~finite)[0])
        limit = f"finite in {factor.dtype}, at {list(index)}"
        raise ArgumentError(name, float(factor[index]), limit)


def load_correction(path: str | os.PathLike[str]) -> Correction:
    """Read the file of `Correction.save`; other float types are taken too, as float32.

    Args:
        path: safetensors file of `down` [L, r, D] and `up` [L, D, r] alone.

    Raises:
        CheckpointError: no such file, another tensor, shape or type, or a number that is not
            finite in float32.
    """
    places, metadata = read_described_header(Path(path))
    for name in sorted(places.keys() - {DOWN, UP}):
        raise CheckpointError(str(places[name]), "an unknown tensor", f"'{DOWN}' or '{UP}'")
    for name, shape in ((DOWN, "[L, r, D]"), (UP, "[L, D, r]")):
        if name not in places:
            raise CheckpointError(
                get_tensor_label(Path(path), name), "nothing", f"a tensor {shape}"
            )
        if len(places[name].shape) != 3:
            found = list(places[name].shape)
            raise CheckpointError(f"{places[name]}: shape", found, shape)
    layers, rank, width = places[DOWN].shape
    if rank > width:
        raise CheckpointError(f"{places[DOWN]}: shape", [layers, rank, width], "of a rank r <= D")
    if places[UP].shape != (layers, width, rank):
        found, wanted = list(places[UP].shape), [layers, width, rank]
        raise CheckpointError(f"{places[UP]}: shape", found, f"{wanted}, as '{DOWN}' says")
    down, up = (read_tensor(places[name], np.float32) for name in (DOWN, UP))
    return Correction(down, up, metadata.get(SOURCE, ""))


def count_correction_multiplications(rank: int, config: ModelConfig) -> int:
    """Multiplications of one replayed row in one layer: 2 D r, beside the 3 D F of an MLP.

    >>> from fastcar.reference.video.model import SHIPPED_MODEL, load_video_model
    >>> config = load_video_model(SHIPPED_MODEL).config
    >>> mlp = 3 * config.hidden_size * config.intermediate_size
    >>> round(count_correction_multiplications(8, config) / mlp, 3)
    0.015
    """
    return 2 * config.hidden_size * rank
