"""Controls: they keep their share, whatever they are shown."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates.planned import PeriodicGate, RandomGate
from tests.reference.gates.queries import CONFIG, FLOAT64, draw_residual, make_query


@pytest.mark.parametrize("ratio", [0.0, 0.2, 0.5, 0.8, 1.0])
def test_random_gate_replays_its_share(ratio: float) -> None:
    gate = RandomGate(ratio, seed=1)
    gate.reset(CONFIG, 3, 2, FLOAT64)
    query = make_query(draw_residual(0))
    decided = np.array([gate.decide(query, gate.measure(query)) for _ in range(2000)])
    # Five standard deviations of 2000 draws; none at 0 and 1, where the share is exact.
    assert np.abs(decided.mean(axis=0) - ratio).max() <= 5 * math.sqrt(ratio * (1 - ratio) / 2000)


@given(st.integers(0, 2**16), st.integers(1, 5), st.integers(1, 5))
def test_random_rows_have_their_own_streams(seed: int, rows: int, other_rows: int) -> None:
    gate, other = RandomGate(0.5, seed), RandomGate(0.5, seed)
    draws = []
    for one, size in ((gate, rows), (other, other_rows)):
        one.reset(CONFIG, size, 2, FLOAT64)
        query = make_query(draw_residual(0, size))
        draws.append(np.array([one.measure(query) for _ in range(4)]))
    common = min(rows, other_rows)
    assert np.array_equal(draws[0][:, :common], draws[1][:, :common])
    assert len(np.unique(draws[0])) == draws[0].size  # no row repeats another's stream


def test_random_gate_starts_again_at_reset_and_differs_by_seed() -> None:
    query = make_query(draw_residual(0))
    draws = []
    for seed in (3, 3, 4):
        gate = RandomGate(0.5, seed)
        for _ in range(2):
            gate.reset(CONFIG, 3, 2, FLOAT64)
            draws.append(gate.measure(query))
    assert all(np.array_equal(draws[0], same) for same in draws[1:4])
    assert not np.array_equal(draws[0], draws[4])


@given(st.integers(0, 20).map(lambda share: share / 20), st.integers(1, 6), st.integers(1, 40))
def test_periodic_gate_keeps_its_share_and_its_longest_wait(
    ratio: float, tokens_per_frame: int, frames: int
) -> None:
    gate = PeriodicGate(ratio)
    for location in range(tokens_per_frame):
        waits = longest = replays = 0
        for frame in range(frames):
            token = frame * tokens_per_frame + location
            query = make_query(draw_residual(0), token, tokens_per_frame)
            decided = gate.decide(query, gate.measure(query))
            assert len(set(decided.tolist())) == 1
            replays += int(decided[0])
            waits = waits + 1 if decided[0] else 0
            longest = max(longest, waits)
        assert abs(replays - ratio * frames) < 1 + 1e-9
        if ratio < 1:  # frames from one computation to the next
            assert longest + 1 <= math.ceil(1 / (1 - ratio) - 1e-9)


def test_periodic_gate_computes_some_places_of_every_frame() -> None:
    gate = PeriodicGate(0.75)
    for frame in range(6):
        queries = [make_query(draw_residual(0), frame * 8 + place, 8) for place in range(8)]
        decided = [bool(gate.decide(query, gate.measure(query))[0]) for query in queries]
        assert sum(decided) == 6


@pytest.mark.parametrize("ratio", [-0.5, 1.5, float("nan")])
@pytest.mark.parametrize("gate", [RandomGate, PeriodicGate])
def test_refuses_ratios_outside_the_unit_interval(
    gate: type[RandomGate] | type[PeriodicGate], ratio: float
) -> None:
    with pytest.raises(ArgumentError, match=r"^ratio = \S+: must be in \[0, 1\]$"):
        gate(ratio)


def test_refuses_a_negative_seed() -> None:
    with pytest.raises(ArgumentError, match=r"^seed = -1: must be at least 0$"):
        RandomGate(0.5, seed=-1)
