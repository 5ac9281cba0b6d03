"""Order rules of attention: what an instruction may only do behind another one of its core.

Source: docs/accelerator.md, section 8. CONTEXT comes behind a final SCORES, SCORES that is not
fresh behind one that is not final, PICK behind a NORM of what was put into X last, EMBED behind a
PICK of its slot.

Contract: `is_broken` is 1 in the first cycle of an instruction that breaks one.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.rtl.circuits import SLOT_BITS, mark_slot, read_slot
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import Buffer, Opcode, split_options
from fastcar.rtl.registers import drive, make_register
from fastcar.rtl.sequencer import SequencerOutputs, is_one_of


@dataclass(frozen=True)
class OrderInputs:
    """Wires into the unit, each 1 bit.

    Attributes:
        reset: forgets the tokens, too.
        clear: forgets everything else.
        is_picked: the slot of the instruction has a token from now on.
    """

    reset: pyrtl.WireVector
    clear: pyrtl.WireVector
    is_picked: pyrtl.WireVector


def make_order(
    config: AcceleratorConfig, name: str, sequencer: SequencerOutputs, inputs: OrderInputs
) -> pyrtl.WireVector:
    """Build the flags; gives `is_broken`, 1 bit."""
    # State.
    is_open_q = make_register(1, f"{name}_is_softmax_open")
    is_divided_q = make_register(1, f"{name}_is_divided")
    is_normed_q = make_register(1, f"{name}_is_normed")
    has_token_q = make_register(config.num_slots, f"{name}_has_token")

    # Datapath.
    fields, slot = sequencer.fields, sequencer.fields["slot"][:SLOT_BITS]
    options = split_options(fields["reserved"])
    is_scores = is_one_of(fields, (Opcode.SCORES,)) & ~options["is_unweighted"]
    broken = (
        is_scores & ~options["is_fresh"] & ~is_open_q,
        is_one_of(fields, (Opcode.CONTEXT,)) & ~is_divided_q,
        is_one_of(fields, (Opcode.PICK,)) & ~is_normed_q,
        is_one_of(fields, (Opcode.EMBED,)) & ~read_slot(has_token_q, slot),
    )

    # Control.
    is_step = sequencer.is_first_cycle
    is_scored = is_step & is_scores
    drive(is_open_q, (is_scored, ~options["is_final"]), clear=inputs.clear)
    drive(is_divided_q, (is_scored, options["is_final"]), clear=inputs.clear)
    is_norm = is_step & is_one_of(fields, (Opcode.NORM,))
    is_replaced = is_step & _replaces(fields)
    drive(is_normed_q, (is_norm, 1), (is_replaced, 0), clear=inputs.clear)
    marked = has_token_q | mark_slot(config, inputs.is_picked, slot)
    drive(has_token_q, (inputs.is_picked, marked), clear=inputs.reset)
    return is_step & pyrtl.rtl_any(*broken)


def _replaces(fields: dict[str, pyrtl.WireVector]) -> pyrtl.WireVector:
    """1 bit: the instruction writes X, or N without a norm."""
    target = fields["target"]
    is_target = (target == int(Buffer.X)) | (target == int(Buffer.N))
    opcodes = (Opcode.LOAD, Opcode.EMBED, Opcode.ROPE, Opcode.GEMV, Opcode.GEMV_SILU)
    return is_one_of(fields, (Opcode.ADD,)) | is_one_of(fields, opcodes) & is_target
