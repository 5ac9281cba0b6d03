"""Tolerances follow from rounding, and no threshold leaves a correct decision in doubt."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fastcar.conformance.case import TOLERANCES, Expected, Instance
from fastcar.conformance.float_cases import (
    FLOAT_CASES,
    compute_decoder,
    compute_input_gate,
    compute_replay,
    compute_scores,
)
from fastcar.conformance.kit import list_questions
from fastcar.conformance.tiny_models import decode, read_thresholds
from fastcar.reference.gates.input import InputGate
from fastcar.reference.gates.query import GateQuery
from fastcar.reference.replay import Semantics
from fastcar.reference.thresholds import FixedThresholds, Measures
from fastcar.reference.trace import make_score_gate

COMPUTE = {
    "decoder": compute_decoder,
    "scores": compute_scores,
    "replay": compute_replay,
    "input_gate": compute_input_gate,
    "corrected": compute_replay,
}
QUESTIONS = list_questions([case.name for case in FLOAT_CASES])
DECIDING = list_questions(("replay", "input_gate", "corrected"))


def measure_distance(instance: Instance) -> float:
    """Largest distance of real answers in float32 and in float64."""
    one, two = (COMPUTE[instance.case](instance, dtype) for dtype in (np.float32, np.float64))
    return max(get_distances(one, two))


def get_distances(one: Expected, two: Expected) -> list[float]:
    """By key."""
    distances = []
    for key, answer in two.answers.items():
        counted = two.counted.get(key, np.ones(answer.shape, bool))
        gap = one.answers[key].astype(float) - answer.astype(float)
        distances.append(float(np.abs(gap[counted]).max()))
    return distances


def test_tolerances_are_what_rounding_does_with_room() -> None:
    worst = max(measure_distance(question.instance) for question in QUESTIONS)
    assert 64 * worst <= TOLERANCES["float32"] <= 1024 * worst
    assert TOLERANCES["float32"] / TOLERANCES["float64"] == 2.0**29


class Watch(InputGate):
    """Keeps how far eligible distances are from the threshold."""

    margins: list[float]

    def measure(self, query: GateQuery) -> Measures:
        """Distances as they are."""
        measures = super().measure(query)
        gaps = np.abs(measures - np.asarray(self.thresholds.get(query.layer_index)))
        self.margins += gaps[query.eligible].tolist()
        return measures


def get_margins(instance: Instance) -> Any:
    """How far every score or distance is from its threshold."""
    if instance.case == "input_gate":
        gate = Watch(FixedThresholds(read_thresholds(instance, "delta")))
        gate.margins = []
        decode(instance, gate)
        return np.array(gate.margins)
    tau = read_thresholds(instance, "tau")
    scores = decode(
        instance, make_score_gate(tau, len(tau), Semantics(instance.settings["semantics"]))
    ).tas
    gaps = np.abs(scores - instance.arrays["tau"][:, None])
    return gaps[np.isfinite(gaps)]


@pytest.mark.parametrize("question", DECIDING, ids=lambda one: one.instance.label)
def test_no_score_is_near_its_threshold_unless_it_is_equal(question: Any) -> None:
    margins = get_margins(question.instance)
    assert margins.size > 0
    if question.instance.name.startswith("tie_"):
        assert (margins == 0).all()
    else:
        assert margins.min() >= 16 * TOLERANCES["float32"]


@pytest.mark.parametrize("question", DECIDING, ids=lambda one: one.instance.label)
def test_some_tokens_replay_and_some_compute(question: Any) -> None:
    replayed = question.case.compute(question.instance).answers["replayed"]
    if question.instance.name == "tie_published":
        assert not replayed.any()
    else:
        assert 0.1 < replayed.mean() < 0.8
