"""A decode that does not fit is refused before anything is allocated."""

from __future__ import annotations

from typing import Any

import pytest

from fastcar.cosim.program.whole.planning import plan_memory
from fastcar.reference.errors import ArgumentError
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.rtl.config import TINY_DECODER
from tests.cosim.whole_runs import make_accelerator, make_heads_config

MODEL = make_heads_config("grouped-query")
CONFIG = make_accelerator(MODEL, 3, blocks=5)


def plan(**changes: Any) -> Any:
    """Three slots, frames of four tokens, 20 tokens of a row."""
    sizes = {"num_slots": 3, "tokens_per_frame": 4, "capacity_tokens": 20}
    return plan_memory(CONFIG, MODEL, **sizes | changes)


def test_blocks_hold_the_capacity() -> None:
    assert plan().num_blocks == 5
    assert plan(capacity_tokens=17).num_blocks == 5
    assert plan(capacity_tokens=16).num_blocks == 4
    assert plan().num_codes == 11
    assert plan(num_codes=7).num_codes == 7
    assert plan(capacity_tokens=400, sparse=SparseAttention(8, 4)).num_positions == 400


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"capacity_tokens": 0}, "^capacity_tokens = 0: must be at least 1$"),
        ({"capacity_tokens": 21}, "^visible blocks = 6: must be at most max_blocks = 5$"),
        ({"num_slots": 4}, "^num_slots = 4: must be from 1 to the accelerator's 3$"),
        ({"num_codes": 12}, "^num_codes = 12: must be from 1 to vocab_size = 11$"),
        ({"sparse": SparseAttention(3, 0)}, "^window = 3: must be at least a word of 4 keys$"),
        ({"capacity_tokens": 1 << 29}, r"^beats of memory = \d+: must be at most 4294967296$"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        plan(**changes)


def test_accelerator_of_another_model_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^hidden_size = 12: must be 8, that of the "):
        plan_memory(TINY_DECODER, MODEL, num_slots=1, tokens_per_frame=4, capacity_tokens=8)
