"""One run of the decoder as a value: what to run, and the summary that comes back.

Requests are hashable and small, summaries are small, so runs can be shared between questions and
handed to worker processes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from fastcar.metrics import (
    FIRST_SCORED_FRAME,
    Quality,
    Values,
    cap_psnr,
    compute_psnr,
    compute_quality,
    compute_ssim,
)
from fastcar.reference.clip_model import ClipModel
from fastcar.reference.clips import decode_rows
from fastcar.reference.engine_choice import NUMPY
from fastcar.reference.engine_factory import make_engine
from fastcar.reference.gate_factory import THRESHOLD_GATES, make_ratio_gate, make_threshold_gate
from fastcar.reference.gates.gate import Gate
from fastcar.reference.generate import DecodeOptions
from fastcar.reference.records import DecodeResult
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.reference.temporal_attention_score import HeadAggregation, HeadWeights
from fastcar.reference.thresholds import AdaptiveThresholds, FixedThresholds
from fastcar.statistics import compute_frame_ratios

DENSE = "dense"
"""Name of the run without a gate."""


@dataclass(frozen=True)
class Setup:
    """Everything about a run but the threshold or ratio itself.

    Attributes:
        gate: of `GATE_NAMES`, or "dense".
        heads: how head scores become one: "mean", "max", or one head per layer.
        per_layer: thresholds calibrated for each layer on its own.
        window_tokens: local window with four sinks; None = full attention.
        max_chain: limit on consecutive replays.
    """

    gate: str = DENSE
    heads: str | tuple[int, ...] = "mean"
    per_layer: bool = False
    window_tokens: int | None = None
    max_chain: int | None = None

    def make_options(self, model: ClipModel, gate: Gate | None) -> DecodeOptions:
        """Options of the decoder with a gate made for this set-up."""
        replay = ReplayConfig(
            model.tokens_per_frame,
            max_chain=self.max_chain,
            aggregation=make_aggregation(self.heads, model.config.num_attention_heads),
        )
        sparse = None if self.window_tokens is None else SparseAttention(self.window_tokens)
        return DecodeOptions(replay, gate, sparse)


def make_aggregation(heads: str | tuple[int, ...], num_heads: int) -> HeadAggregation | HeadWeights:
    """Aggregation by name, or one head per layer as weights [L, H]."""
    if isinstance(heads, str):
        return HeadAggregation(heads)
    return np.eye(num_heads)[list(heads)]


@dataclass(frozen=True)
class RunSummary:
    """What is kept of a run; T frames, L layers.

    Attributes:
        ratio: replayed share of all fed tokens and layers (D-06).
        layer_ratios: [clips, L] float64.
        frame_ratios: [T] float64.
        quality: per clip, from the third frame on.
        frame_nats: [clips, T] float64, nats per token.
        psnr: [clips, T] float64, decibels against the codec's truth, capped; None without pixels.
        ssim: [clips, T] float64, likewise.
        chain_counts: number of replays by how many frames stale they were, from 1 on.
        num_scores: scores taken, over tokens, layers and clips.
        num_extra_scores: those that cost a product of their own.
        seconds: by part, prefill left out.
    """

    ratio: float
    layer_ratios: Values
    frame_ratios: Values
    quality: Quality
    frame_nats: Values
    psnr: Values | None
    ssim: Values | None
    chain_counts: tuple[int, ...]
    num_scores: int
    num_extra_scores: int
    seconds: dict[str, float]


@dataclass(frozen=True)
class RunRequest:
    """A run on recorded clips.

    Attributes:
        clips: number of clips.
        frames: frames of each.
        setup: gate, attention, limits.
        thresholds: one per layer, for threshold gates.
        ratio: eligible ratio of a control, or the target of an adaptive threshold gate.
        is_adaptive: thresholds adapt online to `ratio`.
        is_free: after two true frames the model's own greedy tokens are fed, not the true ones.
        split: "held_out" or "calibration".
        seed: of the random gate.
        engine: of `ENGINE_NAMES`.
    """

    clips: int
    frames: int
    setup: Setup = field(default_factory=Setup)
    thresholds: tuple[float, ...] = ()
    ratio: float = 0.0
    is_adaptive: bool = False
    is_free: bool = False
    split: str = "held_out"
    seed: int = 0
    engine: str = NUMPY

    def make_gate(self, model: ClipModel) -> Gate | None:
        """A fresh gate for this run."""
        name, num_layers = self.setup.gate, model.config.num_hidden_layers
        if name == DENSE:
            return None
        if name not in THRESHOLD_GATES:
            return make_ratio_gate(name, self.ratio, self.seed)
        if self.is_adaptive:
            safe = THRESHOLD_GATES[name].higher_is_safer
            adaptive = AdaptiveThresholds(num_layers, self.ratio, safe)
            return make_threshold_gate(name, adaptive, codebook=model.codebook)
        fixed = FixedThresholds(self.thresholds)
        return make_threshold_gate(name, fixed, codebook=model.codebook)

    def with_free_tokens(self) -> RunRequest:
        """The same run on the model's own tokens."""
        return replace(self, is_free=True)

    def execute(self, model: ClipModel) -> RunSummary:
        """Run it."""
        gate = self.make_gate(model)
        return summarize(self.decode(model, gate), self.get_truth(model), model)

    def get_truth(self, model: ClipModel) -> NDArray[np.int64]:
        """[clips, frames * N] true tokens."""
        tokens = self.frames * model.tokens_per_frame
        return model.load_rows(self.split).take(self.clips).token_ids[:, :tokens]

    def decode(self, model: ClipModel, gate: Gate | None) -> DecodeResult:
        """Decode with the given gate in place of the request's own."""
        given_frames = FIRST_SCORED_FRAME if self.is_free else self.frames
        rows = model.load_rows(self.split).take(self.clips)
        options = self.setup.make_options(model, gate)
        options = replace(options, engine=make_engine(self.engine))
        return decode_rows(model, rows, options, self.frames, given_frames)


def summarize(result: DecodeResult, truth: NDArray[np.int64], model: ClipModel) -> RunSummary:
    """Reduce a run to what the questions need; truth is [clips, frames * N]."""
    frame_tokens = model.tokens_per_frame
    record = result.record
    clips = len(truth)
    shown, true = model.render(result.token_ids), model.render(truth)
    psnr = ssim = None
    if shown is not None and true is not None:
        psnr, ssim = cap_psnr(compute_psnr(shown, true)), compute_ssim(shown, true)
    return RunSummary(
        record.replay_ratio,
        record.replayed.mean(axis=0).T,
        compute_frame_ratios(record, frame_tokens),
        compute_quality(result.nats, result.top_1, frame_tokens),
        result.nats.reshape(-1, frame_tokens, clips).mean(axis=1).T,
        psnr,
        ssim,
        tuple(int(count) for count in np.bincount(record.chains[record.replayed])[1:]),
        int(np.isfinite(record.scores).sum()),
        record.num_extra_scores * clips,
        result.seconds,
    )
