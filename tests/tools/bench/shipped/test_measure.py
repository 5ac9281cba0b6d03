from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tools.bench.llama_cpp import F16_FILE
from tools.bench.shipped.measure import Batch, Results, compare_tokens, play_rounds
from tools.bench.shipped.plan import EARLIER, EXACT, INT8, PEER, QUICK_SHIPPED_PLAN, STEPS


def test_turns_are_interleaved_and_their_order_changes() -> None:
    order: list[str] = []

    def make_play(name: str) -> Callable[[], Results]:
        def play() -> Results:
            order.append(name)
            return {"number": len(order)}

        return play

    turns = play_rounds({name: make_play(name) for name in "abc"}, 3)
    assert "".join(order) == "cba" + "abc" + "cba"
    # the turns of a round stand at the same place of every list
    assert [turn["number"] for turn in turns["a"]] == [3, 4, 9]
    assert [turn["number"] for turn in turns["c"]] == [1, 6, 7]


def test_tokens_are_compared_with_those_of_the_frame_kernel() -> None:
    said = {
        EXACT: {"token_ids": [[1, 2], [3, 4]], "nats": "one"},
        STEPS: {"token_ids": [[1, 2], [3, 4]], "nats": "one"},
        EARLIER: {"token_ids": [[1, 2], [4, 3]], "nats": "other"},
        INT8: {"token_ids": [[0, 0], [0, 0]], "nats": "other"},
    }
    assert compare_tokens(said) == {
        STEPS: {"equal_share": 1.0, "equal_nats": True},
        EARLIER: {"equal_share": 0.5, "equal_nats": False},
    }


PEER_PLAYER = """#!{python}
import sys
sys.path.insert(0, ".")
from tools.bench.shipped.player import ShippedPlayer
from tools.bench.worker import serve

class Peer:
    def describe(self):
        return {{}}

    def open(self, folder):
        return {{}}

    def read_logits(self, variant, token_ids):
        player = ShippedPlayer()
        player.open(1, 2, 0.7)
        logits = player.read_logits(token_ids)["logits"]
        return {{"logits": [{sign} * one for one in logits]}}

    def prepare(self, batch, context, capacity):
        assert (batch, context, capacity) == (1, 6, 6 + 127 + 1)

    def burst(self, variant, tokens):
        return {{"seconds": 2.0 * tokens, "cpu_seconds": 1.0 * tokens}}

serve(Peer(), sys.stdin, sys.stdout)
"""


def make_peer(folder: Path, sign: int) -> str:
    """An interpreter in which llama.cpp is this project's model, or its opposite."""
    path = folder / "python"
    path.write_text(PEER_PLAYER.format(python=sys.executable, sign=sign))
    path.chmod(0o755)
    return str(path)


@pytest.mark.slow
def test_a_peer_of_the_same_model_plays_in_every_round(tmp_path: Path) -> None:
    plan = replace(QUICK_SHIPPED_PLAN, contenders=(STEPS, EXACT), contender_rounds={1: 2})
    with Batch(plan, 1, None) as players:
        assert players.add_peer(make_peer(tmp_path, 1), tmp_path) == {}
        engines = players.measure()["engines"]
    assert (tmp_path / F16_FILE).stat().st_size > 1 << 20
    # of 128 tokens one is not fed, one not timed
    assert engines[PEER] == [{"tokens": 126, "cpu": 126.0, "clock": 252.0}] * 2
    assert [len(turns) for turns in engines.values()] == [2] * 4


@pytest.mark.slow
def test_a_peer_of_another_model_is_absent(tmp_path: Path) -> None:
    with Batch(QUICK_SHIPPED_PLAN, 1, None) as players:
        [(name, reason)] = players.add_peer(make_peer(tmp_path, -1), tmp_path).items()
    assert name == PEER
    assert reason == "logits differ by 2 from NumPy's: must be at most 0.1"
