"""Runs that replay did nothing for are called so."""

from __future__ import annotations

import numpy as np
import pytest

from fastcar.reference.inert import (
    describe_inert_gate,
    describe_unmeasured_thresholds,
    list_warnings,
)

WARM = np.array([[[False]], [[True]], [[True]]])  # [S, L, B]


@pytest.mark.parametrize(
    ("replayed", "words"),
    [
        ([0, 1, 0], None),
        ([0, 0, 0], "replay ratio 0.0%): no eligible token replayed"),
        ([0, 1, 1], "replay ratio 66.7%, all that may): every eligible token"),
    ],
)
def test_a_gate_that_decides_nothing_is_inert(replayed: list[int], words: str | None) -> None:
    described = describe_inert_gate(WARM, np.array(replayed, bool).reshape(3, 1, 1))
    assert (described is None) == (words is None)
    assert words is None or words in str(described)


@pytest.mark.parametrize(
    ("steps", "words"), [(0, "no token was fed behind the prompt"), (2, "no token was eligible")]
)
def test_a_run_within_the_first_frame_is_inert(steps: int, words: str) -> None:
    nothing = np.zeros((steps, 2, 3), bool)
    assert words in str(describe_inert_gate(nothing, nothing))


def test_only_a_finite_threshold_outside_of_its_own_layer_is_named() -> None:
    measures = np.array([[[0.1], [0.5]], [[0.3], [0.9]]])  # [S, L, B]
    eligible = np.ones((2, 1), bool)[:, None]
    assert describe_unmeasured_thresholds([0.3, 0.5], measures, eligible) == []
    assert describe_unmeasured_thresholds([None, np.inf], measures, eligible) == []
    (line,) = describe_unmeasured_thresholds([0.4, 0.7], measures, eligible)
    assert "threshold 0.4 of layer 0" in line
    assert "0.1 to 0.3" in line


def test_what_was_not_eligible_is_not_counted_as_measured() -> None:
    measures = np.array([[[0.0]], [[0.5]], [[0.7]]])
    (line,) = describe_unmeasured_thresholds([0.2], measures, WARM)
    assert "0.5 to 0.7" in line


def test_all_lines_come_together() -> None:
    replayed = np.zeros((3, 1, 1), bool)
    measures = np.array([[[np.nan]], [[0.5]], [[0.7]]])
    assert len(list_warnings(WARM, replayed, measures, [3.0])) == 2
    assert len(list_warnings(WARM, replayed, measures)) == 1
