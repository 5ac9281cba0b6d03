"""Corrections of low rank fitted to dense runs: how outputs move with inputs (D-53).

Of every place, layer and row the outputs Y and normalised inputs n of frames one, two and three
apart make pairs (n_t - n_(t-k), Y_t - Y_(t-k)); ridge regression gives the linear answer, reduced-
rank regression its best part of rank r: not the largest singular values of the full matrix, but
the directions in which what it predicts varies most, in the metric of the inputs that were seen.

Pairs are weighted by one over the distance of their inputs, which is what a gate lets replay: those
that move far, which no gate replays, would rule a plain sum of squares. Only sums of products are
kept, in float64, so memory does not grow with the clips.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import BoolArray, FloatArray
from fastcar.reference.config import ModelConfig
from fastcar.reference.correction import Correction
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates.gate import Gate
from fastcar.reference.gates.query import GateQuery
from fastcar.reference.thresholds import Measures

FloatMatrix = NDArray[np.float64]

MAX_FRAMES_APART = 3
"""Longest distance of a pair."""
LEAST_DISTANCE = 0.15
"""Inputs nearer than this share of their norm weigh no more: they err by rounding alone."""
RIDGE = 1e-3
"""Added to the inputs' second moments, in units of their mean."""


class ChangeMoments:
    """Weighted second moments of pairs of changes, [L, D, D] float64 each.

    Attributes:
        inputs: sums of w^2 dn dn^T.
        cross: sums of w^2 dn dY^T.
        num_pairs: that were added, over all layers.
    """

    def __init__(self, layers: int, width: int) -> None:
        self.inputs: FloatMatrix = np.zeros((layers, width, width))
        self.cross: FloatMatrix = np.zeros((layers, width, width))
        self.num_pairs = 0

    def add(
        self, layer_index: int, start: FloatArray, move: FloatArray, answer: FloatArray
    ) -> None:
        """Add pairs of one layer.

        Args:
            layer_index: l.
            start: [R, D], inputs that the changes start from.
            move: [R, D], changes of inputs.
            answer: [R, D], changes of outputs.
        """
        move, answer = move.astype(np.float64), answer.astype(np.float64)
        least = LEAST_DISTANCE * np.linalg.norm(start.astype(np.float64), axis=1)
        distance = np.maximum(np.linalg.norm(move, axis=1), least)
        is_some = distance > 0
        weighted = (move[is_some] / distance[is_some, None] ** 2).T
        self.inputs[layer_index] += weighted @ move[is_some]
        self.cross[layer_index] += weighted @ answer[is_some]
        self.num_pairs += int(is_some.sum())


class ChangeCollector(Gate):
    """Never replays, and adds every pair of a dense run to moments; one collector, many runs.

    Attributes:
        moments: of all runs.
    """

    name = "collector"

    def __init__(self, config: ModelConfig) -> None:
        self.moments = ChangeMoments(config.num_hidden_layers, config.hidden_size)

    def reset(
        self, config: ModelConfig, rows: int, tokens_per_frame: int, dtype: np.dtype[np.floating]
    ) -> None:
        """Forget the frames of the run before, not the moments."""
        places = config.num_hidden_layers, tokens_per_frame, rows, config.hidden_size
        shape = (MAX_FRAMES_APART, *places)
        self._inputs: FloatArray = np.zeros(shape, dtype)
        self._outputs: FloatArray = np.zeros(shape, dtype)

    def measure(self, query: GateQuery) -> Measures:
        """Nothing is measured; the pairs of this token with the frames before it are added."""
        layer, place, frame = query.layer_index, query.location_index, query.frame_index
        normed, output = query.mlp_input, query.fresh_output
        for apart in range(1, min(frame, MAX_FRAMES_APART) + 1):
            kept = (frame - apart) % MAX_FRAMES_APART, layer, place
            start = self._inputs[kept]
            self.moments.add(layer, start, normed - start, output - self._outputs[kept])
        newest = frame % MAX_FRAMES_APART, layer, place
        self._inputs[newest], self._outputs[newest] = normed, output
        return np.full(len(normed), np.nan)

    def decide(self, query: GateQuery, measures: Measures) -> BoolArray:
        """Nobody replays."""
        return np.zeros(len(measures), bool)


def fit_correction(moments: ChangeMoments, rank: int, source: str = "") -> Correction:
    """The correction of rank r with the least weighted squared error on the pairs of every layer.

    Args:
        moments: of pairs; without any, the correction is zero.
        rank: r, in [1, D].
        source: what the pairs are of, for people.

    Returns:
        Factors in float32.

    Raises:
        ArgumentError: a rank outside of its limits.
    """
    check_rank(rank, moments.inputs.shape[1])
    fits = [_fit_layer(*pair, rank) for pair in zip(moments.inputs, moments.cross, strict=True)]
    down, up = (np.stack(factors).astype(np.float32) for factors in zip(*fits, strict=True))
    return Correction(down, up, source)


def check_rank(rank: int, width: int) -> None:
    """Raise ArgumentError for a rank outside of [1, D]."""
    if not 1 <= rank <= width:
        raise ArgumentError("correct", rank, f"a rank from 1 to {width}, the width")


def _fit_layer(
    inputs: FloatMatrix, cross: FloatMatrix, rank: int
) -> tuple[FloatMatrix, FloatMatrix]:
    """down [r, D] and up [D, r] of one layer.

    With M = (inputs + ridge)^-1 cross, dY is about dn M. What it predicts has the second moments
    cross^T M; projected on their first r eigenvectors V, M V V^T is the best of rank r.
    """
    width = len(inputs)
    ridge = RIDGE * np.trace(inputs) / width
    if not ridge > 0:
        return np.zeros((rank, width)), np.zeros((width, rank))
    matrix = np.linalg.solve(inputs + ridge * np.eye(width), cross)
    predicted = cross.T @ matrix
    _, vectors = np.linalg.eigh((predicted + predicted.T) / 2)
    main = vectors[:, ::-1][:, :rank]
    signs = np.where(main[np.abs(main).argmax(axis=0), np.arange(rank)] < 0, -1.0, 1.0)
    main = main * signs  # an eigenvector has no sign of its own
    return (matrix @ main).T, main
