from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fastcar.reference.config import ModelConfig
from fastcar.reference.gates.query import GateQuery
from fastcar.reference.records import ReplayRecord
from tools.bench.shipped.gates import GATES, RowsGate, calibrate, make_gate

CONFIG = ModelConfig(32, 16, 24, 2, 2, 2, 8, 1e-5, 10000.0, 64)
STEPS, ROWS = 100, 3
MEASURES = np.random.default_rng(0).random((STEPS, CONFIG.num_hidden_layers, ROWS))


class Loop:
    """Decodes in a world where every replay makes the next measures safer, or less safe.

    Attributes:
        thresholds: of the runs so far.
    """

    def __init__(self, higher_is_safer: bool, drift: float) -> None:
        self.higher_is_safer, self.drift = higher_is_safer, drift
        self.thresholds: list[float] = []

    def run(self, threshold: float) -> ReplayRecord:
        """The record of a run, a frame of 10 tokens not eligible."""
        self.thresholds.append(threshold)
        record = ReplayRecord(CONFIG, STEPS, ROWS, np.dtype(np.float32))
        record.eligible[10:] = True
        sign = 1 if self.higher_is_safer else -1
        moved = MEASURES + (sign * self.drift if np.isfinite(threshold) else 0)
        record.measures[:] = moved
        safe = moved >= threshold if self.higher_is_safer else moved <= threshold
        record.replayed[:] = record.eligible & safe
        return record


@pytest.mark.parametrize("higher_is_safer", [True, False])
@pytest.mark.parametrize("drift", [0.0, 0.07, -0.07])
@pytest.mark.parametrize("ratio", [0.3, 0.5, 0.8])
def test_the_share_is_reached_although_replays_move_it(
    higher_is_safer: bool, drift: float, ratio: float
) -> None:
    loop = Loop(higher_is_safer, drift)
    threshold = calibrate(loop.run, higher_is_safer, ratio, num_runs=12)
    assert len(loop.thresholds) <= 13
    assert loop.run(threshold).replay_ratio == pytest.approx(ratio, abs=0.005)


def test_the_closest_run_is_taken_not_the_last() -> None:
    loop = Loop(higher_is_safer=True, drift=0.0)
    found = iter([0.2, 0.51, 0.9])

    def run(threshold: float) -> ReplayRecord:
        record = loop.run(threshold)
        if np.isfinite(threshold):
            record.replayed[:] = False
            record.replayed[: round(STEPS * next(found))] = True
        return record

    assert calibrate(run, True, 0.5, num_runs=3) == loop.thresholds[2]


def test_beyond_the_ceiling_all_that_may_replay_does() -> None:
    loop = Loop(higher_is_safer=True, drift=0.0)
    assert loop.run(calibrate(loop.run, True, 0.95, num_runs=4)).replay_ratio == 0.9


@pytest.mark.parametrize("name", GATES)
def test_a_threshold_is_that_of_all_layers(name: str) -> None:
    gate = make_gate(name, 0.25, 3)
    assert [gate.thresholds.get(layer) for layer in range(3)] == [0.25] * 3
    assert gate.name == name


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_exactly_the_first_rows_compute(rows: int) -> None:
    gate = RowsGate(rows)
    gate.reset(CONFIG, ROWS, 2, np.dtype(np.float32))
    nothing: Any = None
    query = GateQuery(0, 0, 2, np.ones(ROWS, bool), None, nothing, nothing)
    measures, planned = gate.plan(range(4))
    decided = gate.decide(query, gate.measure(query))
    assert decided.tolist() == [False] * rows + [True] * (ROWS - rows)
    assert planned.shape == measures.shape == (4, CONFIG.num_hidden_layers, ROWS)
    assert (planned == decided).all()
