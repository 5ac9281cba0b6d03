"""A token is counted by a program that takes its cycles."""

from __future__ import annotations

import pytest

from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.rtl.instruction import Instruction
from tools.hardware.decoder.measure import Measured
from tools.hardware.decoder.programs import ProgramShelf, list_tokens
from tools.hardware.decoder.settings import MODES

ATTENTIONS = [None, SparseAttention(8, 2), SparseAttention(4, 6), SparseAttention(4, 0)]


def describe_cycles(program: list[Instruction]) -> list[tuple[int, ...]]:
    """All that cycles, decisions and records of a program depend on."""
    return [
        (
            one.opcode,
            one.predicate,
            one.slot,
            one.rows,
            one.columns,
            one.is_last,
            one.reserved >> 15,
        )
        for one in program
    ]


@pytest.mark.parametrize("source", DecisionSource)
@pytest.mark.parametrize("sparse", ATTENTIONS, ids=str)
def test_tokens_of_one_description_have_the_same_instructions(
    measured: Measured, sparse: SparseAttention | None, source: DecisionSource
) -> None:
    shelf = ProgramShelf(measured.memory_map, measured.whole, sparse, source)
    tokens = measured.list_tokens(is_decided=True)
    for token in tokens:
        own = describe_cycles(shelf.compile(token, MODES[0]))
        assert describe_cycles(shelf.get(token, MODES[0])) == own
    assert len({shelf.describe(token) for token in tokens}) < len(tokens)


def test_rows_are_prompt_first_frame_and_decided_tokens() -> None:
    tokens = list_tokens(2, 5, tokens_per_frame=3)
    assert [token.position for token in tokens] == list(range(7))
    assert [token.is_prompt for token in tokens] == [True] * 2 + [False] * 5
    assert [token.picks for token in tokens] == [False] + [True] * 6
    assert [token.is_decided for token in tokens] == [False] * 5 + [True] * 2
    assert not any(token.is_decided for token in list_tokens(2, 5, tokens_per_frame=None))


def test_modes_have_programs_of_their_own(measured: Measured) -> None:
    shelf = ProgramShelf(measured.memory_map, measured.whole, None, DecisionSource.SCORE)
    token = measured.list_tokens(is_decided=True)[-1]
    options = {
        (mode.flows, mode.dispatch): [
            one.flows for one in shelf.get(token, mode) if one.opcode == 1
        ]
        for mode in MODES
    }
    assert len(options) == len(MODES)
    for (flows, _), found in options.items():
        assert found == [False] + [flows] * (len(found) - 1)
