"""Every rule of an instruction, against plain Python and one by one."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pyrtl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.rtl.attention.config import AttentionConfig
from fastcar.rtl.config import TINY, TINY_DECODER, AcceleratorConfig
from fastcar.rtl.instruction import (
    FIELDS,
    INSTRUCTION_BITS,
    Buffer,
    Instruction,
    Opcode,
    encode,
    join_options,
    split,
)
from fastcar.rtl.instruction_check import CheckInputs, ErrorCode, make_instruction_check
from fastcar.rtl.instruction_form import make_form
from tests.rtl.naive_check import check

WIDE_QUERY = AcceleratorConfig(3, 4, 5, 8, 12, 40)
"""H and K are larger than P and G here, and 5 slots are no power of two."""

GROUPED = AcceleratorConfig(3, 4, 5, 8, 12, 48, attention=AttentionConfig(12, 3, 4, 7))
"""Four query heads for each of three key heads, and a score buffer of 21 words."""

CONFIGS = [TINY, WIDE_QUERY, TINY_DECODER, GROUPED]

LENGTHS = st.integers(0, 12) | st.integers(0, 4095)
RESERVED = st.sampled_from([0, 0, 0, 1, 4]) | st.integers(0, 22).map(lambda bit: 1 << bit)
SMALL_FIELDS = {"rows": LENGTHS, "columns": LENGTHS, "reserved": RESERVED}


def list_fields() -> dict[str, st.SearchStrategy[int]]:
    anything = {name: st.integers(0, (1 << num_bits) - 1) for name, num_bits in FIELDS}
    likely = {"opcode": st.sampled_from([int(opcode) for opcode in Opcode])}
    return anything | SMALL_FIELDS | likely


anything = st.builds(Instruction, **list_fields())
random_bits = st.builds(
    Instruction, **{name: st.integers(0, (1 << num_bits) - 1) for name, num_bits in FIELDS}
)


@cache
def get_simulation(config: AcceleratorConfig) -> pyrtl.FastSimulation:
    block = pyrtl.Block()
    with pyrtl.set_working_block(block):
        fields = split(pyrtl.Input(INSTRUCTION_BITS, "instruction"))
        inputs = CheckInputs(
            form=make_form(config, fields),
            is_open=fields["slot"] < pyrtl.Input(6, "num_slots"),
            is_distance=pyrtl.Input(1, "is_distance"),
            is_claimed=pyrtl.Input(1, "is_claimed"),
        )
        code = pyrtl.Output(4, "code")
        verdict, found = make_instruction_check(inputs)
        code <<= found
        right = pyrtl.Output(1, "is_right")
        right <<= verdict.is_fitting & verdict.is_admitted
    return pyrtl.FastSimulation(tracer=None, block=block)


def find_code(
    instruction: Instruction,
    config: AcceleratorConfig = TINY,
    num_slots: int = 4,
    is_distance: bool = False,
    is_claimed: bool = False,
) -> ErrorCode:
    """What the hardware says."""
    simulation = get_simulation(config)
    simulation.step(
        {
            "instruction": encode(instruction),
            "num_slots": num_slots,
            "is_distance": int(is_distance),
            "is_claimed": int(is_claimed),
        }
    )
    code = ErrorCode(simulation.inspect("code"))
    assert simulation.inspect("is_right") == (code is ErrorCode.NONE)
    return code


@given(
    anything | random_bits,
    st.sampled_from(CONFIGS),
    st.integers(0, 5),
    st.booleans(),
    st.booleans(),
)
def test_code_equals_plain_python(
    instruction: Instruction,
    config: AcceleratorConfig,
    num_slots: int,
    is_distance: bool,
    is_claimed: bool,
) -> None:
    expected = check(config, instruction, num_slots, is_distance, is_claimed)
    assert find_code(instruction, config, num_slots, is_distance, is_claimed) == expected


GOOD = {
    Opcode.BEGIN: Instruction(Opcode.BEGIN, rows=4, slot=31),
    Opcode.THRESHOLD: Instruction(Opcode.THRESHOLD, multiplier=0xFFFF, address=0xFFFFFFFF),
    Opcode.DECIDE: Instruction(Opcode.DECIDE, slot=3),
    Opcode.END: Instruction(Opcode.END, slot=31),
    Opcode.LOAD: Instruction(Opcode.LOAD, target=Buffer.H, rows=3, slot=3, address=0xFFFFFFFF),
    Opcode.STORE: Instruction(Opcode.STORE, source=Buffer.G, rows=3),
    Opcode.NORM: Instruction(Opcode.NORM, rows=2, multiplier=0xFFFF),
    Opcode.GEMV: Instruction(
        Opcode.GEMV, target=Buffer.Y, source=Buffer.H, rows=2, columns=3, shift=47
    ),
    Opcode.GEMV_SILU: Instruction(
        Opcode.GEMV_SILU, target=Buffer.H, source=Buffer.N, rows=3, columns=2
    ),
    Opcode.ADD: Instruction(Opcode.ADD, rows=2, is_last=1),
    Opcode.SCORE: Instruction(Opcode.SCORE, rows=2),
    Opcode.DISTANCE: Instruction(Opcode.DISTANCE, rows=2),
    Opcode.EMBED: Instruction(Opcode.EMBED, target=Buffer.X, rows=2, shift=63),
    Opcode.ROPE: Instruction(Opcode.ROPE, target=Buffer.K, rows=2, gate_shift=1),
    Opcode.STORE_KEY: Instruction(Opcode.STORE_KEY, source=Buffer.K, rows=2),
    Opcode.STORE_VALUE: Instruction(
        Opcode.STORE_VALUE, source=Buffer.Y, rows=2, reserved=join_options(lane=31)
    ),
    Opcode.SCORES: Instruction(
        Opcode.SCORES, rows=8, columns=15, gate_shift=3, reserved=(1 << 20) - 1
    ),
    Opcode.CONTEXT: Instruction(
        Opcode.CONTEXT, rows=8, columns=15, reserved=join_options(is_fresh=1, is_final=1)
    ),
    Opcode.PICK: Instruction(
        Opcode.PICK, rows=3, columns=2, reserved=join_options(is_fresh=1, is_final=1)
    ),
}
"""A correct instruction of each opcode, as long as the preset `tiny` with attention allows."""


def test_every_opcode_has_a_good_instruction() -> None:
    assert set(GOOD) == set(Opcode)


@pytest.mark.parametrize("opcode", Opcode)
def test_a_good_instruction_passes(opcode: Opcode) -> None:
    is_distance = opcode is Opcode.DISTANCE
    assert find_code(GOOD[opcode], TINY_DECODER, is_distance=is_distance) is ErrorCode.NONE
    without = find_code(GOOD[opcode], TINY, is_distance=is_distance)
    assert without is (ErrorCode.OPCODE if opcode.is_for_attention else ErrorCode.NONE)


@pytest.mark.parametrize("opcode", [0, 5, 6, 7, *range(16, 32)])
def test_unknown_opcodes(opcode: int) -> None:
    assert find_code(Instruction(opcode, rows=1)) is ErrorCode.OPCODE
    if opcode not in set(Opcode):
        assert find_code(Instruction(opcode, rows=1), TINY_DECODER) is ErrorCode.OPCODE


def test_only_the_chosen_source_decides() -> None:
    assert find_code(GOOD[Opcode.SCORE], is_distance=True) is ErrorCode.OPCODE
    assert find_code(GOOD[Opcode.DISTANCE], is_distance=False) is ErrorCode.OPCODE


@pytest.mark.parametrize("predicate", [1, 2])
@pytest.mark.parametrize(
    "opcode", [Opcode.BEGIN, Opcode.THRESHOLD, Opcode.DECIDE, Opcode.END, Opcode.SCORE]
)
def test_what_decides_or_controls_is_never_conditional(opcode: Opcode, predicate: int) -> None:
    assert find_code(replace(GOOD[opcode], predicate=predicate)) is ErrorCode.PREDICATE


@pytest.mark.parametrize("opcode", [one for one in Opcode if one is not Opcode.DISTANCE])
def test_predicate_3_does_not_exist(opcode: Opcode) -> None:
    assert find_code(replace(GOOD[opcode], predicate=3), TINY_DECODER) is ErrorCode.PREDICATE


@pytest.mark.parametrize("opcode", [Opcode.DECIDE, Opcode.LOAD, Opcode.SCORE, Opcode.ADD])
def test_slot_is_below_the_number_of_slots_of_the_run(opcode: Opcode) -> None:
    assert find_code(replace(GOOD[opcode], slot=2), num_slots=3) is ErrorCode.NONE
    assert find_code(replace(GOOD[opcode], slot=3), num_slots=3) is ErrorCode.SLOT
    assert find_code(replace(GOOD[opcode], slot=0), num_slots=0) is ErrorCode.SLOT


@pytest.mark.parametrize("opcode", [Opcode.BEGIN, *(one for one in Opcode if one.is_for_core)])
def test_length_is_from_1_to_the_buffer(opcode: Opcode) -> None:
    good, is_distance = GOOD[opcode], opcode is Opcode.DISTANCE
    for rows in (0, good.rows + 1, 4095):
        bad = replace(good, rows=rows)
        assert find_code(bad, TINY_DECODER, is_distance=is_distance) is ErrorCode.LENGTH


@pytest.mark.parametrize("opcode", [Opcode.GEMV, Opcode.GEMV_SILU])
def test_columns_are_from_1_to_the_source(opcode: Opcode) -> None:
    for columns in (0, GOOD[opcode].columns + 1):
        assert find_code(replace(GOOD[opcode], columns=columns)) is ErrorCode.LENGTH


def test_a_group_is_one_of_a_key_heads_and_starts_within_the_score_buffer() -> None:
    scores = Instruction(Opcode.SCORES, rows=7, columns=20, source=3)
    for one in (scores, replace(scores, opcode=Opcode.CONTEXT)):
        assert find_code(one, GROUPED) is ErrorCode.NONE
        assert find_code(replace(one, source=4), GROUPED) is ErrorCode.BUFFER
        assert find_code(replace(one, target=1, source=0), GROUPED) is ErrorCode.BUFFER
        assert find_code(replace(one, columns=21), GROUPED) is ErrorCode.LENGTH


def test_what_attention_decides_is_a_score() -> None:
    deciding = replace(GOOD[Opcode.SCORES], reserved=join_options(decides=1))
    silent = replace(deciding, reserved=0)
    for is_distance, is_claimed, code in (
        (False, False, ErrorCode.NONE),
        (True, False, ErrorCode.OPCODE),
        (False, True, ErrorCode.DECIDED_TWICE),
    ):
        options = {"is_distance": is_distance, "is_claimed": is_claimed}
        assert find_code(deciding, TINY_DECODER, **options) is code
        assert find_code(silent, TINY_DECODER, **options) is ErrorCode.NONE


def test_products_have_no_more_rows_than_multipliers_and_gates() -> None:
    product = Instruction(Opcode.GEMV, target=Buffer.H, source=Buffer.N, rows=3, columns=2)
    gated = replace(product, opcode=Opcode.GEMV_SILU)
    for instruction in (product, gated):
        assert find_code(instruction, WIDE_QUERY) is ErrorCode.NONE
        assert find_code(replace(instruction, rows=4), WIDE_QUERY) is ErrorCode.LENGTH


@pytest.mark.parametrize("bit", range(23))
@pytest.mark.parametrize("opcode", [Opcode.END, Opcode.GEMV])
def test_every_reserved_bit_is_0(opcode: Opcode, bit: int) -> None:
    assert find_code(replace(GOOD[opcode], reserved=1 << bit)) is ErrorCode.RESERVED


@pytest.mark.parametrize(
    ("opcode", "changes"),
    [
        (Opcode.LOAD, {"target": 7}),
        (Opcode.STORE, {"source": 7}),
        (Opcode.GEMV, {"target": 7}),
        (Opcode.GEMV, {"source": 7}),
        (Opcode.GEMV, {"target": Buffer.H}),
        (Opcode.GEMV, {"target": Buffer.P}),
        (Opcode.GEMV_SILU, {"source": Buffer.P}),
        (Opcode.GEMV_SILU, {"source": Buffer.G}),
    ],
)
def test_buffers_exist_and_are_not_shared(opcode: Opcode, changes: dict[str, int]) -> None:
    assert find_code(replace(GOOD[opcode], **changes)) is ErrorCode.BUFFER


@pytest.mark.parametrize("opcode", [Opcode.DECIDE, Opcode.SCORE, Opcode.LOAD])
def test_a_slot_is_decided_once(opcode: Opcode) -> None:
    expected = ErrorCode.NONE if opcode is Opcode.LOAD else ErrorCode.DECIDED_TWICE
    assert find_code(GOOD[opcode], is_claimed=True) is expected


def test_the_lowest_code_is_given() -> None:
    bad = Instruction(opcode=0, predicate=3, slot=31, rows=0, reserved=1)
    assert find_code(bad) is ErrorCode.OPCODE
    assert find_code(replace(bad, opcode=Opcode.LOAD)) is ErrorCode.PREDICATE
    assert find_code(replace(bad, opcode=Opcode.LOAD, predicate=0)) is ErrorCode.SLOT
