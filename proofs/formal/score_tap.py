"""The score that is tapped from the stream of attention is the one that SCORE measures.

SCORE adds all products of query and key in one row of the MAC array; SCORES has a row for each key,
and the tap adds those of the aligned key, head by head and group by group (docs/accelerator.md, 7).
Two arrays stand side by side: one takes every beat of SCORES, and the tap behind it; the other one
takes the beats of the aligned key alone, as SCORE does, the key as int16. First the sums of a beat
are the same in both, then, for any sums of beats, the tap holds what the array of SCORE holds,
after any number of instructions. Equal is equal modulo 2^48, the width of every sum; what is beyond
is refused before it is compiled.

What decides is then the same, too: a core gives the score unit either number as the measure of its
slot, and that compares what it is given (`score_unit.py`).

Assumed of the core: SCORES starts, and its score is taken, when no sum is under way; what it says
of blocks and of the aligned key stays until its end; sums come as the block walk marks them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pyrtl

from fastcar.proofs.formal.task import FormalTask, Method
from fastcar.proofs.formal.unit import DESIGN, Unit
from fastcar.proofs.formal.unit_task import UnitBug, make_unit_task, read_body
from fastcar.rtl.attention.config import AttentionConfig
from fastcar.rtl.attention.score_tap import LATENCY_CYCLES, ScoreTapInputs, make_score_tap
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import FIELD_BITS, OPTIONS
from fastcar.rtl.lanes import ACCUMULATOR_BITS, ACTIVATION_BITS, join_lanes, split_lanes
from fastcar.rtl.mac_array import (
    MODE_BITS,
    SOON_CYCLES,
    WEIGHT_BITS,
    MacArrayInputs,
    MacMode,
    latency_cycles,
    make_mac_array,
)

MODULE = "fastcar.rtl.attention.score_tap"
ATTENTION = AttentionConfig(2, 2, 8, 4)
CONFIG = AcceleratorConfig(1, 4, 2, 8, 8, ATTENTION.query_size, 4, ATTENTION)
CONFIGURATION = "L = 4, d = 8, 2 key heads, any number of blocks"
STREAM, SCORE = f"{DESIGN}_stream", f"{DESIGN}_score"
COVER_CYCLES = 26
"""Start, the 16 beats of a block, its score, and the next start."""
LATENCY = latency_cycles(CONFIG)
SUMS = tuple(f"sum_1_{half}_q" for half in range(2))
"""Registers of the adder tree that the accumulator adds."""
CONTROLS = (
    f"is_summed_{SOON_CYCLES - 1}_q",
    f"is_first_{LATENCY - 1}_q",
    f"is_row_{SOON_CYCLES - 1}_q",
)
"""Registers that say of these sums: they count, they begin a row, they end one."""
KEY, HEAD = f"{DESIGN}_tap_key_q", f"{DESIGN}_tap_head_q"
TAP = tuple(
    f"{DESIGN}_tap_{name}_q"
    for name in (
        "key",
        "head",
        "is_last_block",
        "num_blocks_behind",
        "is_added_1",
        "is_done_1",
        "sum",
    )
)

PRODUCTS_BODY = f"""
wire is_through = age >= LATENCY - 1;
always @(posedge clk) begin
    if (is_through) same_lower: assert ({STREAM}_{SUMS[0]} == {SCORE}_{SUMS[0]});
    if (is_through) same_upper: assert ({STREAM}_{SUMS[1]} == {SCORE}_{SUMS[1]});
    if (is_through) begin
        counts: assert ({STREAM}_{CONTROLS[0]} == (beat_before[LATENCY-1] && !(|clear_before)));
        begins: assert ({STREAM}_{CONTROLS[1]} == beat_is_first_before[LATENCY-1]);
        ends: assert ({STREAM}_{CONTROLS[2]} == (beat_before[LATENCY-1]
            && beat_is_last_before[LATENCY-1] && !(|clear_before)));
        score_counts: assert ({SCORE}_{CONTROLS[0]}
            == (score_beat_before[LATENCY-1] && !(|clear_before)));
        score_begins: assert ({SCORE}_{CONTROLS[1]} == score_is_first_before[LATENCY-1]);
    end
    negative: cover (is_through && keys_before[LATENCY-1] == 32'h80ff7f01
        && {STREAM}_{SUMS[0]} == 5);
