from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from tools.bench.cells import Contender, count_cache_bytes, measure_cell, measure_rows, play_rounds
from tools.bench.plan import ENGINES, OWN, QUICK_PLAN, READ, REFERENCE_ENGINE, Geometry, get_variant
from tools.bench.worker import Worker, WorkerError

GEOMETRY = Geometry("tiny", 64, 96, 2, 2)
PEERS = ("transformers-float32", "llama.cpp-F16")
PLENTY = 10**12


class StandInWorker:
    """Answers at once; everybody's turns go to one list."""

    def __init__(self, kind: str, turns: list[str], broken: str = "") -> None:
        self.kind, self.turns, self.broken = kind, turns, broken

    def ask(self, method: str, *arguments: Any) -> Any:
        """Two seconds per token, whoever plays."""
        if method == self.broken:
            raise WorkerError(f"{self.kind}: broken")
        if method == "get_variants":
            return [READ, REFERENCE_ENGINE, get_variant(REFERENCE_ENGINE, 0.5)]
        if method != "burst":
            return {"seconds": 0.5}
        variant, tokens = arguments
        self.turns.append(variant)
        if variant == READ:
            return {"bytes_per_second": 1e9}
        answer: dict[str, Any] = {"seconds": 2.0 * tokens}
        if self.kind == OWN:
            answer |= {"parts": {"mlp": 1.0 * tokens}, "row_counts": [0, tokens]}
        return answer


def play(broken: dict[str, str], free_bytes: int = PLENTY) -> tuple[dict[str, Any], list[str]]:
    """A cell of stand-ins: its results, and who took a turn when."""
    turns: list[str] = []
    workers = {kind: StandInWorker(kind, turns, broken.get(kind, "")) for kind in (OWN, *PEERS)}
    cell = measure_cell(cast("dict[str, Worker]", workers), QUICK_PLAN, GEOMETRY, 1, 32, free_bytes)
    return cell, turns


def test_everybody_plays_in_every_round() -> None:
    cell, _ = play({})
    for name in (READ, REFERENCE_ENGINE, *PEERS):
        assert cell["contenders"][name]["rounds"] == [0, 1]


def test_times_are_per_token() -> None:
    cell, _ = play({})
    own, peer = cell["contenders"][REFERENCE_ENGINE], cell["contenders"][PEERS[0]]
    assert own["seconds"] == peer["seconds"] == [2.0, 2.0]
    assert own["mlp_seconds"] == [1.0, 1.0]
    assert "mlp_seconds" not in peer
    assert cell["contenders"][READ]["bytes_per_second"] == [1e9, 1e9]


def test_turns_are_interleaved_and_their_order_changes() -> None:
    _, turns = play({})
    names = [READ, REFERENCE_ENGINE, f"{REFERENCE_ENGINE} 50%", *PEERS]
    assert turns[-10:] == [*reversed(names), *names]


@pytest.mark.parametrize("method", ["prepare", "burst"])
def test_a_peer_that_fails_is_listed_and_the_others_go_on(method: str) -> None:
    cell, _ = play({PEERS[0]: method})
    assert cell["failed"] == {PEERS[0]: f"{PEERS[0]}: broken"}
    assert PEERS[0] not in cell["contenders"]
    assert cell["contenders"][PEERS[1]]["rounds"] == [0, 1]


def test_a_failure_of_this_project_is_none_to_pass_over() -> None:
    with pytest.raises(WorkerError, match="own: broken"):
        play({OWN: "prepare"})


def test_without_room_peers_play_one_after_the_other() -> None:
    cell, _ = play({}, free_bytes=0)
    rounds = {name: contender["rounds"] for name, contender in cell["contenders"].items()}
    assert rounds[PEERS[0]] == rounds[f"{REFERENCE_ENGINE} 50%"] == [0, 1]
    assert rounds[PEERS[1]] == [2, 3]
    assert rounds[READ] == rounds[REFERENCE_ENGINE] == [0, 1, 2, 3]


def test_turns_and_rounds_follow_the_plan() -> None:
    plan = replace(QUICK_PLAN, turn_seconds=10.0, cell_seconds=100.0, rounds=(1, 50))
    turns: list[str] = []
    worker = cast("Worker", StandInWorker(PEERS[0], turns))
    contender = Contender(worker, PEERS[0])
    contender.warm_up(plan.turn_seconds)
    assert contender.tokens == 5  # of two seconds each
    assert play_rounds([contender], plan, 0) == round(100 / 12)  # and an untimed one per turn


def test_caches_are_counted_in_the_type_of_the_peer() -> None:
    assert count_cache_bytes(GEOMETRY, OWN, 3, 10) == 2 * 2 * 64 * 3 * 10 * (4 + 2)
    assert count_cache_bytes(GEOMETRY, PEERS[1], 3, 10) == 2 * 2 * 64 * 3 * 10 * 2


def test_every_engine_is_timed_at_every_number_of_rows() -> None:
    costs = measure_rows(cast("Worker", StandInWorker(OWN, [])), QUICK_PLAN)
    assert list(costs) == list(ENGINES)
    for by_rows in costs.values():
        assert by_rows == {"1": [0.5], "2": [0.5]}
