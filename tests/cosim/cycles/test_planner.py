"""Layer steps that need not be run: mappings, and a step without gate."""

from __future__ import annotations

import numpy as np

from fastcar.cosim.cycles.planner import Planner
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.scheduler import Dispatch
from fastcar.rtl.config import AcceleratorConfig
from tests.cosim.tiny_model import make_model

CONFIG = AcceleratorConfig(2, 4, 4, 16, 32, 8)
PLANNER = Planner(CONFIG, make_model(CONFIG).layers)


def test_slots_of_one_core_wait_under_static_mapping_only() -> None:
    flags = np.array([True, False, True, False])
    drs, static = (
        PLANNER.count_mlp_cycles(flags, 2, dispatch, DecisionSource.SCORE)
        for dispatch in (Dispatch.DYNAMIC, Dispatch.STATIC)
    )
    assert static > 1.6 * drs
    alone = PLANNER.count_mlp_cycles(flags, 1, Dispatch.DYNAMIC, DecisionSource.SCORE)
    assert alone > 1.6 * drs


def test_a_step_without_gate_scores_nothing() -> None:
    dense = PLANNER.predict_dense(4, 3)
    scored = PLANNER.predict([True] * 4, 2, Dispatch.DYNAMIC, DecisionSource.SCORE, 3)
    assert dense.cycles < scored.cycles
    assert dense.counters.dropped == 0
    assert len(dense.retirements) == len(scored.retirements) == 4