end
"""
PRODUCT_BUGS = (
    UnitBug(
        "a weight has no sign",
        "fastcar.rtl.mac_array",
        "weight.sign_extended(OPERAND_BITS)",
        "weight.zero_extended(OPERAND_BITS)",
    ),
)
BUGS = (
    UnitBug(
        "a key of every block is aligned",
        MODULE,
        "is_block & (key_q == inputs.lane) & inputs.is_tapped",
        "(key_q == inputs.lane) & inputs.is_tapped",
    ),
    UnitBug(
        "one key head alone is tapped",
        MODULE,
        "num_heads = attention.num_key_value_heads",
        "num_heads = 1",
    ),
    UnitBug(
        "a score begins with the last sum of the one before",
        MODULE,
        "(inputs.is_taken, 0),",
        "(inputs.is_taken, sum_q),",
    ),
    UnitBug(
        "done before the last sum is added",
        MODULE,
        "delay(is_end, LATENCY_CYCLES,",
        "delay(is_end, LATENCY_CYCLES - 1,",
    ),
)


def build(wires: dict[str, pyrtl.WireVector]) -> dict[str, pyrtl.WireVector]:
    """Both arrays, and the tap behind the first one."""
    clear, left, key = (wires[name] for name in ("clear", "left", "keys"))
    as_int16 = [one.sign_extended(ACTIVATION_BITS) for one in split_lanes(key, WEIGHT_BITS)]
    zeros = pyrtl.Const(0, CONFIG.word_bits), pyrtl.Const(0, CONFIG.beat_bits)
    stream = make_mac_array(
        CONFIG,
        STREAM,
        MacArrayInputs(
            clear=clear,
            valid=wires["beat"],
            is_first=wires["beat_is_first"],
            is_last=wires["beat_is_last"],
            mode=pyrtl.Const(MacMode.WEIGHTS, MODE_BITS),
            left=left,
            right=zeros[0],
            weights=key,
        ),
    )
    score = make_mac_array(
        CONFIG,
        SCORE,
        MacArrayInputs(
            clear=clear,
            valid=wires["score_beat"],
            is_first=wires["score_is_first"],
            is_last=wires["score_is_last"],
            mode=pyrtl.Const(MacMode.DOT, MODE_BITS),
            left=left,
            right=join_lanes(as_int16),
            weights=zeros[1],
        ),
    )
    names = ("clear", "start", "num_blocks", "is_tapped", "distance", "lane", "is_taken")
    tap = make_score_tap(
        CONFIG,
        f"{DESIGN}_tap",
        ScoreTapInputs(
            sum_valid=stream.valid, sum=stream.accumulator, **{name: wires[name] for name in names}
        ),
    )
    return {
        "row": stream.valid,
        "partial": stream.accumulator,
        "measure": score.accumulator,
        "score": tap.score,
        "is_done": tap.is_done,
    }


_BEATS = ("beat", "beat_is_first", "beat_is_last", "score_beat", "score_is_first", "score_is_last")
UNIT = Unit(
    build,
    dict.fromkeys(("clear", "start", "is_tapped", "is_taken", *_BEATS), 1)
    | {
        "left": CONFIG.word_bits,
        "keys": CONFIG.beat_bits,
        "num_blocks": FIELD_BITS["rows"],
        "distance": FIELD_BITS["rows"],
        "lane": dict(OPTIONS)["lane"],
    },
    {"row": 1, "is_done": 1} | dict.fromkeys(("partial", "measure", "score"), ACCUMULATOR_BITS),
)


def list_tasks() -> Iterator[FormalTask]:
    """Sums of a beat, then scores."""
    sums = tuple(f"{array}_{name}" for array in (STREAM, SCORE) for name in (*SUMS, *CONTROLS[:2]))
    yield make_unit_task(
        UNIT,
        "tap_products_checker",
        PRODUCTS_BODY,
        name="tap products",
        claim="a beat of an int8 key in SCORES and the same key as int16 in SCORE have the same "
        "sums of products, as many cycles later",
        configuration=f"L = {CONFIG.num_lanes}",
        method=Method.BMC,
        depth_cycles=LATENCY + 1,
        argument="complete: the array has no state but its accumulator, and the first cycle of "
        "these runs is any cycle; both arrays multiply the same factors",
        delays=dict.fromkeys(("keys", "clear", *_BEATS), LATENCY - 1),
        constants={"LATENCY": LATENCY},
        bugs=PRODUCT_BUGS,
        shown=("left", "keys", *sums),
        visible=(*sums, f"{STREAM}_{CONTROLS[2]}"),
        is_quick=True,
        solver="bitwuzla",
    )
    free = tuple(f"{array}_{name}" for array in (STREAM, SCORE) for name in (*SUMS, *CONTROLS[:2]))
    task = make_unit_task(
        UNIT,
        "score_tap_checker",
        read_body("score_tap"),
        name="tap score",
        claim="what is tapped of any number of SCORES, over all blocks, heads and keys, is what "
        "the MAC array of SCORE has of the aligned keys' beats alone; nothing else is tapped, and "
        "it is complete when the tap says so",
        configuration=CONFIGURATION,
        depth_cycles=1,
        argument="sums of beats are cut and the same for both arrays, as the task before claims; "
        "the checker counts keys, heads and blocks for itself",
        constants={
            "LANES": CONFIG.num_lanes,
            "HEADS": ATTENTION.num_key_value_heads,
            "PARTS": ATTENTION.head_dim // CONFIG.num_lanes,
            "DONE": LATENCY_CYCLES + 1,
        },
        bugs=BUGS,
        shown=("start", "is_taken", "beats", "part", "key", "head", "block", "is_aligned"),
        free=(*free, f"{STREAM}_{CONTROLS[2]}"),
        visible=TAP,
        solver="bitwuzla",
    )
    bugs = tuple(replace(bug, depth_cycles=COVER_CYCLES) for bug in task.bugs)
    yield replace(task, cover_depth_cycles=COVER_CYCLES, bugs=bugs)
