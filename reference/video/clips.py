"""Recorded clips of a video model, fed to its decoders: to calibrate and to measure."""

from __future__ import annotations

from functools import partial

from fastcar.reference.calibration import Calibration, calibrate_uniform
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gate_factory import calibrate_thresholds
from fastcar.reference.gates import ThresholdGate
from fastcar.reference.generate import DecodeOptions, DecodeResult, generate
from fastcar.reference.integer.model import IntegerModel
from fastcar.reference.integer.quantization import quantize_checkpoint
from fastcar.reference.progress import Progress, StageProgress
from fastcar.reference.records import ReplayRecord
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.sampling import Sampling
from fastcar.reference.video.model import Clips, VideoModel


def take_clips(model: VideoModel, name: str, argument: str, count: int) -> Clips:
    """The first clips of a recording; an error names the argument that asked for too many."""
    clips = model.load_clips(name)
    if count > len(clips.prompts):
        limit = f"at most {len(clips.prompts)}, the recorded {name} clips"
        raise ArgumentError(argument, count, limit)
    return clips.take(count)


def decode_clips(
    model: VideoModel,
    clips: Clips,
    options: DecodeOptions,
    num_frames: int,
    given_frames: int | None = None,
    progress: Progress | None = None,
) -> DecodeResult:
    """Decode clips on their true tokens, greedily where these end.

    Args:
        model: of the clips.
        clips: their prompts and true tokens.
        options: replay, gate, attention, guidance.
        num_frames: frames to decode.
        given_frames: true frames that are fed; None = all, a teacher-forced run.
        progress: called after every token.
    """
    frames = num_frames if given_frames is None else given_frames
    return generate(
        model.config,
        model.weights,
        model.encode_prompts(clips.prompts),
        options,
        num_frames=num_frames,
        num_codes=model.codec.num_codes,
        sampling=Sampling(temperature=0),
        given_ids=clips.token_ids[:, : frames * model.geometry.tokens_per_frame],
        progress=progress,
    )


def quantize_video_model(
    model: VideoModel, num_clips: int, num_frames: int | None = None
) -> IntegerModel:
    """Integer constants with scales from the first calibration clips.

    Args:
        model: to be quantised.
        num_clips: clips that are fed.
        num_frames: of each; None = as many as the model was trained for.

    Raises:
        ArgumentError: more clips than were recorded.
    """
    clips = take_clips(model, "calibration", "calibration_clips", num_clips)
    frames = model.geometry.frames if num_frames is None else num_frames
    fed = frames * model.geometry.tokens_per_frame - 1
    prompt_ids = model.encode_prompts(clips.prompts).conditional
    return quantize_checkpoint(model.config, model.weights, prompt_ids, clips.token_ids[:, :fed])


def calibrate_on_clips(
    model: VideoModel,
    name: str,
    ratio: float,
    num_clips: int,
    num_frames: int,
    calibrate: Calibration = calibrate_uniform,
    progress: StageProgress | None = None,
) -> list[float]:
    """Thresholds of a gate from a dense run in float over the first calibration clips, per layer.

    Args:
        model: whose clips are decoded.
        name: of `THRESHOLD_GATES`.
        ratio: replayed share of all fed tokens and layers.
        num_clips: clips that are fed.
        num_frames: of each.
        calibrate: uniform or per layer.
        progress: called after every token with the stage "calibrate".

    Raises:
        ArgumentError: more clips than were recorded, or a ratio outside of [0, 1].
    """
    clips = take_clips(model, "calibration", "calibration_clips", num_clips)
    tell = None if progress is None else partial(progress, "calibrate")

    def decode(gate: ThresholdGate) -> ReplayRecord:
        options = DecodeOptions(ReplayConfig(model.geometry.tokens_per_frame), gate)
        return decode_clips(model, clips, options, num_frames, progress=tell).record

    num_layers = model.config.num_hidden_layers
    return calibrate_thresholds(name, ratio, decode, num_layers, calibrate).thresholds
