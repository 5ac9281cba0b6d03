"""What the whole decoder on integers loses against float, measured on held-out clips."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from fastcar.reference.clips import quantize_whole_clip_model
from fastcar.reference.decoder import Decoder
from fastcar.reference.gate_factory import make_threshold_gate
from fastcar.reference.gates.gate import Gate
from fastcar.reference.generate import DecodeOptions, generate
from fastcar.reference.integer.whole.decoder import WholeDecoder
from fastcar.reference.integer.whole.model import WholeModel
from fastcar.reference.integer.whole.pick_engine import PickEngine
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.sampling import Sampling
from fastcar.reference.thresholds import FixedThresholds
from fastcar.reference.video.model import VideoModel
from tools.integer.measures import (
    GATE_NAMES,
    IntegerSettings,
    Json,
    compare_forced,
    compare_videos,
    run_forced,
)


def measure_gate(
    model: VideoModel, whole: WholeModel, gate: Gate | None, settings: IntegerSettings
) -> Json:
    """Teacher forcing and generated videos under one gate, whole decoder against float."""
    clips = model.load_clips("held_out").take(settings.clips)
    exact = run_forced(model, clips, settings.frames, gate)
    found = run_forced(model, clips, settings.frames, gate, partial(WholeDecoder, model=whole))
    return {
        "forced": compare_forced(exact, found),
        "free": compare_picked(model, whole, gate, settings),
    }


def compare_picked(
    model: VideoModel, whole: WholeModel, gate: Gate | None, settings: IntegerSettings
) -> Json:
    """Videos drawn by argmax with the same int16 noise from the same prompts."""
    clips = model.load_clips("held_out").take(settings.videos)
    engine = PickEngine(whole.head.scale)
    options = DecodeOptions(ReplayConfig(model.geometry.tokens_per_frame), gate, engine=engine)
    exact, found = (
        generate(
            model.config,
            model.weights,
            model.encode_prompts(clips.prompts),
            options,
            num_frames=settings.frames,
            num_codes=model.codec.num_codes,
            sampling=Sampling(settings.temperature),
            make_decoder=make_decoder,
        ).token_ids
        for make_decoder in (Decoder, partial(WholeDecoder, model=whole))
    )
    return compare_videos(model, exact, found)


def measure_whole(
    model: VideoModel, settings: IntegerSettings, thresholds: Mapping[str, list[float]]
) -> Json:
    """All gates, with the thresholds of the float decoder; none for a dense run."""
    whole = quantize_whole_clip_model(model, settings.calibration_clips, settings.frames)
    measured = {}
    for name in GATE_NAMES:
        fixed = FixedThresholds(thresholds[name])
        gate = None if name == "dense" else make_threshold_gate(name, fixed)
        measured[name] = measure_gate(model, whole, gate, settings)
    return measured
