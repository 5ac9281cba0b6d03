"""What the whole decoder on integers loses against float, measured on held-out clips."""

from __future__ import annotations

from functools import partial

from fastcar.metrics import cap_psnr, compute_psnr
from fastcar.reference.decoder import Decoder
from fastcar.reference.gate_factory import make_threshold_gate
from fastcar.reference.gates import Gate
from fastcar.reference.generate import DecodeOptions, generate
from fastcar.reference.integer.whole.decoder import WholeDecoder
from fastcar.reference.integer.whole.model import WholeModel
from fastcar.reference.integer.whole.pick_engine import PickEngine
from fastcar.reference.integer.whole.quantization import quantize_whole_checkpoint
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.sampling import Sampling
from fastcar.reference.thresholds import FixedThresholds
from fastcar.reference.video.model import VideoModel
from tools.integer.measures import GATE_NAMES, IntegerSettings, Json, compare_forced, run_forced


def quantize_whole(model: VideoModel, settings: IntegerSettings) -> WholeModel:
    """Scales from the calibration clips."""
    rows = model.load_rows("calibration").take(settings.calibration_clips)
    fed = settings.frames * model.tokens_per_frame - 1
    return quantize_whole_checkpoint(
        model.config, model.weights, rows.prompts.conditional, rows.token_ids[:, :fed]
    )


def measure_gate(
    model: VideoModel, whole: WholeModel, name: str, settings: IntegerSettings
) -> Json:
    """Teacher forcing and generated videos under one gate, whole decoder against float."""
    thresholds = [] if name == "dense" else settings.calibrate(model, name)
    gate = None if name == "dense" else make_threshold_gate(name, FixedThresholds(thresholds))
    clips = model.load_clips("held_out").take(settings.clips)
    exact = run_forced(model, clips, settings.frames, gate)
    found = run_forced(model, clips, settings.frames, gate, partial(WholeDecoder, model=whole))
    return {
        "thresholds": thresholds,
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
    psnr = cap_psnr(compute_psnr(model.render(found), model.render(exact)))
    return {
        "same_tokens": float((exact == found).mean()),
        "same_videos": float((exact == found).all(axis=1).mean()),
        "psnr_mean_db": float(psnr.mean()),
        "psnr_first_frame_db": float(psnr[:, 0].mean()),
        "psnr_worst_frame_db": float(psnr.min()),
    }


def measure_whole(model: VideoModel, settings: IntegerSettings) -> Json:
    """All gates."""
    whole = quantize_whole(model, settings)
    return {name: measure_gate(model, whole, name, settings) for name in GATE_NAMES}
