"""Planted bugs beside a recording of whole tokens, for the exported testbenches.

Each is one number of one moment: a key that is stored, by hardware or in what is expected, the
token of a pick, or the record of a section, with the digest of the next section of its slot.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from fastcar.cosim.export.recording import Recording
from fastcar.cosim.export.scene import make_random_decoder_scene
from fastcar.cosim.export.testbench import EXPECTED_MEMORY_FILE
from fastcar.cosim.export.token_recording import record_tokens
from fastcar.cosim.verilog.verilog import VERILOG_FILE
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.rtl.config import TINY_DECODER
from fastcar.rtl.instruction import Opcode, decode

NUM_SLOTS = 2
"""Of the recording: slot 1 replays, in half of the time that four slots take."""
KEY, TOKEN, SECTION = "a wrong stored key", "a wrong token", "the section that comes next"
EXPECTED_KEY = "a wrong key in memory"
BUG_NAMES = (KEY, EXPECTED_KEY, TOKEN, SECTION)


@dataclass(frozen=True)
class TokenBug:
    """What is planted, and what a bench says of it.

    Attributes:
        file: which has it.
        plant: from the text of the file to that with the bug.
        testbench: what the Verilog testbench says, a pattern.
        cocotb: what the cocotb tests say first.
    """

    file: str
    plant: Callable[[str], str]
    testbench: str
    cocotb: str


def record_two_slots() -> Recording:
    """Whole tokens of two slots."""
    scene = make_random_decoder_scene(TINY_DECODER, NUM_SLOTS, seed=0)
    return record_tokens(TINY_DECODER, scene, DecisionSource.SCORE)[0]


def list_token_bugs(recording: Recording) -> dict[str, TokenBug]:
    """By their names."""
    instructions = map(decode, recording.program)
    key = next(
        one.address for one in instructions if one.opcode == Opcode.STORE_KEY and one.slot == 1
    )
    pick = recording.sections.index("token 6 pick")
    orders = [one.order for one in recording.retires if one.slot == recording.retires[0].slot]
    first, second = orders[:2]
    assert recording.sections[first] == "token 6 layer 0 attention"
    slot, picking = recording.retires[first].slot, recording.retires[pick]
    digest = recording.retires[second].digest
    return {
        KEY: TokenBug(
            VERILOG_FILE,
            _plant("core1_write_data", f"core1_write_address == 32'd{key}", "core1_write_data ^ 1"),
            rf"^memory beat {key}: ",
            "decision 3",
        ),
        TOKEN: TokenBug(
            VERILOG_FILE,
            _plant(
                "retire_token",
                f"retire_slot == 5'd{picking.slot} && retire_token == 16'd{picking.token}",
                f"16'd{picking.token + 1}",
            ),
            r"^retirement \d+, cycle \d+: ",
            f"token of slot {picking.slot}, token 6 pick",
        ),
        EXPECTED_KEY: TokenBug(
            EXPECTED_MEMORY_FILE,
            partial(_flip_beat, address=key),
            rf"^memory beat {key}: ",
            f"memory beat {key}",
        ),
        SECTION: TokenBug(
            VERILOG_FILE,
            _plant("retire_digest", f"retire_order == 16'd{first}", f"32'd{digest}"),
            rf"^retirement {first}, cycle \d+: ",
            f"digest of slot {slot}, token 6 layer 0 attention",
        ),
    }


def _flip_beat(text: str, address: int) -> str:
    """Another lowest bit in a beat of a memory file."""
    found = re.search(rf"^@{address:x}\n(\w+)$", text, re.M)
    assert found is not None
    return text.replace(found[0], f"@{address:x}\n{int(found[1], 16) ^ 1:0{len(found[1])}x}")


def _plant(port: str, condition: str, value: str) -> Callable[[str], str]:
    """An output that has another value where a condition on outputs holds."""

    def plant(verilog: str) -> str:
        right = re.search(rf"^    assign {port} = (.*);$", verilog, re.M)
        assert right is not None
        wrong = value.replace(port, f"({right[1]})")
        when = condition.replace(port, f"({right[1]})")
        changed = f"    assign {port} = ({when}) ? {wrong} : {right[1]};"
        return verilog.replace(right[0], changed)

    return plant
