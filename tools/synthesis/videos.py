"""Cycles of the shipped model's videos on every preset: DRS, static mapping, and without replay.

The decoder runs as in `make hardware` (integers, decided by SCORE, loop closed), without the
accelerator: what it decides is what the RTL decides, and the cycle model counts what the RTL takes,
so the cycles of the preset that `make hardware` measured must come out the same.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from fastcar.cosim.cycles.planner import Planner
from fastcar.reference.arrays import BoolArray
from fastcar.reference.gate_factory import make_threshold_gate
from fastcar.reference.generate import DecodeOptions, generate
from fastcar.reference.integer.decoder import IntegerDecoder
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.integer.model import IntegerModel
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.sampling import Sampling
from fastcar.reference.scheduler import Dispatch
from fastcar.reference.thresholds import FixedThresholds
from fastcar.reference.video.model import SHIPPED_MODEL, load_video_model
from fastcar.rtl.config import AcceleratorConfig
from tools.hardware.run import HardwareSettings, show
from tools.hardware.tally import LATENCY_CYCLES

Json = dict[str, Any]

MAPPINGS = {"drs": Dispatch.DYNAMIC, "static": Dispatch.STATIC}


def collect_computing(settings: HardwareSettings) -> tuple[BoolArray, IntegerModel]:
    """Which slots compute, [tokens, layers, B], in the run that `make hardware` measures."""
    model = load_video_model(SHIPPED_MODEL)
    integer_model = settings.calibration.quantize(model)
    calibration = dataclasses.replace(settings.calibration, ratio=settings.ratio)
    gate = make_threshold_gate("tas", FixedThresholds(calibration.calibrate(model, "tas")))
    show("videos of the shipped model: decoding")
    result = generate(
        model.config,
        model.weights,
        model.encode_prompts(model.load_clips("held_out").take(settings.videos).prompts),
        DecodeOptions(ReplayConfig(model.geometry.tokens_per_frame), gate),
        num_frames=settings.frames,
        num_codes=model.codec.num_codes,
        sampling=Sampling(settings.temperature),
        make_decoder=partial(IntegerDecoder, model=integer_model),
    )
    return ~result.record.replayed, integer_model


def count_video_cycles(
    base: AcceleratorConfig, sizes: Sequence[tuple[int, int]], settings: HardwareSettings
) -> Json:
    """Cycles of all layer steps for each pair (C, L) and mapping, and the products they contain."""
    computing, model = collect_computing(settings)
    tokens_per_frame = computing.shape[0] // settings.frames + 1
    decided = computing[tokens_per_frame:].reshape(-1, computing.shape[-1])
    num_undecided = computing[:tokens_per_frame].shape[0] * computing.shape[1]
    rows = []
    for num_cores, num_lanes in sizes:
        show(f"videos of the shipped model: cycles of C = {num_cores}, L = {num_lanes}")
        config = dataclasses.replace(base, num_cores=num_cores, num_lanes=num_lanes)
        rows.append(_count(config, model, decided, num_undecided))
    return {
        "videos": settings.videos,
        "frames": settings.frames,
        "steps": num_undecided + len(decided),
        "replayed": 1 - float(computing.mean()),
        "macs": _count_macs(base, computing, len(decided)),
        "presets": rows,
    }


def _count(
    config: AcceleratorConfig, model: IntegerModel, decided: BoolArray, num_undecided: int
) -> Json:
    """Cycles of one preset; the steps of the first frame have nothing to decide."""
    planner = Planner(config, model.layers)
    num_slots = decided.shape[1]
    dense = planner.predict_dense(num_slots, LATENCY_CYCLES).cycles
    patterns = Counter(map(tuple, decided.tolist()))
    row: Json = {"cores": config.num_cores, "lanes": config.num_lanes}
    for name, dispatch in MAPPINGS.items():
        cycles = sum(
            count
            * planner.predict(
                flags, config.num_cores, dispatch, DecisionSource.SCORE, LATENCY_CYCLES
            ).cycles
            for flags, count in patterns.items()
        )
        row[name] = cycles + num_undecided * dense
    row["dense"] = (num_undecided + len(decided)) * dense
    return row


def _count_macs(config: AcceleratorConfig, computing: BoolArray, num_decided: int) -> Json:
    """Products that the model needs, without padding: three matrices per computing slot, and Q per
    score.
    """
    per_slot = 3 * config.hidden_size * config.intermediate_size
    scores = num_decided * computing.shape[-1] * config.query_size
    return {
        "replay": int(np.count_nonzero(computing)) * per_slot + scores,
        "dense": computing.size * per_slot,
    }
