from __future__ import annotations

from typing import Any

import pytest

from tests.tools.bench.shipped.results import (
    COSTS,
    MLP_SHARE,
    ROUNDS,
    STREAMED_BYTES,
    TURN,
    make_cell,
    make_measured,
    make_turn,
)
from tools.bench.shipped.plan import EARLIER, EXACT, INT8, OWN, PEER, PLANNED_GATE, name_replay
from tools.bench.shipped.summary import (
    compute_row_costs,
    summarise,
    summarise_gate,
    summarise_speed,
    summarise_streaming,
)
from tools.bench.stats import compute_amdahl

TOKENS, COST_FRAMES = 1024, 5


def test_everybody_is_compared_with_the_earlier_engine() -> None:
    found = summarise(make_measured())
    over = {(one["batch"], one["name"]): one["over"][EARLIER] for one in found["speeds"]}
    assert len(over) == 2 * (1 + len(OWN)) + 1
    ten = {"cpu": pytest.approx(10), "clock": pytest.approx(10)}
    assert over[1, EXACT] == over[16, INT8] == ten
    assert over[1, EARLIER] == {"cpu": 1.0, "clock": 1.0}


def test_a_quotient_takes_both_times_from_one_round() -> None:
    cell = make_cell(1)
    # one turn was disturbed; medians of the times would make it 0.7
    for name, seconds in ((EARLIER, (700.0, 7.0, 7.0)), (EXACT, (100.0, 1.0, 10.0))):
        cell["engines"][name] = [make_turn(second) for second in seconds]
    assert summarise_speed(cell, EXACT, TOKENS)["over"][EARLIER]["cpu"] == pytest.approx(7)


def test_the_two_clocks_are_told_apart() -> None:
    cell = make_cell(1)
    cell["engines"][EXACT] = [make_turn(TURN * (1 + r), 5 * TURN * (1 + r)) for r in range(ROUNDS)]
    over = summarise_speed(cell, EXACT, TOKENS)["over"][EARLIER]
    assert over == {"cpu": pytest.approx(10), "clock": pytest.approx(4)}


def test_a_peer_is_compared_by_the_token() -> None:
    # it takes 20 times as long for twice the tokens
    found = summarise_speed(make_cell(1), EXACT, TOKENS)
    assert found["over"][PEER]["cpu"] == pytest.approx(10)
    assert PEER not in summarise_speed(make_cell(16), EXACT, TOKENS)["over"]


@pytest.mark.parametrize("batch", [1, 16])
def test_tokens_per_second_are_those_of_all_videos_by_the_clock(batch: int) -> None:
    found = summarise_speed(make_cell(batch), EXACT, TOKENS)
    assert found["tokens_per_second"] == pytest.approx(batch * TOKENS / (4 * TURN))


def test_the_streaming_share_is_reading_time_over_time() -> None:
    found = summarise_streaming(make_cell(1), EXACT, TOKENS)
    assert found["share"] == {"cpu": pytest.approx(0.8), "clock": pytest.approx(0.8)}
    assert found["gigabytes_per_second"]["clock"] == pytest.approx(
        1e-9 * STREAMED_BYTES * TOKENS / (0.8 * 4 * TURN)
    )


def test_the_first_frame_is_taken_off_the_cost_of_rows() -> None:
    found = compute_row_costs(make_cell(16), COST_FRAMES)
    assert found == {str(rows): pytest.approx(cost) for rows, cost in COSTS.items()}
    assert compute_row_costs(make_cell(1), COST_FRAMES) == {}


@pytest.mark.parametrize(("batch", "gate"), [(1, "tas"), (1, "input"), (16, PLANNED_GATE)])
def test_replay_that_saves_its_work_reaches_amdahl(batch: int, gate: str) -> None:
    found = summarise_gate(make_cell(batch), gate, 0.8, COST_FRAMES)
    assert found["mlp_share"] == pytest.approx(MLP_SHARE)
    assert found["amdahl"] == pytest.approx(compute_amdahl(MLP_SHARE, 0.8))
    assert found["reached"] == {"cpu": pytest.approx(1), "clock": pytest.approx(1)}
    # none or all rows compute: cost in proportion
    bound = found["amdahl"] if batch == 16 else None
    assert found["row_bound"] == (None if bound is None else pytest.approx(bound))


def test_replay_that_computes_all_the_same_is_caught() -> None:
    cell = make_cell(1)
    turns = cell["gates"][name_replay("tas", 0.8)]
    cell["gates"][name_replay("tas", 0.8)] = [turn | make_turn(TURN) for turn in turns]
    found = summarise_gate(cell, "tas", 0.8, COST_FRAMES)
    assert found["reached"]["cpu"] == pytest.approx(1 - 0.8 * MLP_SHARE)


def test_the_law_is_that_of_the_ratio_that_was_reached() -> None:
    cell = make_cell(1)
    for turn in cell["gates"][name_replay("tas", 0.8)]:
        turn["replay_ratio"] = 0.4
    found = summarise_gate(cell, "tas", 0.8, COST_FRAMES)
    assert found["amdahl"] == pytest.approx(compute_amdahl(MLP_SHARE, 0.4))


def test_rows_that_share_the_reading_of_weights_bound_the_speed_up() -> None:
    cell: dict[str, Any] = make_cell(16)
    for turn in cell["gates"][name_replay(PLANNED_GATE, 0.5)]:
        turn["row_counts"] = [0, 0, 10] + [0] * 14
    found = summarise_gate(cell, PLANNED_GATE, 0.5, COST_FRAMES)
    left = COSTS[2] / COSTS[16]
    assert found["row_bound"] == pytest.approx(1 / (1 - MLP_SHARE * (1 - left)))
