"""The MLP of one token: the same bits whatever was asked before, and nothing computed twice."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import fastcar.reference.engine as engine
from fastcar.reference.arrays import FloatArray
from fastcar.reference.engine import NumpyEngine
from fastcar.reference.mlp_evaluation import MlpEvaluation
from fastcar.reference.rms_norm import compute_rms_norm
from fastcar.reference.swiglu import compute_swiglu
from fastcar.reference.weights import make_random_weights
from fastcar.strategies import make_config

CONFIG = make_config(layers=1)
LAYER = make_random_weights(CONFIG, np.random.default_rng(0), np.float64).layers[0]
ROWS = np.array([True, False, True, False])
ASKED: dict[str, Callable[[MlpEvaluation], object]] = {
    "nothing": lambda mlp: None,
    "normed": lambda mlp: mlp.compute_normed(),
    "activations": lambda mlp: mlp.compute_activations(np.ones(4, bool)),
    "other activations": lambda mlp: mlp.compute_activations(~ROWS),
    "fresh": lambda mlp: mlp.compute_fresh(),
}


def make_evaluation() -> MlpEvaluation:
    residual = np.random.default_rng(0).standard_normal((4, CONFIG.hidden_size))
    return MlpEvaluation(residual, LAYER, CONFIG.rms_norm_eps, NumpyEngine())


def normalise(residual: FloatArray) -> FloatArray:
    return compute_rms_norm(residual, LAYER.mlp_norm, CONFIG.rms_norm_eps)


@pytest.mark.parametrize("asked", ASKED)
def test_outputs_are_the_same_bits_whatever_the_gate_asked(asked: str) -> None:
    mlp = make_evaluation()
    ASKED[asked](mlp)
    expected = compute_swiglu(normalise(mlp.residual), LAYER)[ROWS]
    assert np.array_equal(mlp.compute_outputs(ROWS), expected)


@pytest.mark.parametrize(
    ("asked", "norms"),
    [("nothing", [2]), ("normed", [4]), ("activations", [4]), ("fresh", [4])],
)
def test_the_norm_is_taken_once_and_of_the_chosen_rows_if_nobody_asked(
    asked: str, norms: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    entered: list[int] = []

    def count(x: FloatArray, gain: FloatArray, eps: float) -> FloatArray:
        entered.append(len(x))
        return compute_rms_norm(x, gain, eps)

    monkeypatch.setattr(engine, "compute_rms_norm", count)
    mlp = make_evaluation()
    ASKED[asked](mlp)
    mlp.compute_outputs(ROWS)
    assert entered == norms
