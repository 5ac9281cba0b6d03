"""The dispatcher in the exported accelerator: who gets which instruction, and that none is lost.

Proven without any assumption, for all runs: cores are free (see `fastcar.proofs.formal.control`),
so queues may be full or empty and decisions may arrive in any cycle.
"""

from __future__ import annotations

from collections.abc import Iterator

from fastcar.proofs.formal.control_task import Bug, ControlProof
from fastcar.proofs.formal.task import FormalTask

_MODULE = "fastcar.rtl.dispatcher"

_LOCKED = """
reg was_locked;
always @(posedge clk) was_locked <= is_for_core & is_met & is_locked;
always @(posedge clk) if (was_reset) begin
    locked_waits: assert (~(is_of_slot & was_locked) | ~was_ready & (last_offered == 0));
    waiting_for_a_section: cover (is_of_slot & was_locked);
end
"""
"""With attention: what a section of its slot holds back is kept."""

PROOF = ControlProof(
    unit="dispatcher",
    claim="an if-compute instruction goes exactly once to the mapped core if its slot computes, an "
    "if-replay one to core b mod C if it replays; what is excluded is dropped, what waits is kept, "
    "and no instruction is lost, changed or sent twice when queues are full",
    argument="one register holds one instruction; cores, queues and decisions are free",
    bugs=(
        Bug(
            "the predicate is inverted",
            _MODULE,
            "view.computes == form.is_if_compute",
            "view.computes != form.is_if_compute",
        ),
        Bug(
            "if-compute goes to core b mod C",
            _MODULE,
            "pyrtl.select(form.is_if_compute, view.mapped_core,",
            "pyrtl.select(pyrtl.Const(0, 1), view.mapped_core,",
        ),
        Bug(
            "a full queue does not hold the instruction back",
            _MODULE,
            "is_dispatched=is_wanted & select_value(inputs.core_ready, core),",
            "is_dispatched=is_wanted,",
        ),
        Bug(
            "an instruction stays after it was sent",
            _MODULE,
            "is_held_d = is_accepted | ~is_free",
            "is_held_d = is_accepted | is_held",
        ),
        Bug(
            "an undecided slot does not wait",
            _MODULE,
            "is_decided = form.is_always | view.is_decided",
            "is_decided = form.is_always | ~form.is_always",
        ),
        Bug(
            "ready waits for valid",
            _MODULE,
            "inputs.is_stopped | ~is_held | is_passed",
            "inputs.is_stopped | ~is_held & inputs.instruction_valid | is_passed",
        ),
        Bug(
            "every instruction is accepted",
            _MODULE,
            "is_free = inputs.is_stopped | ~is_held | is_passed",
            "is_free = inputs.is_stopped | is_held | ~is_held",
        ),
        Bug(
            "instructions are accepted while memory owes answers from before a reset",
            _MODULE,
            "instruction_ready = is_free & ~inputs.is_draining",
            "instruction_ready = is_free",
        ),
        Bug(
            "an illegal instruction is sent",
            _MODULE,
            "is_legal = is_looking & is_right",
            "is_legal = is_looking",
        ),
    ),
    shown=(
        "reset",
        "instruction_valid",
        "instruction_ready",
        "dispatcher_is_held",
        "held_opcode",
        "held_predicate",
        "held_slot",
        "offered",
        "full",
        "num_sent",
        "slot",
        "is_committed",
        "computes",
        "core",
        "error_code",
    ),
    cover_depth_cycles=20,
    with_attention=_LOCKED,
    attention_bugs=(
        Bug(
            "a section that has not ended holds nothing back",
            _MODULE,
            "is_ready & ~view.is_closed",
            "is_ready",
        ),
    ),
)


def list_tasks() -> Iterator[FormalTask]:
    """One task for each C and B."""
    return PROOF.list_tasks()
