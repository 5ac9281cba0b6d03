"""Planted turns on the shipped model, as `tools.bench.shipped.measure` collects them."""

from __future__ import annotations

from typing import Any

from tools.bench.shipped.plan import (
    EARLIER,
    EXACT,
    LOOKING_GATES,
    OWN,
    PEER,
    PLANNED_GATE,
    RATIOS,
    STEPS,
    STREAMED,
    name_read,
    name_replay,
    name_rows,
)
from tools.bench.shipped.summary import summarise

Results = dict[str, Any]

ROUNDS = 3
TURN = 0.02
"""Seconds of a turn, by the processor."""
SECONDS = {EARLIER: 10 * TURN, STEPS: 10 * TURN}
"""Of the slower contenders."""
FRAMES, FRAME_TOKENS, LAYERS, COST_FRAMES = 16, 64, 4, 5
MLP_SHARE = 0.5
COSTS = {1: 0.4, 2: 0.5, 16: 1.6}
"""Milliseconds of one layer's MLP by rows."""
STREAMED_BYTES = 5_120_000


def make_turn(cpu: float, clock: float | None = None, **others: Any) -> Results:
    """By default the clock shows twice the processor's time."""
    return {"cpu": cpu, "clock": 2 * cpu if clock is None else clock, **others}


def make_engine(name: str) -> list[Results]:
    """Later rounds are slower, for everybody alike."""
    return [make_turn(SECONDS.get(name, TURN) * (1 + index)) for index in range(ROUNDS)]


def make_gates(batch: int) -> dict[str, list[Results]]:
    """Replay saves exactly its work."""
    dense = make_turn(TURN, mlp=2 * TURN * MLP_SHARE)
    turns = {EXACT: [dense] * ROUNDS}
    for gate in (*LOOKING_GATES, PLANNED_GATE) if batch == 1 else (PLANNED_GATE,):
        for ratio in RATIOS:
            counts = [0] * (batch + 1)
            counts[0], counts[-1] = round(100 * ratio), round(100 - 100 * ratio)
            turn = make_turn(TURN * (1 - MLP_SHARE * ratio), replay_ratio=ratio, row_counts=counts)
            turns[name_replay(gate, ratio)] = [turn] * ROUNDS
    if batch == max(COSTS):
        for rows, milliseconds in COSTS.items():
            frame = 1e-3 * FRAME_TOKENS * LAYERS
            seconds = frame * (COSTS[batch] + (COST_FRAMES - 1) * milliseconds)
            turns[name_rows(rows)] = [make_turn(seconds, mlp=seconds)] * ROUNDS
    return turns


def make_cell(batch: int) -> Results:
    """Everybody plays; one core reads what a token reads in 80% of the time of the token."""
    engines = {name: make_engine(name) for name in (EARLIER, *OWN)}
    streamed = dict.fromkeys(STREAMED, STREAMED_BYTES) if batch == 1 else {}
    if batch == 1:
        tokens = FRAMES * FRAME_TOKENS
        engines[PEER] = [
            make_turn(20 * TURN * (1 + index), tokens=2 * tokens) for index in range(ROUNDS)
        ]
        for name in STREAMED:
            engines[name_read(name)] = [
                {
                    clock: STREAMED_BYTES / (0.8 * factor * TURN * (1 + index) / tokens)
                    for clock, factor in (("cpu", 1), ("clock", 2))
                }
                for index in range(ROUNDS)
            ]
    return {
        "batch": batch,
        "model": {"tokens_per_frame": FRAME_TOKENS, "prompt_tokens": 6, "layers": LAYERS},
        "tokens": {
            STEPS: {"equal_share": 1.0, "equal_nats": True},
            EARLIER: {"equal_share": 0.75, "equal_nats": False},
        },
        "streamed_bytes": streamed,
        "engines": engines,
        "gates": make_gates(batch),
    }


def make_measured() -> Results:
    """A run in which every target is met."""
    return {
        "frames": FRAMES,
        "cost_frames": COST_FRAMES,
        "absent": {},
        "cells": [make_cell(1), make_cell(16)],
        "peaks": {
            "batch": 16,
            "processes": {
                EXACT: {"warm_bytes": 2e8, "bytes": 2.4e8},
                EARLIER: {"warm_bytes": 2e8, "bytes": 2.5e8},
            },
        },
    }


def make_shipped() -> Results:
    """The same, summarised, on a machine."""
    machine = {"processor": "a processor", "cores": 2, "load_before": 0.1}
    versions = {"python": "3.11.7", "numpy": "2.4.6", "numba": "0.66"}
    return {"machine": machine | versions, **summarise(make_measured())}
