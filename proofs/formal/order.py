"""Order rules of attention: a core refuses exactly the instructions that break one.

docs/accelerator.md, section 8: CONTEXT comes behind a final SCORES, SCORES that is not fresh behind
one that is not final, PICK behind a NORM of what was put into X last, EMBED behind a PICK of its
slot. The sequencer is the real one, and what is queued is free; the checker keeps what was executed
for itself, of one symbolic slot, and reads instructions, not what the sequencer decoded of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyrtl

from fastcar.proofs.formal.control import SMALL_ATTENTION, make_config, slice_field
from fastcar.proofs.formal.task import FormalTask
from fastcar.proofs.formal.unit import DESIGN, Unit
from fastcar.proofs.formal.unit_task import UnitBug, make_unit_task
from fastcar.rtl.attention.order import OrderInputs, make_order
from fastcar.rtl.instruction import INSTRUCTION_BITS, OPTIONS, Buffer, Opcode, list_opcodes
from fastcar.rtl.sequencer import SequencerInputs, make_sequencer

CONFIG = make_config(1, 4, attention=SMALL_ATTENTION)
MODULE = "fastcar.rtl.attention.order"
SEQUENCER, ORDER = f"{DESIGN}_sequencer", f"{DESIGN}_order"
FLAGS = tuple(
    f"{ORDER}_{name}_q" for name in ("is_softmax_open", "is_divided", "is_normed", "has_token")
)
MARKS = f"{SEQUENCER}_marks_q"
WRITES_TARGET = (Opcode.LOAD, Opcode.EMBED, Opcode.ROPE, Opcode.GEMV, Opcode.GEMV_SILU)


def _read_option(name: str) -> str:
    """An option of an instruction in Verilog."""
    low = sum(bits for _, bits in OPTIONS[: [one for one, _ in OPTIONS].index(name)])
    return f"reserved[{low}]"


BODY = f"""
wire [4:0] opcode = {slice_field("out_instruction", "opcode")};
wire [4:0] of_slot = {slice_field("out_instruction", "slot")};
wire [2:0] target = {slice_field("out_instruction", "target")};
wire [31:0] reserved = {slice_field("out_instruction", "reserved")};
wire is_fresh = {_read_option("is_fresh")}, is_final = {_read_option("is_final")};
wire is_scores = opcode == SCORES && !{_read_option("is_unweighted")};
wire writes_target = {" || ".join(f"opcode == {one.name}" for one in WRITES_TARGET)};
wire replaces = opcode == ADD || writes_target && (target == X || target == N);
// What was executed since the last time that all was forgotten: SCORES, final or not, and whether
// N is the norm of X; and, since reset, whether PICK gave the slot a token.
(* anyconst *) reg [1:0] any_slot;
wire [4:0] slot = any_slot;
reg has_scores = 0, was_final = 0, is_normed = 0, has_token = 0;
wire forget = reset || is_dropping;
wire begins = out_is_first_cycle;
always @(posedge clk) begin
    if (begins && is_scores) {{has_scores, was_final}} <= {{1'b1, is_final}};
    if (begins && opcode == NORM) is_normed <= 1;
    else if (begins && replaces) is_normed <= 0;
    if (forget) {{has_scores, was_final, is_normed}} <= 0;
    has_token <= !reset && (has_token || is_picked && of_slot == slot);
end
wire breaks = is_scores && !is_fresh && !(has_scores && !was_final)
    || opcode == CONTEXT && !(has_scores && was_final)
    || opcode == PICK && !is_normed
    || opcode == EMBED && of_slot == slot && !has_token;
wire [LAST:0] marks = opcode >= LOAD && opcode <= LAST ? 1 << opcode : 0;
wire is_seen = opcode != EMBED || of_slot == slot;
always @(posedge clk) if (was_reset) begin
    invariant_marks: assert (!(begins || out_is_running) || {MARKS} == marks);
    invariant_open: assert ({FLAGS[0]} == (has_scores && !was_final));
    invariant_divided: assert ({FLAGS[1]} == (has_scores && was_final));
    invariant_normed: assert ({FLAGS[2]} == is_normed);
    invariant_token: assert ({FLAGS[3]}[any_slot] == has_token);
    if (begins && is_seen) refuses_what_breaks_a_rule: assert (out_is_broken == breaks);
    if (!begins) refuses_once: assert (!out_is_broken);
    context_behind_scores: cover (begins && opcode == CONTEXT && !out_is_broken);
    pick_without_norm: cover (begins && opcode == PICK && out_is_broken && has_scores);
    embed_of_the_token: cover (begins && opcode == EMBED && of_slot == slot && !out_is_broken);
    scores_go_on: cover (begins && is_scores && !is_fresh && !out_is_broken && is_final);
end
"""
BUGS = (
    UnitBug(
        "CONTEXT comes behind any SCORES",
        MODULE,
        'drive(is_divided_q, (is_scored, options["is_final"]), clear=inputs.clear)',
        "drive(is_divided_q, (is_scored, 1), clear=inputs.clear)",
    ),
    UnitBug(
        "PICK takes the norm of what X was",
        MODULE,
        "return is_one_of(fields, (Opcode.ADD,)) | is_one_of(fields, opcodes) & is_target",
        "return is_one_of(fields, opcodes) & is_target",
    ),
    UnitBug(
        "a score that is tapped alone counts as one of a softmax",
        MODULE,
        'is_one_of(fields, (Opcode.SCORES,)) & ~options["is_unweighted"]',
        "is_one_of(fields, (Opcode.SCORES,))",
    ),
    UnitBug(
        "an error leaves the softmax open",
        MODULE,
        'drive(is_open_q, (is_scored, ~options["is_final"]), clear=inputs.clear)',
        'drive(is_open_q, (is_scored, ~options["is_final"]), clear=inputs.reset)',
    ),
)


def build(wires: dict[str, pyrtl.WireVector]) -> dict[str, pyrtl.WireVector]:
    """Sequencer and order rules as a core connects them."""
    is_picked = wires.pop("is_picked")
    sequencer = make_sequencer(CONFIG, SEQUENCER, SequencerInputs(**wires))
    clear = wires["reset"] | wires["is_dropping"]
    is_broken = make_order(CONFIG, ORDER, sequencer, OrderInputs(wires["reset"], clear, is_picked))
    names = ("is_first_cycle", "is_running", "instruction")
    return {name: getattr(sequencer, name) for name in names} | {"is_broken": is_broken}


UNIT = Unit(
    build,
    dict.fromkeys(
        (
            "reset",
            "is_dropping",
            "head_valid",
            "is_done",
            "is_transfer_open",
            "is_retire_pending",
            "is_picked",
        ),
        1,
    )
    | {"head": INSTRUCTION_BITS},
    {"is_first_cycle": 1, "is_running": 1, "instruction": INSTRUCTION_BITS, "is_broken": 1},
)


def list_tasks() -> Iterator[FormalTask]:
    """One core, any slot."""
    named = (*WRITES_TARGET, Opcode.ADD, Opcode.NORM, Opcode.SCORES, Opcode.CONTEXT, Opcode.PICK)
    buffers = {one.name: one.value for one in (Buffer.X, Buffer.N)}
    yield make_unit_task(
        UNIT,
        "order_checker",
        BODY,
        name="order of opcodes",
        claim="a core refuses an instruction iff it breaks an order rule: CONTEXT without a final "
        "SCORES, SCORES that goes on with nothing, PICK without a norm of what X is, EMBED without "
        "a token",
        configuration="B = 4, any program",
        depth_cycles=1,
        argument="the checker keeps what was executed for itself, and decodes it for itself",
        constants={one.name: one.value for one in named}
        | buffers
        | {"LAST": max(list_opcodes(CONFIG))},
        bugs=BUGS,
        shown=("reset", "is_dropping", "out_is_first_cycle", "opcode", "target", "out_is_broken"),
        visible=(MARKS, *FLAGS),
        is_quick=True,
    )
