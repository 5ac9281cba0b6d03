from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.bench.plan import ENGINES, READ, REFERENCE_ENGINE, REPLAY_RATIOS, get_variant
from tools.bench.stats import (
    compute_amdahl,
    compute_row_bound,
    compute_speed_up,
    compute_streaming_share,
    fit_exponent,
    summarise_cell,
    summarise_replay,
)

SHARES = st.floats(0.01, 0.99)
ROWS = 4
PROPORTIONAL = {rows: float(rows) for rows in range(1, ROWS + 1)}
PEER = "transformers-float32"


@pytest.mark.parametrize(
    ("mlp_share", "ratio", "speed_up"),
    [(0.5, 0.5, 4 / 3), (0.8, 0.5, 5 / 3), (0.5, 1.0, 2.0), (0.7, 0.0, 1.0), (1.0, 0.75, 4.0)],
)
def test_amdahl_by_hand(mlp_share: float, ratio: float, speed_up: float) -> None:
    assert compute_amdahl(mlp_share, ratio) == pytest.approx(speed_up)


@given(SHARES, SHARES)
def test_amdahl_is_what_the_times_say(mlp_share: float, ratio: float) -> None:
    dense, mlp = 3.0, 3.0 * mlp_share
    replay = (dense - mlp) + mlp * (1 - ratio)
    assert compute_amdahl(mlp_share, ratio) == pytest.approx(dense / replay)


@given(SHARES, st.lists(st.integers(0, 9), min_size=ROWS + 1, max_size=ROWS + 1).filter(any))
def test_the_bound_is_amdahl_where_cost_follows_the_rows(share: float, counts: list[int]) -> None:
    ratio = 1 - float(np.average(np.arange(ROWS + 1), weights=counts)) / ROWS
    bound = compute_row_bound(share, counts, PROPORTIONAL)
    assert bound == pytest.approx(compute_amdahl(share, ratio))


def test_the_bound_pays_for_reading_the_weights() -> None:
    reading = {rows: 10.0 + rows for rows in range(1, ROWS + 1)}
    two_of_four, none_or_all = [0, 0, 5, 0, 0], [3, 0, 0, 0, 3]
    bound = compute_row_bound(0.5, two_of_four, reading)
    assert bound == pytest.approx(1 / (0.5 + 0.5 * 12 / 14))
    assert compute_row_bound(0.5, none_or_all, reading) == pytest.approx(1 / 0.75)


def test_rows_between_measured_ones_are_interpolated() -> None:
    bound = compute_row_bound(1.0, [0, 0, 0, 1, 0], {1: 1.0, 2: 2.0, 4: 4.0})
    assert bound == pytest.approx(4 / 3)


@given(st.floats(0.1, 3), st.floats(0.1, 10))
def test_the_exponent_is_that_of_the_power(exponent: float, factor: float) -> None:
    sizes = [1.0, 2.0, 5.0, 9.0]
    assert fit_exponent(sizes, [factor * s**exponent for s in sizes]) == pytest.approx(exponent)


def make_own(seconds: float, mlp_seconds: float, counts: list[int], rounds: int) -> dict[str, Any]:
    return {
        "tokens": 5,
        "rounds": list(range(rounds)),
        "seconds": [seconds] * rounds,
        "mlp_seconds": [mlp_seconds] * rounds,
        "row_counts": [counts] * rounds,
    }


ALL, HALF = [0, 0, 0, 0, 10], [0, 0, 10, 0, 0]


def make_cell(rounds: int = 3) -> dict[str, Any]:
    """Planted times: replay saves exactly its work."""
    contenders: dict[str, Any] = {
        READ: {"rounds": list(range(rounds)), "bytes_per_second": [1e10] * rounds},
        PEER: {"tokens": 5, "rounds": list(range(rounds)), "seconds": [4.0] * rounds},
    }
    for engine in ENGINES:
        contenders[engine] = make_own(1.0, 0.6, ALL, rounds)
        for ratio in REPLAY_RATIOS:
            contenders[get_variant(engine, ratio)] = make_own(0.7, 0.3, HALF, rounds)
    return {
        "batch": ROWS,
        "context": 32,
        "prepared": {"own": {"cache_bytes": 10**9}, PEER: {"cache": "static"}},
        "failed": {},
        "contenders": contenders,
    }


def test_replay_that_saves_its_work_reaches_amdahl() -> None:
    found = summarise_replay(make_cell(), REFERENCE_ENGINE, 0.5, PROPORTIONAL)
    assert found.replay_ratio == pytest.approx(0.5)
    assert found.mlp_share == pytest.approx(0.6)
    assert found.speed_up == pytest.approx(1 / 0.7)
    assert found.amdahl_share == pytest.approx(1)
    assert found.row_bound == pytest.approx(1 / 0.7)


def test_replay_that_computes_all_the_same_is_caught() -> None:
    cell = make_cell()
    cell["contenders"][get_variant(REFERENCE_ENGINE, 0.5)]["seconds"] = [1.0] * 3
    found = summarise_replay(cell, REFERENCE_ENGINE, 0.5, PROPORTIONAL)
    assert found.speed_up == pytest.approx(1)
    assert found.amdahl_share == pytest.approx(0.7)


def test_one_slow_round_does_not_decide() -> None:
    cell = make_cell()
    cell["contenders"][get_variant(REFERENCE_ENGINE, 0.5)]["seconds"][0] = 50.0
    found = summarise_replay(cell, REFERENCE_ENGINE, 0.5, PROPORTIONAL)
    assert found.amdahl_share == pytest.approx(1)


def test_rounds_that_the_dense_run_plays_beside_peers_are_left_out() -> None:
    cell = make_cell()
    dense = cell["contenders"][REFERENCE_ENGINE]
    for name in ("seconds", "mlp_seconds"):
        dense[name] = dense[name] + [100.0] * 4
    found = summarise_replay(cell, REFERENCE_ENGINE, 0.5, PROPORTIONAL)
    assert found.speed_up == pytest.approx(1 / 0.7)


def test_a_quotient_takes_both_times_from_one_round() -> None:
    cell = make_cell()
    # the machine is ten times as slow from round to round; the quotient is not
    cell["contenders"][REFERENCE_ENGINE]["seconds"] = [1.0, 10.0, 100.0]
    cell["contenders"][PEER] |= {"rounds": [1, 2], "seconds": [20.0, 200.0]}
    assert compute_speed_up(cell, PEER, REFERENCE_ENGINE) == pytest.approx(2)


def test_the_streaming_share_is_reading_time_over_time() -> None:
    assert compute_streaming_share(make_cell(), PEER, 10**10) == pytest.approx(0.25)


def test_a_cell_is_summarised() -> None:
    weight_bytes = dict.fromkeys((*ENGINES, PEER), 5 * 10**9)
    costs = dict.fromkeys(ENGINES, PROPORTIONAL)
    found = summarise_cell(make_cell(), weight_bytes, costs)
    assert found["reference_speed_up"][PEER] == pytest.approx(4)
    assert found["reference_speed_up"][REFERENCE_ENGINE] == pytest.approx(1)
    assert found["streaming_share"][REFERENCE_ENGINE] == pytest.approx(0.5)
    assert found["streaming_share_with_cache"] == pytest.approx(0.6)
    assert found["gigabytes_per_second"] == pytest.approx(10)
    assert found["caches"][PEER] == "static"
    assert len(found["replay"]) == len(ENGINES) * len(REPLAY_RATIOS)
    assert READ not in found["milliseconds"]
