"""Rows of tokens fed to the decoders of their model: to calibrate and to measure.

Integer arithmetic computes tables when it is imported; decoding in float does without.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from fastcar.reference.arrays import TokenIds
from fastcar.reference.calibration import Calibration, calibrate_uniform
from fastcar.reference.clip_model import ClipModel, TokenRows
from fastcar.reference.gate_factory import calibrate_thresholds
from fastcar.reference.gates.gate import ThresholdGate
from fastcar.reference.generate import DecodeOptions, generate
from fastcar.reference.progress import Progress, StageProgress
from fastcar.reference.records import DecodeResult, ReplayRecord
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.sampling import Sampling
from fastcar.reference.sparse_attention import SparseAttention

if TYPE_CHECKING:
    from fastcar.reference.integer.model import IntegerModel
    from fastcar.reference.integer.whole.model import WholeModel


def decode_rows(
    model: ClipModel,
    rows: TokenRows,
    options: DecodeOptions,
    num_frames: int,
    given_frames: int | None = None,
    progress: Progress | None = None,
) -> DecodeResult:
    """Decode rows on their true tokens, greedily where these end.

    Args:
        model: of the rows.
        rows: their prompts and true tokens.
        options: replay, gate, attention, guidance.
        num_frames: frames to decode.
        given_frames: true frames that are fed; None = all, a teacher-forced run.
        progress: called after every token.
    """
    frames = num_frames if given_frames is None else given_frames
    return generate(
        model.config,
        model.weights,
        rows.prompts,
        options,
        num_frames=num_frames,
        num_codes=model.num_codes,
        sampling=Sampling(temperature=0),
        given_ids=rows.token_ids[:, : frames * model.tokens_per_frame],
        progress=progress,
    )


def quantize_clip_model(
    model: ClipModel,
    num_clips: int,
    num_frames: int | None = None,
    progress: StageProgress | None = None,
) -> IntegerModel:
    """Integer constants with scales from the first calibration rows.

    Args:
        model: to be quantised.
        num_clips: rows that are fed.
        num_frames: of each; None = as many as the model was trained for.
        progress: called after every token with the stage "quantize".

    Raises:
        ArgumentError: more rows than there are.
    """
    from fastcar.reference.integer.quantization import quantize_checkpoint

    prompt_ids, token_ids = _take_calibration(model, num_clips, num_frames)
    tell = None if progress is None else partial(progress, "quantize")
    return quantize_checkpoint(model.config, model.weights, prompt_ids, token_ids, progress=tell)


def quantize_whole_clip_model(
    model: ClipModel,
    num_clips: int,
    num_frames: int | None = None,
    progress: StageProgress | None = None,
) -> WholeModel:
    """Integer constants of the whole decoder; arguments and errors as above."""
    from fastcar.reference.integer.whole.quantization import quantize_whole_checkpoint

    prompt_ids, token_ids = _take_calibration(model, num_clips, num_frames)
    tell = None if progress is None else partial(progress, "quantize")
    return quantize_whole_checkpoint(
        model.config, model.weights, prompt_ids, token_ids, progress=tell
    )


def _take_calibration(
    model: ClipModel, num_clips: int, num_frames: int | None
) -> tuple[TokenIds, TokenIds]:
    """Prompts [rows, P] and the tokens behind them that are fed, [rows, S]."""
    rows = model.load_rows("calibration").take(num_clips, "calibration_clips")
    frames = model.num_frames if num_frames is None else num_frames
    fed = max(1, frames * model.tokens_per_frame - 1)
    return rows.prompts.conditional, rows.token_ids[:, :fed]


def calibrate_on_rows(
    model: ClipModel,
    name: str,
    ratio: float,
    num_clips: int,
    num_frames: int,
    calibrate: Calibration = calibrate_uniform,
    sparse: SparseAttention | None = None,
    progress: StageProgress | None = None,
) -> list[float]:
    """Thresholds of a gate from a dense run in float over the first calibration rows, per layer.

    Args:
        model: whose rows are decoded.
        name: of `THRESHOLD_GATES`.
        ratio: replayed share of all fed tokens and layers.
        num_clips: rows that are fed.
        num_frames: of each.
        calibrate: uniform or per layer.
        sparse: what attention sees; None = everything.
        progress: called after every token with the stage "calibrate".

    Raises:
        ArgumentError: more rows than there are, or a ratio outside of [0, 1].
    """
    rows = model.load_rows("calibration").take(num_clips, "calibration_clips")
    tell = None if progress is None else partial(progress, "calibrate")

    def decode(gate: ThresholdGate) -> ReplayRecord:
        options = DecodeOptions(ReplayConfig(model.tokens_per_frame), gate, sparse)
        return decode_rows(model, rows, options, num_frames, progress=tell).record

    num_layers = model.config.num_hidden_layers
    found = calibrate_thresholds(
        name, ratio, decode, num_layers, calibrate, codebook=model.codebook
    )
    return found.thresholds
