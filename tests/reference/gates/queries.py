"""Questions about single tokens, with random numbers in them."""

from __future__ import annotations

import numpy as np

import fastcar.reference.engine as engine
from fastcar.reference.arrays import FloatArray
from fastcar.reference.gates.query import GateQuery
from fastcar.reference.mlp_evaluation import MlpEvaluation
from fastcar.reference.rms_norm import compute_rms_norm
from fastcar.reference.weights import make_random_weights
from fastcar.strategies import make_config

CONFIG = make_config(layers=1)
LAYER = make_random_weights(CONFIG, np.random.default_rng(0), np.float64).layers[0]
FLOAT64 = np.dtype(np.float64)


def make_query(residual: FloatArray, token_index: int = 2, tokens_per_frame: int = 2) -> GateQuery:
    rows = len(residual)
    cached = np.zeros_like(residual)
    return GateQuery(
        layer_index=0,
        token_index=token_index,
        tokens_per_frame=tokens_per_frame,
        eligible=np.ones(rows, bool),
        score=None,
        cached_output=cached,
        mlp=MlpEvaluation(residual, LAYER, CONFIG.rms_norm_eps, engine.NumpyEngine()),
    )


def draw_residual(seed: int, rows: int = 3) -> FloatArray:
    return np.random.default_rng(seed).standard_normal((rows, CONFIG.hidden_size))


def normalise(residual: FloatArray) -> FloatArray:
    return compute_rms_norm(residual, LAYER.mlp_norm, CONFIG.rms_norm_eps)
