from __future__ import annotations

from collections.abc import Callable

from tools.bench.shipped.measure import Results, compare_tokens, play_rounds
from tools.bench.shipped.plan import EARLIER, EXACT, INT8, STEPS


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
