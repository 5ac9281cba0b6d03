"""The comparisons of the score unit, at ties and at both ends of 48 bits."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.rtl.assertions import ProtocolError
from fastcar.rtl.lanes import ACCUMULATOR_BITS
from tests.rtl.decision_bench import DecisionBench

LARGEST = (1 << ACCUMULATOR_BITS - 1) - 1
EDGES = [-LARGEST - 1, -LARGEST, -1, 0, 1, LARGEST - 1, LARGEST]
measures = st.sampled_from(EDGES) | st.integers(-LARGEST - 1, LARGEST)


@cache
def get_bench() -> DecisionBench:
    return DecisionBench(num_cores=3, num_slots=5)


def measure(threshold: int, values: list[int], is_distance: bool) -> list[tuple[bool, int]]:
    """Decision and recorded score of each slot."""
    bench = get_bench()
    bench.begin(threshold=threshold, is_distance=is_distance)
    for slot, value in reversed(list(enumerate(values))):
        bench.step_measures([(slot, value)])
    for _ in range(len(values) + 1):
        bench.step({})
    return [(commit.computes, commit.score) for commit in bench.commits]


@given(measures, st.lists(measures, min_size=5, max_size=5))
def test_a_score_replays_from_the_threshold_on(threshold: int, values: list[int]) -> None:
    values[0] = threshold
    expected = [(not value >= threshold, value) for value in values]
    assert measure(threshold, values, is_distance=False) == expected


@given(measures, st.lists(measures, min_size=5, max_size=5))
def test_a_distance_replays_up_to_the_threshold(threshold: int, values: list[int]) -> None:
    values[0] = threshold
    expected = [(not value <= threshold, value) for value in values]
    assert measure(threshold, values, is_distance=True) == expected


@pytest.mark.parametrize("is_distance", [False, True])
@pytest.mark.parametrize("threshold", EDGES)
def test_every_pair_of_edges(threshold: int, is_distance: bool) -> None:
    for start in (0, 2):
        values = EDGES[start : start + 5]
        expected = [value > threshold if is_distance else value < threshold for value in values]
        assert [flag for flag, _ in measure(threshold, values, is_distance)] == expected


def test_a_measure_meets_the_threshold_of_its_time() -> None:
    bench = get_bench()
    bench.begin(threshold=5)
    bench.step_measures([(1, 4)])
    bench.step({"is_threshold": 1, "threshold": 0})
    bench.step_measures([(0, 4)])
    for _ in range(3):
        bench.step({})
    assert [(commit.slot, commit.computes) for commit in bench.commits] == [(0, False), (1, True)]


def test_a_direct_decision_has_score_0_also_where_a_measure_stood_before() -> None:
    bench = get_bench()
    bench.begin()
    bench.step_measures([(0, -7)])
    bench.step({})
    bench.step({})
    assert bench.commits[-1].score == -7
    bench.begin()
    bench.step_direct(0, computes=True)
    bench.step({})
    bench.step({})
    assert (bench.commits[-1].score, bench.commits[-1].computes) == (0, True)


def test_several_cores_decide_in_one_cycle() -> None:
    bench = get_bench()
    bench.begin()
    bench.step_measures([(0, -1), (1, -2), (2, -3)])
    for _ in range(4):
        bench.step({})
    assert [commit.score for commit in bench.commits] == [-1, -2, -3]


def test_begin_forgets_measures_that_were_not_committed() -> None:
    bench = get_bench()
    bench.begin()
    bench.step_measures([(1, 0), (2, 0)])
    bench.begin()
    bench.step_direct(0, computes=False)
    for _ in range(4):
        bench.step({})
    assert [commit.slot for commit in bench.commits] == [0]


def test_a_decision_in_the_cycle_of_begin_is_forgotten() -> None:
    bench = get_bench()
    bench.begin()
    bench.step({"is_begin": 1, "num_slots": 5, "direct_valid": 1, "direct_slot": 0})
    bench.settle()
    assert bench.commits == []


def test_a_second_decision_of_a_slot_is_caught() -> None:
    bench = DecisionBench(num_cores=3, num_slots=5)
    bench.begin()
    bench.step_direct(2, computes=True)
    bench.step_measures([(2, 0)])
    with pytest.raises(ProtocolError, match=r"(?m)^source 2 decides a slot once$"):
        bench.step({})


def test_a_measure_from_a_foreign_core_is_caught() -> None:
    bench = DecisionBench(num_cores=3, num_slots=5)
    bench.begin()
    with pytest.raises(ProtocolError, match=r"(?m)^core1 measures slots b with b mod C = 1$"):
        bench.step({"valid1": 1, "slot1": 3})
