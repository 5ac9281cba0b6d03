from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.config import ModelConfig
from reference.decoder import Decoder
from reference.replay import ReplayConfig
from reference.weights import make_random_weights
from tools.bench_replay import (
    TARGET_RATIOS,
    TOKENS_PER_TURN,
    TURNS_PER_ROUND,
    Contender,
    compare,
    compute_amdahl,
    compute_row_bound,
    measure_replay,
)

SHARES = st.floats(0.01, 0.99)
NUM_LAYERS = 2
ROWS = 4
LINEAR_COST = {rows: float(rows) for rows in range(ROWS + 1)}


def make_config() -> ModelConfig:
    """Tiny sizes."""
    return ModelConfig(32, 16, 24, NUM_LAYERS, 2, 2, 8, 1e-5, 10000.0, 512)


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


@given(SHARES, st.lists(st.integers(0, ROWS), min_size=1))
def test_the_bound_is_amdahl_where_cost_follows_the_rows(share: float, counts: list[int]) -> None:
    ratio = 1 - float(np.mean(counts)) / ROWS
    bound = compute_row_bound(share, counts, LINEAR_COST, ROWS)
    assert bound == pytest.approx(compute_amdahl(share, ratio))


def test_the_bound_pays_for_reading_the_weights() -> None:
    reading = {rows: 10.0 + rows for rows in range(1, ROWS + 1)}
    assert compute_row_bound(0.5, [2, 2], reading, ROWS) == pytest.approx(1 / (0.5 + 0.5 * 12 / 14))
    assert compute_row_bound(0.5, [0, 4], reading, ROWS) == pytest.approx(1 / 0.75)


def make_contender(seconds: float, mlp_seconds: float, counts: list[int], rounds: int) -> Contender:
    """A contender whose clock was planted; only the number of rows of its decoder is real."""
    contender = run_tiny(rounds=0)
    turns = rounds * TURNS_PER_ROUND
    contender.seconds = [seconds] * turns
    contender.mlp_seconds = [mlp_seconds] * turns
    contender.computing_rows = [counts] * turns
    return contender


def run_tiny(rounds: int) -> Contender:
    """A dense contender of ROWS rows after some turns of three tokens."""
    config = make_config()
    weights = make_random_weights(config, np.random.default_rng(0))
    decoder = Decoder(config, weights, rows=ROWS, capacity_tokens=64, replay=ReplayConfig(4))
    decoder.prefill(np.zeros((ROWS, 2), np.int64))
    contender = Contender(decoder)
    for _ in range(rounds):
        contender.take_turn(np.zeros((3, ROWS), np.int64))
    return contender


ALL_COMPUTE = [ROWS] * (TOKENS_PER_TURN * NUM_LAYERS)
HALF_COMPUTE = [ROWS // 2] * (TOKENS_PER_TURN * NUM_LAYERS)


def test_replay_that_saves_its_work_reaches_amdahl() -> None:
    dense = make_contender(1.0, 0.6, ALL_COMPUTE, rounds=3)
    speed = compare(dense, make_contender(0.7, 0.3, HALF_COMPUTE, 3), 0.5, LINEAR_COST)
    assert speed.replay_ratio == pytest.approx(0.5)
    assert speed.mlp_share == pytest.approx(0.6)
    assert speed.speed_up == pytest.approx(1 / 0.7)
    assert speed.amdahl_share == pytest.approx(1)


def test_replay_that_computes_all_the_same_is_caught() -> None:
    dense = make_contender(1.0, 0.6, ALL_COMPUTE, rounds=3)
    speed = compare(dense, make_contender(1.0, 0.6, HALF_COMPUTE, 3), 0.5, LINEAR_COST)
    assert speed.speed_up == pytest.approx(1)
    assert speed.amdahl_share == pytest.approx(0.7)


def test_one_slow_round_does_not_decide() -> None:
    dense = make_contender(1.0, 0.6, ALL_COMPUTE, rounds=3)
    replay = make_contender(0.7, 0.3, HALF_COMPUTE, rounds=3)
    replay.seconds[0] = 50.0
    assert compare(dense, replay, 0.5, LINEAR_COST).amdahl_share == pytest.approx(1)


def test_a_turn_counts_rows_and_time() -> None:
    contender = run_tiny(rounds=2)
    assert contender.computing_rows == [[ROWS] * (3 * NUM_LAYERS)] * 2
    for seconds, mlp_seconds in zip(contender.seconds, contender.mlp_seconds, strict=True):
        assert 0 < mlp_seconds < seconds


def test_the_measured_ratio_is_near_the_target() -> None:
    config = make_config()
    weights = make_random_weights(config, np.random.default_rng(0))
    speeds = measure_replay(config, weights, ROWS, rounds=3, row_milliseconds=LINEAR_COST)
    assert [speed.target_ratio for speed in speeds] == list(TARGET_RATIOS)
    for speed in speeds:
        # 3 rounds * 16 tokens * 2 layers * 4 rows = 384 draws: five standard deviations
        assert speed.replay_ratio == pytest.approx(speed.target_ratio, abs=5 * 0.5 / 384**0.5)
        assert speed.speed_up > 0
