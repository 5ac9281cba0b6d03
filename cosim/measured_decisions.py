"""Which slots compute, as measured on rows of a model, in place of draws.

The measures are those of a dense run in float, so a threshold decides on them as it would where
replaying changed nothing (open loop).
"""

from __future__ import annotations

from functools import partial

import numpy as np

from fastcar.cosim.calibrated_model import GATES
from fastcar.reference.arrays import BoolArray
from fastcar.reference.calibration import compute_threshold
from fastcar.reference.clip_model import ClipModel
from fastcar.reference.clips import decode_rows
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gate_factory import THRESHOLD_GATES, make_measuring_gate
from fastcar.reference.generate import DecodeOptions
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.progress import StageProgress
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.thresholds import Measures


def measure_layer_steps(
    model: ClipModel,
    source: DecisionSource,
    num_slots: int,
    progress: StageProgress | None = None,
) -> Measures:
    """What the source measures in every eligible layer step of the first rows, [steps, L, B].

    Raises:
        ArgumentError: more slots than rows, or rows without a token that may replay.
    """
    rows = model.load_rows("held_out").take(num_slots, "batch")
    frames = min(model.num_frames, rows.count_frames(model.tokens_per_frame))
    if frames * model.tokens_per_frame - 1 <= model.tokens_per_frame:  # the last one is not fed
        limit = (
            f"at least {max(2 * model.tokens_per_frame, model.tokens_per_frame + 2)}, two frames"
        )
        raise ArgumentError("tokens of a row", rows.token_ids.shape[1], limit)
    gate = make_measuring_gate(GATES[source], model.config.num_hidden_layers)
    options = DecodeOptions(ReplayConfig(model.tokens_per_frame), gate)
    tell = None if progress is None else partial(progress, "measure")
    record = decode_rows(model, rows, options, frames, progress=tell).record
    return record.measures[model.tokens_per_frame :]


def choose_computing(
    measures: Measures, source: DecisionSource, ratio: float, num_draws: int
) -> BoolArray:
    """Flags [draws, B] of computing slots in layer steps spread evenly, if `ratio` replays.

    Args:
        measures: [steps, L, B].
        source: what was measured; every layer has a threshold of its own.
        ratio: replayed share.
        num_draws: layer steps, fewer where there are fewer.
    """
    safer = THRESHOLD_GATES[GATES[source]].higher_is_safer
    computing: BoolArray = np.empty(measures.shape, bool)
    _, num_layers, num_slots = measures.shape
    for layer_index in range(num_layers):
        layer = measures[:, layer_index]
        threshold = compute_threshold(layer.ravel(), round(ratio * layer.size), safer)
        computing[:, layer_index] = layer < threshold if safer else layer > threshold
    flags = computing.reshape(-1, num_slots)
    places = np.linspace(0, len(flags) - 1, min(num_draws, len(flags))).astype(int)
    chosen: BoolArray = flags[places]
    return chosen
