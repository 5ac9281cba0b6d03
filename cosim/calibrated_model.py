"""What a co-simulation takes from a video model: clips, integer constants, a calibrated gate."""

from __future__ import annotations

from functools import partial

from fastcar.reference.calibration import calibrate_per_layer, compute_ceiling
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gate_factory import make_calibrated_gate
from fastcar.reference.gates import Gate, ThresholdGate
from fastcar.reference.generate import DecodeOptions, generate
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.integer.model import IntegerModel
from fastcar.reference.integer.quantization import quantize_checkpoint
from fastcar.reference.progress import StageProgress
from fastcar.reference.records import ReplayRecord
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.sampling import Sampling
from fastcar.reference.video.model import Clips, VideoModel

GATES = {DecisionSource.SCORE: "tas", DecisionSource.DISTANCE: "input"}


def take_clips(model: VideoModel, name: str, argument: str, count: int) -> Clips:
    """The first clips of a recording; an error names the argument that asked for too many."""
    clips = model.load_clips(name)
    if count > len(clips.prompts):
        limit = f"at most {len(clips.prompts)}, the recorded {name} clips"
        raise ArgumentError(argument, count, limit)
    return clips.take(count)


def quantize_video_model(model: VideoModel, num_clips: int) -> IntegerModel:
    """Integer constants with scales from the first calibration clips."""
    clips = take_clips(model, "calibration", "calibration_clips", num_clips)
    fed = model.geometry.frames * model.geometry.tokens_per_frame - 1
    prompt_ids = model.encode_prompts(clips.prompts).conditional
    return quantize_checkpoint(model.config, model.weights, prompt_ids, clips.token_ids[:, :fed])


def calibrate_gate(
    model: VideoModel,
    source: DecisionSource,
    target_ratio: float,
    num_clips: int,
    progress: StageProgress | None = None,
) -> Gate:
    """A gate that replays the target share of the eligible decisions of every layer.

    The measures are those of a dense float run over the first calibration clips.
    """
    tokens_per_frame, frames = model.geometry.tokens_per_frame, model.geometry.frames
    clips = take_clips(model, "calibration", "calibration_clips", num_clips)
    ceiling = compute_ceiling(frames * tokens_per_frame - 1, tokens_per_frame)

    def measure(gate: ThresholdGate) -> ReplayRecord:
        return generate(
            model.config,
            model.weights,
            model.encode_prompts(clips.prompts),
            DecodeOptions(ReplayConfig(tokens_per_frame), gate),
            num_frames=frames,
            num_codes=model.codec.num_codes,
            sampling=Sampling(temperature=0),
            given_ids=clips.token_ids[:, : frames * tokens_per_frame],
            progress=None if progress is None else partial(progress, "calibrate"),
        ).record

    gate, _ = make_calibrated_gate(
        GATES[source],
        target_ratio * ceiling,
        ceiling,
        measure,
        model.config.num_hidden_layers,
        calibrate_per_layer,
    )
    return gate
