"""Gates by name, and gates that meet a target ratio."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.calibration import (
    Calibration,
    calibrate_per_layer,
    calibrate_uniform,
    compute_eligible_ratio,
)
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gate_factory import (
    GATE_NAMES,
    GATES,
    THRESHOLD_GATES,
    calibrate_thresholds,
    make_measuring_gate,
    make_ratio_gate,
    make_threshold_gate,
)
from fastcar.reference.gates.gate import ThresholdGate
from fastcar.reference.gates.planned import PeriodicGate, RandomGate
from fastcar.reference.records import ReplayRecord
from fastcar.reference.thresholds import FixedThresholds
from fastcar.strategies import Run, make_run, runs
from tests.examples import examples
from tests.reference.runs import decode


def record_run(run: Run, gate: ThresholdGate) -> ReplayRecord:
    record = ReplayRecord(run.config, run.steps, run.rows, run.weights.dtype)
    for observation in decode(run, gate).observations:
        record.observe(observation)
    return record


@pytest.mark.parametrize("name", sorted(THRESHOLD_GATES))
@pytest.mark.parametrize("strict", [True, False])
def test_threshold_gates_have_their_names_and_thresholds(name: str, strict: bool) -> None:
    thresholds = FixedThresholds([0.5])
    gate = make_threshold_gate(name, thresholds, strict)
    assert (gate.name, gate.strict, gate.thresholds) == (name, strict, thresholds)


def test_every_gate_has_a_name() -> None:
    distances = "input", "input-relative", "accumulated", "accumulated-frame", "motion"
    measuring = ("tas", *distances, "skip-cosine", "codes", "oracle")
    assert tuple(THRESHOLD_GATES) == measuring
    assert (*measuring, "random", "periodic") == GATE_NAMES
    assert all(gate.name == name for name, gate in GATES.items())


@examples(20)
@given(runs(), st.sampled_from(sorted(THRESHOLD_GATES)))
def test_a_measuring_gate_decodes_dense(run: Run, name: str) -> None:
    gate = make_measuring_gate(name, run.config.num_hidden_layers)
    assert np.array_equal(decode(run, gate).logits, decode(run).logits)


def test_control_gates_take_ratio_and_seed() -> None:
    random = make_ratio_gate("random", 0.25, seed=9)
    periodic = make_ratio_gate("periodic", 0.75)
    assert isinstance(random, RandomGate)
    assert isinstance(periodic, PeriodicGate)
    assert (random.ratio, random.seed, periodic.ratio) == (0.25, 9, 0.75)


@pytest.mark.parametrize("ratio", [0.0, 0.3, 0.9, 1.0])
@pytest.mark.parametrize("calibrate", [calibrate_uniform, calibrate_per_layer])
@pytest.mark.parametrize("name", sorted(THRESHOLD_GATES))
def test_calibrated_gates_get_the_thresholds_of_the_dense_run(
    name: str, calibrate: Calibration, ratio: float
) -> None:
    run = make_run(0)
    seen: list[ReplayRecord] = []

    def get_dense_record(gate: ThresholdGate) -> ReplayRecord:
        seen.append(record_run(run, gate))
        return seen[-1]

    found = calibrate_thresholds(name, ratio, get_dense_record, 2, calibrate)
    assert len(seen) == 1
    assert found.dense is seen[0]
    assert found.closed_loop_ratios == ()
    assert found.thresholds == calibrate(seen[0], ratio, THRESHOLD_GATES[name].higher_is_safer)
    again = calibrate_thresholds(name, ratio, get_dense_record, 2, calibrate, dense=seen[0])
    assert again.thresholds == found.thresholds
    assert len(seen) == 1


@pytest.mark.parametrize("strict", [True, False])
def test_corrective_runs_take_the_thresholds_that_come_closest(strict: bool) -> None:
    run = make_run(0)
    tried: list[tuple[ThresholdGate, float]] = []

    def decode_with(gate: ThresholdGate) -> ReplayRecord:
        record = record_run(run, gate)
        tried.append((gate, record.replay_ratio))
        return record

    found = calibrate_thresholds("input", 0.3, decode_with, 2, corrective_runs=3, strict=strict)
    corrections = tried[1:]
    assert found.closed_loop_ratios == tuple(ratio for _, ratio in corrections)
    assert all(gate.strict == strict for gate, _ in corrections)
    best, _ = min(corrections, key=lambda pair: abs(pair[1] - 0.3))
    assert [best.thresholds.get(layer) for layer in range(2)] == found.thresholds


@pytest.mark.parametrize(
    ("ratio", "ceiling", "eligible_ratio"), [(0.25, 0.5, 0.5), (0.75, 0.5, 1.0), (0.5, 0.0, 0.0)]
)
@pytest.mark.parametrize("name", ["random", "periodic"])
def test_controls_spread_the_ratio_over_the_eligible_tokens(
    name: str, ratio: float, ceiling: float, eligible_ratio: float
) -> None:
    gate = make_ratio_gate(name, compute_eligible_ratio(ratio, ceiling), seed=3)
    assert isinstance(gate, RandomGate | PeriodicGate)
    assert gate.ratio == eligible_ratio


def test_refuses_unknown_names() -> None:
    message = r"^gate = 'sometimes': must be one of tas, input, .*, codes, oracle$"
    with pytest.raises(ArgumentError, match=message):
        make_threshold_gate("sometimes", FixedThresholds([0.0]))
    message = r"^gate = 'sometimes': must be one of random, periodic$"
    with pytest.raises(ArgumentError, match=message):
        make_ratio_gate("sometimes", 0.5)


wrong_ratios = pytest.mark.parametrize("ratio", [-0.1, 1.1, float("nan")])
REFUSAL = r"^target_ratio = \S+: must be in \[0, 1\]$"


@wrong_ratios
@pytest.mark.parametrize("name", sorted(THRESHOLD_GATES))
def test_refuses_ratios_before_any_run(name: str, ratio: float) -> None:
    def refuse(gate: ThresholdGate) -> ReplayRecord:
        raise AssertionError("a wrong ratio must be refused before the dense run")

    with pytest.raises(ArgumentError, match=REFUSAL):
        calibrate_thresholds(name, ratio, refuse, 2)


@wrong_ratios
def test_refuses_ratios_of_controls(ratio: float) -> None:
    with pytest.raises(ArgumentError, match=REFUSAL):
        compute_eligible_ratio(ratio, 0.5)
