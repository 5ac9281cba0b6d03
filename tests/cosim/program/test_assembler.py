"""Text form of programs: round trip in both directions, and errors that name the line."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fastcar.cosim.program.assembler import AssemblyError, assemble, disassemble
from fastcar.rtl.instruction import (
    FIELDS,
    Buffer,
    Instruction,
    Opcode,
    Predicate,
    decode,
    encode,
    join_options,
)
from fastcar.strategies import instruction_words


@given(st.lists(instruction_words(), max_size=8))
@example([encode(Instruction(opcode)) for opcode in range(32)])
@example([encode(Instruction(Opcode.THRESHOLD, multiplier=1 << 15))])
def test_assembling_a_disassembly_gives_the_words(words: list[int]) -> None:
    assert assemble(disassemble(words)) == words


@st.composite
def lines(draw: st.DrawFn) -> str:
    """A line as someone might write it: any order of fields, any case, hexadecimal, comments."""
    opcode = draw(st.sampled_from([*Opcode.__members__, "OP20", "OP31"]))
    parts = [draw(st.sampled_from([opcode, opcode.lower()]))]
    parts[0] += draw(st.sampled_from(["", ".always", ".if_compute", ".IF_REPLAY", ".3"]))
    for name, bits in draw(st.permutations(FIELDS[2:])):
        if draw(st.booleans()):
            number = draw(st.integers(0, (1 << bits) - 1))
            buffers = [buffer.name for buffer in Buffer if buffer == number]
            is_named = bool(buffers) and name in ("target", "source")
            parts.append(f"{name}={buffers[0] if is_named else draw(write_number(number))}")
    return draw(st.sampled_from([" ", "  ", "\t"])).join(parts) + draw(
        st.sampled_from(["", "  # why", " #"])
    )


def write_number(number: int) -> st.SearchStrategy[str]:
    """Decimal or hexadecimal."""
    return st.sampled_from([str(number), hex(number)])


@given(st.lists(lines(), max_size=5))
def test_disassembling_gives_the_canonical_text(written: list[str]) -> None:
    words = assemble("\n".join(written))
    text = disassemble(words)
    assert text.count("\n") == len(words) == len(written)
    assert assemble(text) == words
    assert disassemble(assemble(text)) == text


def test_the_text_of_the_specification_means_what_it_says() -> None:
    line = "GEMV.if_compute slot=3 target=G source=N rows=22 columns=8 shift=30 address=4096"
    [word] = assemble(line + " is_last=1  # gate")
    assert decode(word) == Instruction(
        opcode=Opcode.GEMV,
        predicate=Predicate.IF_COMPUTE,
        slot=3,
        target=Buffer.G,
        source=Buffer.N,
        rows=22,
        columns=8,
        shift=30,
        address=4096,
        is_last=1,
    )
    assert disassemble([word]) == line + " is_last=1\n"


SCORES = (
    "SCORES slot=1 group=13 rows=3 columns=4 shift=20 tap_distance=200 multiplier=9 address=64 "
    "first_lane=1 last_lane=3 lane=2 fresh final tap decides unweighted"
)


def test_options_and_groups_stand_by_their_names() -> None:
    [word] = assemble(SCORES)
    one = decode(word)
    assert (one.group, one.tap_distance) == (13, 200)
    assert one.options == {
        "first_lane": 1,
        "last_lane": 3,
        "lane": 2,
        **dict.fromkeys(("is_fresh", "is_final", "is_tapped", "decides", "is_unweighted"), 1),
    }
    assert disassemble([word]) == SCORES + "\n"


def test_options_that_an_opcode_does_not_have_are_reserved_bits() -> None:
    bits = join_options(lane=3, is_fresh=1, is_tapped=1)
    line = "PICK reserved={}"
    [word] = assemble(line.format(bits))
    rest = join_options(lane=3, is_tapped=1)
    assert disassemble([word]) == f"PICK fresh reserved={rest}\n"
    assert disassemble(assemble("STORE_VALUE lane=3")) == "STORE_VALUE lane=3\n"
    assert disassemble(assemble(f"STORE reserved={bits}")) == f"STORE reserved={bits}\n"


@pytest.mark.parametrize("value", [-(1 << 47), -1, 0, 1, (1 << 47) - 1])
def test_thresholds_are_signed(value: int) -> None:
    [word] = assemble(f"THRESHOLD value={value}")
    assert decode(word).value == value % (1 << 48)
    assert disassemble([word]) == (f"THRESHOLD value={value}\n" if value else "THRESHOLD\n")


def test_the_value_of_norm_is_unsigned() -> None:
    [word] = assemble("NORM rows=8 value=0x800000000001")
    assert disassemble([word]) == f"NORM rows=8 value={(1 << 47) + 1}\n"


def test_empty_lines_and_comments_are_no_instructions() -> None:
    assert assemble("\n# nothing\n   \n") == []
    assert disassemble([]) == ""


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("JUMP", r"opcode = 'JUMP': must be one of BEGIN, THRESHOLD, DECIDE, .*"),
        ("OP32", r"opcode = 32: must be from 0 to 31"),
        ("OPx", r"opcode = 'OPx': must be one of BEGIN, .*"),
        ("LOAD.never", r"predicate = 'never': must be one of always, if_compute, if_replay, or .*"),
        ("LOAD.4", r"predicate = 4: must be from 0 to 3"),
        ("LOAD slot=32", r"slot = 32: must be from 0 to 31"),
        ("LOAD slot=-1", r"slot = -1: must be from 0 to 31"),
        ("LOAD slot", r"slot = '': must be a whole number"),
        ("LOAD slot=two", r"slot = 'two': must be a whole number"),
        ("LOAD slot=1 slot=1", r"field = 'slot': must be written once"),
        ("LOAD target=Q", r"target = 'Q': must be one of x, n, g, h, y, p, k, or a number"),
        ("LOAD color=3", r"field = 'color': must be one of slot, target, source, .*"),
        ("LOAD opcode=3", r"field = 'opcode': must be one of slot, .*"),
        ("LOAD value=3", r"field = 'value': must be one of slot, .*"),
        ("NORM value=-1", r"value = -1: must be from 0 to 281474976710655"),
        ("NORM value=1 address=1", r"field = 'address': must be written once"),
        ("SCORES group=64", r"group = 64: must be from 0 to 63"),
        ("SCORES group=1 target=X", r"field = 'target': must be written once"),
        ("SCORES tap_distance=256", r"tap_distance = 256: must be from 0 to 255"),
        ("SCORES lane=32", r"lane = 32: must be from 0 to 31"),
        ("SCORES fresh=1", r"fresh = '1': must be a word alone"),
        ("SCORES fresh fresh", r"field = 'fresh': must be written once"),
        ("SCORES lane=1 reserved=0x400", r"field = 'reserved': must be without options that .*"),
        ("PICK tap", r"field = 'tap': must be one of slot, .*, reserved, fresh, final"),
        ("CONTEXT tap_distance=1", r"field = 'tap_distance': must be one of slot, .*"),
        ("THRESHOLD value=0x800000000000", r"value = 140737488355328: must be from -1407\d+ to .*"),
    ],
)
def test_an_error_names_the_line(line: str, reason: str) -> None:
    with pytest.raises(AssemblyError, match=rf"^line 3: {reason}$") as caught:
        assemble(f"BEGIN rows=4\n\n{line}\nEND\n")
    assert caught.value.line_number == 3
    assert "\n" not in str(caught.value)
