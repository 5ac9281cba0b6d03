"""The gate of a co-simulation, calibrated on recorded clips."""

from __future__ import annotations

from fastcar.reference.calibration import calibrate_per_layer, compute_ceiling
from fastcar.reference.clip_model import ClipModel
from fastcar.reference.clips import calibrate_on_rows
from fastcar.reference.gate_factory import make_threshold_gate
from fastcar.reference.gates.gate import ThresholdGate
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.progress import StageProgress
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.reference.thresholds import FixedThresholds

GATES = {DecisionSource.SCORE: "tas", DecisionSource.DISTANCE: "input"}


def calibrate_gate(
    model: ClipModel,
    source: DecisionSource,
    target_ratio: float,
    num_clips: int,
    sparse: SparseAttention | None = None,
    progress: StageProgress | None = None,
) -> ThresholdGate:
    """A gate that replays the target share of the eligible decisions of every layer.

    The measures are those of a dense float run over the first calibration clips.
    """
    tokens_per_frame, frames = model.tokens_per_frame, model.num_frames
    ratio = target_ratio * compute_ceiling(frames * tokens_per_frame - 1, tokens_per_frame)
    name = GATES[source]
    thresholds = calibrate_on_rows(
        model, name, ratio, num_clips, frames, calibrate_per_layer, sparse, progress
    )
    return make_threshold_gate(name, FixedThresholds(thresholds))
