"""Dynamic Resource Scheduling against a static mapping, on decisions of real tokens and on dice."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial

import numpy as np
from numpy.typing import NDArray

from fastcar.cosim.cycles.planner import Planner
from fastcar.proofs.experiments.expected_rounds import (
    ReplayChain,
    compute_dynamic_rounds,
    compute_static_rounds,
)
from fastcar.reference.arrays import BoolArray
from fastcar.reference.gate_factory import make_threshold_gate
from fastcar.reference.integer.decoder import IntegerDecoder
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.integer.model import IntegerModel
from fastcar.reference.scheduler import Dispatch, compute_schedule
from fastcar.reference.thresholds import FixedThresholds
from fastcar.reference.video.model import VideoModel
from tools.hardware.run import HardwareSettings, Json
from tools.integer.measures import run_forced

SOURCES = {"tas": DecisionSource.SCORE, "input": DecisionSource.DISTANCE}
INDEPENDENT = "independent"
MAX_DENOMINATOR = 100
"""Of the measured persistence and ratio, whose expected rounds are exact rationals."""


def draw_independent(
    ratio: float, num_slots: int, settings: HardwareSettings, seed: int = 0
) -> BoolArray:
    """Flags [steps, B] of slots that replay independently with probability `ratio`."""
    rng = np.random.default_rng(seed)
    return rng.random((settings.sampled_steps, num_slots)) >= ratio


def collect_decisions(
    model: VideoModel,
    integer_model: IntegerModel,
    name: str,
    ratio: float,
    settings: HardwareSettings,
) -> BoolArray:
    """Flags [steps, B] of teacher-forced clips, one per slot; steps spread over tokens and layers.

    The first frame, in which nothing may replay, is left out.
    """
    thresholds = dataclasses.replace(settings.calibration, ratio=ratio).calibrate(model, name)
    gate = make_threshold_gate(name, FixedThresholds(thresholds))
    clips = model.load_clips("held_out").take(settings.videos)

    make_decoder = partial(IntegerDecoder, model=integer_model)
    record = run_forced(model, clips, settings.table_frames, gate, make_decoder).record
    computing = ~record.replayed[model.geometry.tokens_per_frame :]
    flags = computing.reshape(-1, computing.shape[-1])
    places = np.linspace(0, len(flags) - 1, min(settings.sampled_steps, len(flags)))
    chosen: BoolArray = flags[places.astype(int)]
    return chosen


def compute_persistence(flags: BoolArray) -> float:
    """Correlation of neighbouring slots over all steps, 0 where none is measured or below 0."""
    before, after = flags[:, :-1].ravel(), flags[:, 1:].ravel()
    if before.std() == 0 or after.std() == 0:
        return 0.0
    return max(0.0, float(np.corrcoef(before, after)[0, 1]))


def compare_mappings(
    planner: Planner, name: str, target: float, flags: BoolArray, cores: Sequence[int]
) -> list[Json]:
    """Static mapping against DRS on the same decisions, one row for each number of cores."""
    common = {
        "decisions": name,
        "slots": flags.shape[1],
        "target_ratio": target,
        "ratio": 1 - float(flags.mean()),
        "persistence": compute_persistence(flags),
    }
    source = SOURCES.get(name, DecisionSource.SCORE)
    return [common | _compare(planner, flags, num_cores, source, common) for num_cores in cores]


def _compare(
    planner: Planner, flags: BoolArray, num_cores: int, source: DecisionSource, common: Json
) -> Json:
    def measure(count: Callable[[BoolArray, Dispatch], int]) -> list[NDArray[np.int64]]:
        order = Dispatch.DYNAMIC, Dispatch.STATIC
        return [np.array([count(one, dispatch) for one in flags]) for dispatch in order]

    dynamic, static = measure(
        lambda one, dispatch: planner.count_mlp_cycles(one, num_cores, dispatch, source)
    )
    dynamic_rounds, static_rounds = measure(
        lambda one, dispatch: compute_schedule(one, num_cores, dispatch).num_rounds
    )
    expect = partial(expect_slowdown, common["slots"], num_cores, common["ratio"])
    return {
        "cores": num_cores,
        "dynamic_cycles": float(dynamic.mean()),
        "static_cycles": float(static.mean()),
        "slowdown": float(static.mean() / dynamic.mean()),
        "worst_slowdown": float((static / dynamic).max()),
        "best_slowdown": float((static / dynamic).min()),
        "round_slowdown": float(static_rounds.sum() / max(1, dynamic_rounds.sum())),
        "expected_independent": expect(0.0),
        "expected_bursts": expect(common["persistence"]),
    }


def expect_slowdown(num_slots: int, num_cores: int, replay: float, persistence: float) -> float:
    """Expected static rounds over expected rounds of DRS (`expected_rounds.py`)."""
    numbers = (Fraction(one).limit_denominator(MAX_DENOMINATOR) for one in (replay, persistence))
    chain = ReplayChain(*numbers)
    dynamic = compute_dynamic_rounds(num_slots, num_cores, chain)
    return float(compute_static_rounds(num_slots, num_cores, chain) / dynamic) if dynamic else 1.0
