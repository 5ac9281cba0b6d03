"""What the integer decoder loses against float, measured on held-out clips."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.metrics import cap_psnr, compute_psnr
from fastcar.proofs.integer_mlp_steps import (
    STEP_NAMES,
    FloatMlp,
    Steps,
    compute_bounds,
    compute_errors,
)
from fastcar.reference.arrays import Int16Array, TokenIds
from fastcar.reference.clips import calibrate_on_rows, quantize_clip_model
from fastcar.reference.decoder import Decoder
from fastcar.reference.gate_factory import make_threshold_gate
from fastcar.reference.gates.gate import Gate
from fastcar.reference.generate import DecodeOptions, generate
from fastcar.reference.integer.decoder import IntegerDecoder
from fastcar.reference.integer.engine import IntegerMlpEngine
from fastcar.reference.integer.fixed_point import MAX_ACTIVATION
from fastcar.reference.integer.layer import IntegerActivations
from fastcar.reference.integer.mlp_engine import MlpRequest, MlpResult
from fastcar.reference.integer.model import IntegerModel
from fastcar.reference.likelihood import compute_nats
from fastcar.reference.records import ReplayRecord
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.sampling import Sampling
from fastcar.reference.teacher_forcing import feed_tokens
from fastcar.reference.thresholds import FixedThresholds
from fastcar.reference.video.clips_file import Clips
from fastcar.reference.video.model import VideoModel

GATE_NAMES = ("dense", "tas", "input")
Json = dict[str, Any]


@dataclass(frozen=True)
class IntegerSettings:
    """How much is measured.

    Attributes:
        calibration_clips: for the scales and for the thresholds.
        clips: held-out clips, teacher-forced.
        videos: generated freely from the prompts of the first clips.
        frames: of every clip and video.
        ratio: replayed share of all decisions, for the thresholds.
        temperature: of the free-running videos.
        sampled_every_tokens: steps between two whose errors are compared with their bounds.
    """

    calibration_clips: int = 4
    clips: int = 8
    videos: int = 4
    frames: int = 16
    ratio: float = 0.3
    temperature: float = 0.7
    sampled_every_tokens: int = 61

    def quantize(self, model: VideoModel) -> IntegerModel:
        """Scales from the calibration clips."""
        return quantize_clip_model(model, self.calibration_clips, self.frames)

    def calibrate(self, model: VideoModel, name: str) -> list[float]:
        """Thresholds of a gate from the calibration clips."""
        return calibrate_on_rows(model, name, self.ratio, self.calibration_clips, self.frames)


@dataclass(frozen=True)
class ForcedRun:
    """A teacher-forced run; S tokens per clip, the first predicted from the prompt.

    Attributes:
        best_ids: [S, clips], most likely visual code.
        nats: [S, clips], -log likelihood of the given token.
        record: decisions.
    """

    best_ids: NDArray[np.int64]
    nats: NDArray[np.float64]
    record: ReplayRecord


class SamplingEngine(IntegerMlpEngine):
    """The integer reference that keeps the residual rows of some steps, per layer."""

    def __init__(self, model: IntegerModel, every_tokens: int) -> None:
        super().__init__(model)
        self.every_tokens = every_tokens
        self.kept: list[list[Int16Array]] = [[] for _ in model.layers]

    def run_layer(self, layer_index: int, request: MlpRequest) -> MlpResult:
        """Run the layer; keep its input where the step is sampled."""
        if request.token_index % self.every_tokens == 0:
            self.kept[layer_index].append(request.residual)
        return super().run_layer(layer_index, request)


def run_forced(
    model: VideoModel, clips: Clips, frames: int, gate: Gate | None, make_decoder: Any = Decoder
) -> ForcedRun:
    """Feed true tokens and keep what the decoder would have said."""
    tokens_per_frame = model.geometry.tokens_per_frame
    prompt_ids = model.encode_prompts(clips.prompts).conditional
    total = frames * tokens_per_frame
    token_ids = clips.token_ids[:, :total]
    decoder = make_decoder(
        model.config,
        model.weights,
        rows=len(prompt_ids),
        capacity_tokens=prompt_ids.shape[1] + total,
        replay=ReplayConfig(tokens_per_frame),
        gate=gate,
    )
    record = ReplayRecord(model.config, total - 1, len(prompt_ids), model.weights.dtype)
    best_ids, nats = np.empty((total, len(prompt_ids)), np.int64), np.empty(token_ids.T.shape)
    fed = feed_tokens(decoder, prompt_ids, token_ids[:, :-1], record.observe)
    for token_index, logits in enumerate(fed):
        best_ids[token_index] = logits[:, -1, : model.codec.num_codes].argmax(axis=-1)
        nats[token_index] = compute_nats(logits[:, -1], token_ids[:, token_index])
    return ForcedRun(best_ids, nats, record)


def compare_forced(exact: ForcedRun, found: ForcedRun) -> Json:
    """Tokens, likelihood and decisions of two teacher-forced runs."""
    eligible = exact.record.eligible & found.record.eligible
    same = exact.record.replayed == found.record.replayed
    return {
        "top_1_agreement": float((exact.best_ids == found.best_ids).mean()),
        "nats_float": float(exact.nats.mean()),
        "nats_integer": float(found.nats.mean()),
        "ratio_float": exact.record.replay_ratio,
        "ratio_integer": found.record.replay_ratio,
        "decision_agreement": float(same[eligible].mean()) if eligible.any() else 1.0,
    }


def compare_free(
    model: VideoModel, integer_model: IntegerModel, gate: Gate | None, settings: IntegerSettings
) -> Json:
    """Videos drawn with the same seed from the same prompts."""
    clips = model.load_clips("held_out").take(settings.videos)
    options = DecodeOptions(ReplayConfig(model.geometry.tokens_per_frame), gate)
    results = [
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
        for make_decoder in (Decoder, partial(IntegerDecoder, model=integer_model))
    ]
    return compare_videos(model, *results)


def compare_videos(model: VideoModel, exact: TokenIds, found: TokenIds) -> Json:
    """Tokens [videos, S] of a float decoder against those of an integer one."""
    psnr = cap_psnr(compute_psnr(model.render(found), model.render(exact)))
    return {
        "same_tokens": float((exact == found).mean()),
        "same_videos": float((exact == found).all(axis=1).mean()),
        "psnr_mean_db": float(psnr.mean()),
        "psnr_first_frame_db": float(psnr[:, 0].mean()),
        "psnr_worst_frame_db": float(psnr.min()),
    }


def get_float_mlp(model: VideoModel, layer_index: int) -> FloatMlp:
    """Float constants of one layer in float64."""
    layer = model.weights.layers[layer_index]
    return FloatMlp(
        layer.mlp_norm.astype(np.float64),
        layer.gate_proj.astype(np.float64),
        layer.up_proj.astype(np.float64),
        layer.down_proj.astype(np.float64),
        model.config.rms_norm_eps,
    )


def measure_errors(model: VideoModel, engine: SamplingEngine) -> list[Json]:
    """Errors of every step next to their bounds, on the rows that an engine kept."""
    measured = []
    for layer_index, layer in enumerate(engine.model.layers):
        x = np.concatenate(engine.kept[layer_index])
        mlp, found = get_float_mlp(model, layer_index), layer.run_mlp(x)
        errors, bounds = (
            compute(layer, mlp, x, found) for compute in (compute_errors, compute_bounds)
        )
        steps = {name: _summarize(errors, bounds, name) for name in STEP_NAMES}
        entry = {"layer": layer_index, "rows": len(x), "steps": steps}
        measured.append(entry | {"saturated": _compute_saturation(x, found)})
    return measured


def _summarize(errors: Steps, bounds: Steps, name: str) -> Json:
    error, limit = getattr(errors, name), getattr(bounds, name)
    return {
        "mean_error": float(error.mean()),
        "largest_error": float(error.max()),
        "mean_bound": float(limit.mean()),
        "largest_bound": float(limit.max()),
        "largest_ratio": float((error / limit).max()),
    }


def _compute_saturation(x: Int16Array, found: IntegerActivations) -> float:
    """Share of all int16 numbers that stand at the end of their range."""
    numbers = [x.ravel(), *(getattr(found, name).ravel() for name in STEP_NAMES)]
    return float((np.abs(np.concatenate(numbers).astype(int)) == MAX_ACTIVATION).mean())


def measure_model(model: VideoModel, settings: IntegerSettings) -> Json:
    """All measures."""
    integer_model = settings.quantize(model)
    clips = model.load_clips("held_out").take(settings.clips)
    gates: Json = {}
    errors: list[Json] = []
    for name in GATE_NAMES:
        thresholds = [] if name == "dense" else settings.calibrate(model, name)
        gate = None if name == "dense" else make_threshold_gate(name, FixedThresholds(thresholds))
        engine = SamplingEngine(integer_model, settings.sampled_every_tokens)
        make_decoder = partial(IntegerDecoder, model=integer_model, engine=engine)
        exact = run_forced(model, clips, settings.frames, gate)
        found = run_forced(model, clips, settings.frames, gate, make_decoder)
        if name == "dense":
            errors = measure_errors(model, engine)
        forced = compare_forced(exact, found)
        free = compare_free(model, integer_model, gate, settings)
        gates[name] = {"thresholds": thresholds, "forced": forced, "free": free}
    return {"gates": gates, "errors": errors}
