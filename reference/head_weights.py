"""Weights of the heads' scores, fitted so that the score tells how far an output moved.

The paper takes the mean over heads and leaves open whether heads differ. Least squares asks the
recorded scores of each layer which weighted sum of heads follows the distance between an MLP output
and the one a frame earlier most closely.
"""

from __future__ import annotations

import numpy as np

from fastcar.reference.calibration import get_never
from fastcar.reference.clip_model import ClipModel
from fastcar.reference.clips import decode_rows
from fastcar.reference.engine import Engine, NumpyEngine
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates.oracle import ScoredOracleGate
from fastcar.reference.generate import DecodeOptions
from fastcar.reference.records import ReplayRecord
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.temporal_attention_score import HeadWeights
from fastcar.reference.thresholds import FixedThresholds


def fit_head_weights(record: ReplayRecord) -> HeadWeights:
    """Weights per layer and head from a dense run under `ScoredOracleGate`.

    Per layer, the weights w and the constant c that minimise the sum of (w . s + c + y)^2, s the
    heads' scores and y the distance of the outputs: a high score means a small distance. The
    constant only moves the threshold and is dropped, so layers with one threshold for all would be
    compared across different zeros: calibrate these scores per layer.

    Args:
        record: scores of heads and output distances, at least one eligible token.

    Returns:
        [L, H] float64.

    Raises:
        ArgumentError: nothing was scored.
    """
    _, layers, _, heads = record.score_heads.shape
    weights = np.zeros((layers, heads))
    for layer_index in range(layers):
        eligible = record.eligible[:, layer_index]
        scores = record.score_heads[:, layer_index][eligible].astype(np.float64)  # [n, H]
        distance = record.measures[:, layer_index][eligible]
        if not len(scores):
            raise ArgumentError("scored tokens", 0, "at least 1: a second frame to fit to")
        centred = scores - scores.mean(axis=0)
        weights[layer_index] = np.linalg.lstsq(centred, distance.mean() - distance)[0]
    return weights


def calibrate_head_weights(
    model: ClipModel, num_clips: int, num_frames: int, engine: Engine | None = None
) -> HeadWeights:
    """Weights [L, H] from the first calibration rows, decoded dense and teacher-forced.

    Args:
        model: whose rows are decoded.
        num_clips: rows that are fed.
        num_frames: of each, at least 2.
        engine: computes; None = NumPy.

    Raises:
        ArgumentError: more rows than there are, or too few frames.
    """
    rows = model.load_rows("calibration").take(num_clips, "calibration_clips")
    never = FixedThresholds([get_never(higher_is_safer=False)] * model.config.num_hidden_layers)
    options = DecodeOptions(
        ReplayConfig(model.tokens_per_frame),
        ScoredOracleGate(never),
        engine=NumpyEngine() if engine is None else engine,
    )
    return fit_head_weights(decode_rows(model, rows, options, num_frames).record)
