"""Measure one contender on one set of clips, at every target ratio."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.metrics import compute_quality
from fastcar.reference.calibration import (
    calibrate_per_layer,
    calibrate_uniform,
    compute_ceiling,
    compute_eligible_ratio,
    get_never,
)
from fastcar.reference.clip_model import TokenRows
from fastcar.reference.clips import decode_rows
from fastcar.reference.correction import count_correction_multiplications
from fastcar.reference.correction_calibration import ChangeCollector, fit_correction
from fastcar.reference.engine_factory import make_engine
from fastcar.reference.gate_factory import (
    THRESHOLD_GATES,
    calibrate_thresholds,
    make_ratio_gate,
    make_threshold_gate,
)
from fastcar.reference.gates.gate import Gate
from fastcar.reference.gates.oracle import ScoredOracleGate
from fastcar.reference.gates.query import GateQuery
from fastcar.reference.generate import DecodeOptions
from fastcar.reference.head_weights import fit_head_weights
from fastcar.reference.multiplications import count_run
from fastcar.reference.records import DecodeResult
from fastcar.reference.replay import ReplayConfig, Semantics
from fastcar.reference.temporal_attention_score import HeadAggregation, HeadWeights
from fastcar.reference.thresholds import AdaptiveThresholds, FixedThresholds, Measures
from tools.replay_value.clip_sets import ClipSet, load_clip_set
from tools.replay_value.contenders import CORRECTED, MEAN, WEIGHTED, ZERO, Contender

Fields = dict[str, Any]

CORRECTIVE_RUNS = 4
TOLERANCE = 0.005
"""Of the ratio on the calibration clips."""


@dataclass(frozen=True)
class Settings:
    """How much is measured.

    Attributes:
        held_out: clips of every source, see `load_clip_set`.
        calibration: likewise, for thresholds.
        fitting: likewise, for corrections and mean outputs.
        targets: replay ratios.
        engine: of `fastcar.reference.engine_factory.ENGINE_NAMES`.
    """

    held_out: int = 2
    calibration: int = 1
    fitting: int = 4
    targets: tuple[float, ...] = (0.2, 0.5, 0.65, 0.8)
    engine: str = "numba"


class OutputCollector(ChangeCollector):
    """Pairs for corrections, and the mean output of every layer, in one dense run.

    Attributes:
        sums: [L, D] float64, summed outputs.
        counts: [L], summed outputs' number.
    """

    def __init__(self, clips: ClipSet) -> None:
        super().__init__(clips.model.config)
        config = clips.model.config
        self.sums = np.zeros((config.num_hidden_layers, config.hidden_size))
        self.counts = np.zeros(config.num_hidden_layers, np.int64)

    def measure(self, query: GateQuery) -> Measures:
        """Add the outputs of all rows, too."""
        self.sums[query.layer_index] += query.fresh_output.astype(np.float64).sum(axis=0)
        self.counts[query.layer_index] += len(query.eligible)
        return super().measure(query)


@lru_cache(maxsize=2)
def load(name: str, settings: Settings) -> ClipSet:
    """A set, once per process."""
    return load_clip_set(name, settings.held_out, settings.calibration, settings.fitting)


@lru_cache(maxsize=2)
def collect(name: str, settings: Settings) -> OutputCollector:
    """Moments and means of the clips to fit to, once per process."""
    clips = load(name, settings)
    collector = OutputCollector(clips)
    replay = ReplayConfig(clips.model.tokens_per_frame)
    decode(clips, clips.fitting, replay, collector, settings.engine)
    return collector


@lru_cache(maxsize=2)
def weigh_heads(name: str, settings: Settings) -> HeadWeights:
    """Weights of the heads' scores, fitted to the calibration clips, once per process."""
    clips = load(name, settings)
    never = FixedThresholds([get_never(False)] * clips.model.config.num_hidden_layers)
    replay = ReplayConfig(clips.model.tokens_per_frame)
    gate = ScoredOracleGate(never)
    return fit_head_weights(decode(clips, clips.calibration, replay, gate, settings.engine).record)


def decode(
    clips: ClipSet, rows: TokenRows, replay: ReplayConfig, gate: Gate | None, engine: str
) -> DecodeResult:
    """A teacher-forced run."""
    options = DecodeOptions(replay, gate, engine=make_engine(engine))
    return decode_rows(clips.model, rows, options, clips.model.num_frames)


