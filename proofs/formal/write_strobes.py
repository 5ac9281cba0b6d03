"""The write channel with attention: rules, bytes and strobes of STORE_KEY and STORE_VALUE.

The rules are those of `write_channel.py`, for beats of docs/accelerator.md, section 8. Assumed of
the core, beside what is assumed there: a burst is of one kind and one lane from its start to its
end, and a word changes only in the cycle after its last beat was taken. A channel that is built
without attention has no strobes at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pyrtl

from fastcar.proofs.formal.task import FormalTask
from fastcar.proofs.formal.unit import DESIGN, Unit
from fastcar.proofs.formal.unit_task import UnitBug, make_unit_task, read_body
from fastcar.proofs.formal.write_channel import BEAT_BITS, DELAYS, INNER, SHOWN, UNIT
from fastcar.rtl.attention.config import AttentionConfig
from fastcar.rtl.byte_beats import BYTE_BITS, make_byte_store
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import OPTIONS
from fastcar.rtl.write_channel import WriteChannelInputs, make_write_channel

MODULE = "fastcar.rtl.byte_beats"
NUM_LANES = BEAT_BITS // BYTE_BITS
HEAD_BEATS = (1, 2, 3)
"""d / L: a head in one beat has no counter, one in two has a flag alone."""
KIND = {"is_key": 1, "is_value": 1, "lane": dict(OPTIONS)["lane"]}
BYTES = tuple(f"{DESIGN}_{name}_q" for name in ("is_sending", "strobe", "lane_ahead", "byte_ahead"))
HEADS = (f"{DESIGN}_head_beat_q", f"{DESIGN}_is_head_end_q")
HEADS_BODY = f"""
always @(posedge clk) if (was_reset) begin
    invariant_head_beat: assert (!is_sending || {HEADS[0]} == number_in_head);
    invariant_head_end: assert (!is_sending || {HEADS[1]} == is_head_end);
end
"""
BUGS = (
    UnitBug(
        "a value has the strobes of all lanes",
        MODULE,
        "~store.is_value | (store.lane == k)",
        "~store.is_value | (store.lane >= k)",
    ),
    UnitBug(
        "the strobe of a lane that a beat does not have is that of a lane it has",
        MODULE,
        "(store.lane == k)",
        "(store.lane[:2] == k)",
    ),
    UnitBug(
        "the byte of a value runs ahead while memory is not ready",
        MODULE,
        "drive(byte_ahead_q, (is_beat_sent, following))",
        "drive(byte_ahead_q, (pyrtl.Const(1, 1), following))",
    ),
    UnitBug(
        "the next head is one beat too far",
        MODULE,
        "(is_beat_sent, ~is_head_end_q & (number_q == last - 1))",
        "(is_beat_sent, ~is_head_end_q & (number_q == last))",
    ),
    UnitBug(
        "the digest takes what is not written",
        MODULE,
        "[mask(byte, is_stored) for byte, is_stored in lanes]",
        "[byte for byte, is_stored in lanes]",
    ),
    UnitBug(
        "a key is offered while its word moves",
        "fastcar.rtl.write_channel",
        "(inputs.start, ~store.is_key),",
        "(inputs.start, 1),",
    ),
)
STEP_BUG = UnitBug(
    "the next head is not behind the last beat of a head",
    MODULE,
    "pyrtl.select(store.is_key & is_head_end, step,",
    "pyrtl.select(store.is_key & ~is_head_end, step,",
)


def make_unit_of_head(head_beats: int) -> Unit:
    """The channel as a core builds it whose heads have as many beats."""
    head_dim = head_beats * NUM_LANES
    attention = AttentionConfig(2, 2, head_dim, 4)
    config = AcceleratorConfig(1, NUM_LANES, 2, 8, 8, attention.query_size, 4, attention)

    def build(wires: dict[str, pyrtl.WireVector]) -> dict[str, pyrtl.WireVector]:
        kind = {name: wires.pop(name) for name in KIND}
        store = make_byte_store(config, **kind)
        return vars(make_write_channel(DESIGN, WriteChannelInputs(**wires), store))

    return Unit(build, {**UNIT.inputs, **KIND}, {**UNIT.outputs, "strobe": NUM_LANES})


def list_tasks() -> Iterator[FormalTask]:
    """Heads of one, two and three beats; bugs where heads have two."""
    for head_beats in HEAD_BEATS:
        yield make_task(head_beats)


def make_task(head_beats: int) -> FormalTask:
    """The channel of a core whose heads have as many beats."""
    has_counter = head_beats > 1
    body = read_body("write_bytes") + read_body("write_channel")
    task = make_unit_task(
        make_unit_of_head(head_beats),
        "write_strobes_checker",
        body + (HEADS_BODY if has_counter else ""),
        name=f"write strobes{'' if has_counter else ' short'} d={head_beats * NUM_LANES}",
        claim="the same with strobes: exactly the bytes that are asked for, at the "
        "addresses of heads and lanes; strobes are kept as the beat is; the digest takes what is "
        "written",
        configuration=f"L = {NUM_LANES}, d = {head_beats * NUM_LANES}",
        depth_cycles=2,
        argument="the checker counts beats, words and heads for itself",
        delays=DELAYS | dict.fromkeys((*KIND, "out_strobe"), 1),
        constants={"LANES": NUM_LANES, "HEAD_BEATS": head_beats},
        bugs=BUGS if head_beats == 2 else (STEP_BUG,),
        is_quick=not has_counter,
        shown=(*SHOWN, *KIND, "out_strobe", "strobe", "beat", "address"),
        visible=(*INNER, *BYTES, *(HEADS if has_counter else ())),
    )
    return replace(task, cover_depth_cycles=14)
