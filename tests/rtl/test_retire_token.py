"""What attention adds to a retire record: the token of a PICK, and logits in the digest."""

from __future__ import annotations

from typing import Any

import pyrtl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.rtl.assertions import ProtocolError
from fastcar.rtl.instruction import Instruction, Opcode, encode, join_options, split
from fastcar.rtl.retirement import LogitWord, RetirementInputs, make_retirement
from fastcar.rtl.sequencer import MARKS, SequencerOutputs
from tests.rtl.naive_core import update_digest
from tests.rtl.wires import Bench, build_once, expose

WORD_BITS = 64


@build_once
def build() -> Bench:
    def bit(name: str) -> pyrtl.Input:
        return pyrtl.Input(1, name)

    instruction = pyrtl.Input(128, "instruction")
    fields = split(instruction)
    fields[MARKS] = pyrtl.concat_list([fields["opcode"] == n for n in range(1 + max(Opcode))])
    sequencer = SequencerOutputs(
        is_starting=pyrtl.Const(0, 1),
        head={},
        is_running=pyrtl.Const(1, 1),
        is_first_cycle=bit("is_first_cycle"),
        is_finished=bit("is_finished"),
        instruction=instruction,
        fields=fields,
    )
    inputs = RetirementInputs(
        reset=bit("reset"),
        is_dropping=bit("is_dropping"),
        is_running=bit("is_running"),
        cycle=pyrtl.Input(48, "cycle"),
        is_beat_sent=bit("is_beat_sent"),
        beat=pyrtl.Input(WORD_BITS // 2, "beat"),
        ready=bit("ready"),
        token=pyrtl.Input(16, "token"),
        logits=LogitWord(bit("has_logits"), pyrtl.Input(WORD_BITS, "logits")),
    )
    expose(make_retirement("unit", sequencer, inputs))
    return Bench()


def step(bench: Bench, instruction: Instruction, **inputs: int) -> None:
    given: dict[str, Any] = {"is_running": 1, "instruction": encode(instruction)}
    bench.step(**given | inputs)


FINAL, FRESH = join_options(is_final=1), join_options(is_fresh=1)


@pytest.mark.parametrize(
    ("instruction", "token"),
    [
        (Instruction(Opcode.PICK, reserved=FINAL, is_last=1), 0xABCD),
        (Instruction(Opcode.PICK, reserved=FINAL | FRESH, is_last=1), 0xABCD),
        (Instruction(Opcode.PICK, reserved=FRESH, is_last=1), 0),
        (Instruction(Opcode.CONTEXT, reserved=FINAL, is_last=1), 0),
        (Instruction(Opcode.STORE, is_last=1), 0),
    ],
)
def test_the_record_names_the_token_of_a_final_pick(instruction: Instruction, token: int) -> None:
    bench = build()
    step(bench, instruction, is_first_cycle=1, token=1)
    step(bench, instruction, token=2)
    step(bench, instruction, is_finished=1, token=0xABCD)
    for _ in range(3):  # Held until it is taken, whatever comes next.
        step(bench, Instruction(Opcode.PICK, reserved=FINAL), token=0x1111)
        assert bench.read("valid")
        assert bench.read("token") == token


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2**WORD_BITS - 1)), max_size=12))
def test_the_digest_goes_on_with_beats_and_words_of_logits(sent: list[tuple[bool, int]]) -> None:
    bench, pick = build(), Instruction(Opcode.PICK, is_last=1)
    step(bench, pick, is_first_cycle=1)
    digest = 0
    for is_logits, value in sent:
        beat = value & (1 << WORD_BITS // 2) - 1
        step(bench, pick, logits=value, beat=beat, has_logits=is_logits, is_beat_sent=not is_logits)
        own = value if is_logits else beat
        digest = update_digest(digest, own, WORD_BITS if is_logits else WORD_BITS // 2)
        step(bench, pick, logits=7, beat=9)
    step(bench, pick, is_finished=1)
    step(bench, pick)
    assert bench.read("digest") == digest


@pytest.mark.parametrize("other", ["is_first_cycle", "is_beat_sent"])
def test_logits_beside_a_beat_or_in_a_first_cycle_are_refused(other: str) -> None:
    with pytest.raises(ProtocolError, match="no logits beside a beat or in a first cycle"):
        step(build(), Instruction(Opcode.PICK), has_logits=1, **{other: 1})
