"""Answers beside what the reference computes: what is equal, how far off, and where first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.conformance.case import TOLERANCES, Arrays, Output
from fastcar.conformance.kit import Question

Array = NDArray[Any]


class Verdict(Enum):
    """What came of an instance."""

    PASSED = "pass"
    FAILED = "fail"
    NOT_ANSWERED = "not answered"


@dataclass(frozen=True)
class Outcome:
    """What came of one instance.

    Attributes:
        label: `CASE.INSTANCE`.
        verdict: of all its outputs.
        reason: one line, empty where it passed.
        error: largest absolute error of a real output; None where none was compared.
        tolerance: what it may be, by the type of that answer; None likewise.
    """

    label: str
    verdict: Verdict
    reason: str = ""
    error: float | None = None
    tolerance: float | None = None


def compare(question: Question, answers: Arrays) -> Outcome:
    """Judge the answers to one instance; every key is looked at, the first fault is told."""
    label, outputs = question.instance.label, question.case.outputs
    reasons = list(_find_key_faults(outputs, answers))
    expected = question.case.compute(question.instance)
    worst: tuple[float, float] | None = None
    for output in outputs:
        if output.key not in answers:
            continue
        answer, wanted = answers[output.key], expected.answers[output.key]
        fault = find_type_fault(output, answer, wanted)
        if fault is None:
            counted = expected.counted.get(output.key, np.ones(wanted.shape, bool))
            error, tolerance = measure(output, answer, wanted, counted)
            fault = find_difference(output, answer, wanted, error > tolerance)
            if output.kind == "real":
                pair = float(error.max(initial=0)), tolerance
                worst = max(worst or pair, pair, key=lambda one: one[0] / one[1])
        if fault is not None:
            reasons.append(f"{output.key}: {fault}")
    verdict = Verdict.FAILED if reasons else Verdict.PASSED
    error_found, allowed = worst or (None, None)
    return Outcome(label, verdict, reasons[0] if reasons else "", error_found, allowed)


def _find_key_faults(outputs: tuple[Output, ...], answers: Arrays) -> Iterable[str]:
    keys = [output.key for output in outputs]
    for key in keys:
        if key not in answers:
            yield f"{key}: missing, must be one of {', '.join(keys)}"
    for key in sorted(answers.keys() - set(keys)):
        yield f"{key!r}: unknown, must be one of {', '.join(keys)}"


def find_type_fault(output: Output, answer: Array, wanted: Array) -> str | None:
    """What forbids a comparison: type, shape, a number that is not finite."""
    kinds = {"bool": "b", "integer": "iu", "real": "f"}[output.kind]
    is_known = answer.dtype.kind in kinds
    if output.kind == "real":
        is_known = answer.dtype.name in TOLERANCES
    if not is_known:
        names = {"real": " or ".join(TOLERANCES), "integer": "an integer type", "bool": "bool"}
        return f"type {answer.dtype}, must be {names[output.kind]}"
    if answer.shape != wanted.shape:
        return f"shape {list(answer.shape)}, must be {list(wanted.shape)} = {output.shape}"
    return None


def measure(
    output: Output, answer: Array, wanted: Array, counted: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], float]:
    """Distances, 0 where nothing counts and inf where a number is not finite; what they may be."""
    if output.kind != "real":
        return np.where(counted & (answer != wanted), np.inf, 0.0), 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        distance = np.abs(answer.astype(np.float64) - wanted)
    distance = np.where(np.isfinite(distance), distance, np.inf)
    return np.where(counted, distance, 0.0), TOLERANCES[answer.dtype.name]


def find_difference(
    output: Output, answer: Array, wanted: Array, is_off: NDArray[np.bool_]
) -> str | None:
    """The first place that is too far off; None if there is none."""
    if not is_off.any():
        return None
    place = tuple(int(index) for index in np.argwhere(is_off)[0])
    found, right = answer[place].item(), wanted[place].item()
    count = f"{int(is_off.sum())} of {is_off.size} differ"
    return f"{found} at {list(place)} of {output.shape}, must be {right}; {count}"
