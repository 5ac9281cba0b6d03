"""Who replays: decisions of the whole decoder on integers, teacher-forced on held-out clips."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from fastcar.reference.arrays import BoolArray
from fastcar.reference.clips import calibrate_on_rows
from fastcar.reference.gate_factory import make_threshold_gate
from fastcar.reference.integer.whole.decoder import WholeDecoder
from fastcar.reference.integer.whole.model import WholeModel
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.reference.thresholds import FixedThresholds
from fastcar.reference.video.model import VideoModel
from tools.hardware.decoder.settings import DecoderSettings
from tools.integer.measures import run_forced


@dataclass(frozen=True)
class Decisions:
    """What a gate decided; S tokens behind the prompt.

    Attributes:
        decided: [S, layers, B], slots whose score or distance was compared.
        replayed: [S, layers, B].
    """

    decided: BoolArray
    replayed: BoolArray


def calibrate(
    model: VideoModel,
    name: str,
    ratio: float,
    sparse: SparseAttention | None,
    settings: DecoderSettings,
) -> list[float]:
    """Thresholds of a gate, from a dense float run with the same attention."""
    clips, frames = settings.calibration_clips, settings.frames
    return calibrate_on_rows(model, name, ratio, clips, frames, sparse=sparse)


def collect_decisions(
    model: VideoModel,
    whole: WholeModel,
    name: str,
    ratio: float,
    sparse: SparseAttention | None,
    settings: DecoderSettings,
) -> Decisions:
    """Decisions of every token behind the prompt, layer and slot."""
    thresholds = calibrate(model, name, ratio, sparse, settings)
    gate = make_threshold_gate(name, FixedThresholds(thresholds))
    clips = model.load_clips("held_out").take(settings.videos)
    make_decoder = partial(WholeDecoder, model=whole, sparse=sparse, num_lanes=settings.lanes)
    record = run_forced(model, clips, settings.frames, gate, make_decoder).record
    return Decisions(record.eligible, record.replayed)