def make_replay(name: str, settings: Settings, contender: Contender) -> ReplayConfig:
    """What stands in for replayed outputs, and how heads are aggregated."""
    model = load(name, settings).model
    correction = constant = None
    if contender.replacement == CORRECTED:
        correction = fit_correction(collect(name, settings).moments, contender.rank)
    if contender.replacement == MEAN:
        collected = collect(name, settings)
        constant = collected.sums / collected.counts[:, None]
    if contender.replacement == ZERO:
        constant = np.zeros((model.config.num_hidden_layers, model.config.hidden_size))
    return ReplayConfig(
        model.tokens_per_frame,
        Semantics.PUBLISHED if contender.is_published else Semantics.PAPER,
        aggregation=(
            weigh_heads(name, settings)
            if contender.heads == WEIGHTED
            else HeadAggregation(contender.heads)
        ),
        correction=correction,
        constant=constant,
    )


def measure_dense(name: str, settings: Settings) -> Fields:
    """Quality without any gate, by clip."""
    clips = load(name, settings)
    replay = ReplayConfig(clips.model.tokens_per_frame)
    result = decode(clips, clips.held_out, replay, None, settings.engine)
    return {"sources": list(clips.sources), **describe_quality(result, clips)}


def measure_contender(name: str, settings: Settings, contender: Contender) -> list[Fields]:
    """Ratio, work and quality at every target, thresholds from the calibration clips."""
    clips = load(name, settings)
    replay = make_replay(name, settings, contender)
    make_gate = make_gates(clips, contender, replay, settings.engine)
    rows = []
    for target in settings.targets:
        gate = make_gate(target)
        result = decode(clips, clips.held_out, replay, gate, settings.engine)
        prompt_tokens = clips.held_out.prompts.conditional.shape[1]
        work = count_run(
            clips.model.config,
            result.record,
            gate.compute_cost(clips.model.config),
            prompt_tokens=prompt_tokens,
            correction=count_correction_multiplications(contender.rank, clips.model.config),
        )
        rows.append(
            {
                "target": target,
                "ratio": result.record.replay_ratio,
                "clip_ratios": result.record.replayed.mean(axis=(0, 1)).round(5).tolist(),
                "mlp_share": work.mlp_share,
                "layer_share": work.layer_share,
                **describe_quality(result, clips),
            }
        )
    return rows


def make_gates(
    clips: ClipSet, contender: Contender, replay: ReplayConfig, engine: str
) -> Callable[[float], Gate]:
    """What makes the gate of a target ratio; the dense run of a calibration is shared."""
    model = clips.model
    layers = model.config.num_hidden_layers
    steps = model.num_frames * model.tokens_per_frame - 1
    ceiling = compute_ceiling(steps, model.tokens_per_frame)
    if contender.gate not in THRESHOLD_GATES:
        return lambda target: make_ratio_gate(
            contender.gate, compute_eligible_ratio(target, ceiling), contender.seed
        )
    safer = THRESHOLD_GATES[contender.gate].higher_is_safer
    if contender.is_adaptive:
        return lambda target: make_threshold_gate(
            contender.gate,
            AdaptiveThresholds(layers, compute_eligible_ratio(target, ceiling), safer),
            codebook=model.codebook,
        )
    dense = None

    def calibrate(target: float) -> Gate:
        nonlocal dense
        found = calibrate_thresholds(
            contender.gate,
            target,
            lambda gate: decode(clips, clips.calibration, replay, gate, engine).record,
            layers,
            calibrate_per_layer if contender.is_per_layer else calibrate_uniform,
            corrective_runs=CORRECTIVE_RUNS,
            strict=contender.is_published,
            dense=dense,
            tolerance=TOLERANCE,
            codebook=model.codebook,
        )
        dense = found.dense
        thresholds = FixedThresholds(found.thresholds)
        return make_threshold_gate(
            contender.gate, thresholds, contender.is_published, model.codebook
        )

    return calibrate


def describe_quality(result: DecodeResult, clips: ClipSet) -> Fields:
    """Nats per token and top-1 of every clip, from the third frame on."""
    quality = compute_quality(result.nats, result.top_1, clips.model.tokens_per_frame)

    def to_list(values: NDArray[np.float64]) -> list[float]:
        return [round(float(value), 6) for value in values]

    return {"nats": to_list(quality.nats), "top_1": to_list(quality.top_1)}
