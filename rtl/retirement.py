"""Retirement of a slot: its record of cycles and the digest of what it stored.

The record begins with the first instruction that the core executes in a run, or after its last
retirement, SCORE or DISTANCE, and ends with the instruction that is marked `is_last`. The digest of
the beats stored in between is digest = rotl(digest, 1) xor (the xor of the beat's 32-bit parts),
from 0; it goes on with words of logits in the same way. With attention the record names the token
that the instruction which ended the slot has picked, if it was a PICK that is final (D-47).

Contract: the record is offered from the cycle after the last one of the instruction on, and held
until it is taken. At most one is pending: the sequencer waits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from operator import xor

import pyrtl

from fastcar.rtl.assertions import require, require_stable
from fastcar.rtl.circuits import mask
from fastcar.rtl.counters import COUNTER_BITS
from fastcar.rtl.instruction import FIELD_BITS, Opcode, split_options
from fastcar.rtl.lanes import split_lanes
from fastcar.rtl.registers import drive, make_register
from fastcar.rtl.sequencer import DECISION_OPCODES, SequencerOutputs, is_one_of

DIGEST_BITS = 32
TOKEN_BITS = 16


@dataclass(frozen=True)
class LogitWord:
    """A word of logits that the digest goes on with.

    Attributes:
        valid: 1 bit; not in the first cycle of an instruction, nor while beats are stored.
        word: L int16.
    """

    valid: pyrtl.WireVector
    word: pyrtl.WireVector


@dataclass(frozen=True)
class RetirementInputs:
    """Wires into the unit.

    Attributes:
        reset: 1 bit.
        is_dropping: 1 bit, the slot under way is forgotten.
        is_running: 1 bit, a run goes on; a slot that the run before left open is forgotten.
        cycle: 48 bits, free-running.
        is_beat_sent: 1 bit, a beat is stored in this cycle.
        beat: L bytes.
        ready: 1 bit, the record is taken.
        token: 16 bits, valid when an instruction is finished; None: the record has no token.
        logits: of the running instruction; None: there are none.
    """

    reset: pyrtl.WireVector
    is_dropping: pyrtl.WireVector
    is_running: pyrtl.WireVector
    cycle: pyrtl.WireVector
    is_beat_sent: pyrtl.WireVector
    beat: pyrtl.WireVector
    ready: pyrtl.WireVector
    token: pyrtl.WireVector | None = None
    logits: LogitWord | None = None


@dataclass(frozen=True)
class Retirement:
    """What a core offers when a slot is finished.

    Attributes:
        valid: 1 bit; held with the other wires until it is accepted.
        slot: 5 bits.
        start_cycle: 48 bits, first cycle of the first instruction.
        end_cycle: 48 bits, last cycle of the last instruction.
        digest: 32 bits, of the words that the slot stored.
        token: 16 bits, what PICK gave, 0 for anything else; None without attention.
    """

    valid: pyrtl.WireVector
    slot: pyrtl.WireVector
    start_cycle: pyrtl.WireVector
    end_cycle: pyrtl.WireVector
    digest: pyrtl.WireVector
    token: pyrtl.WireVector | None = None


def make_retirement(name: str, sequencer: SequencerOutputs, inputs: RetirementInputs) -> Retirement:
    """Build the record of the slot under way and the one that is offered."""
    # State.
    is_begun_q = make_register(1, f"{name}_is_begun")
    is_ended_q = make_register(1, f"{name}_is_ended")
    start_cycle_q = make_register(COUNTER_BITS, f"{name}_start_cycle")
    digest_q = make_register(DIGEST_BITS, f"{name}_digest")

    # Datapath.
    fields = sequencer.fields
    # The end comes late: a register holds it, and the record is over in the cycle after it.
    is_beginning = sequencer.is_first_cycle & (~is_begun_q | is_ended_q)
    is_retiring = sequencer.is_finished & fields["is_last"]
    is_ending = is_retiring | sequencer.is_finished & is_one_of(fields, DECISION_OPCODES)

    # Control.
    forget = inputs.reset | inputs.is_dropping | ~inputs.is_running
    drive(is_begun_q, (is_beginning, 1), (is_ended_q, 0), clear=forget)
    drive(is_ended_q, (pyrtl.Const(1, 1), is_ending), clear=forget)
    drive(start_cycle_q, (is_beginning, inputs.cycle))
    # Nothing is sent in an instruction's first cycle, in which its operands are read.
    steps = [(inputs.is_beat_sent, update_digest(digest_q, inputs.beat))]
    if inputs.logits is not None:
        steps.append((inputs.logits.valid, update_digest(digest_q, inputs.logits.word)))
    drive(digest_q, *steps, (is_beginning, 0))

    # Assertions.
    require(
        inputs.reset | ~(inputs.is_beat_sent & sequencer.is_first_cycle),
        f"{name} sees no beat in a first cycle",
    )
    if inputs.logits is not None:
        is_early = inputs.is_beat_sent | sequencer.is_first_cycle
        require(
            inputs.reset | ~(inputs.logits.valid & is_early),
            f"{name} sees no logits beside a beat or in a first cycle",
        )
    retirement = _offer(name, inputs, is_retiring, fields["slot"], (start_cycle_q, digest_q))
    if inputs.token is None:
        return retirement
    return replace(retirement, token=_offer_token(name, inputs, fields, retirement.valid))


def _offer(
    name: str,
    inputs: RetirementInputs,
    is_retiring: pyrtl.WireVector,
    slot: pyrtl.WireVector,
    record: tuple[pyrtl.WireVector, pyrtl.WireVector],
) -> Retirement:
    """Registers that hold start cycle and digest of the finished slot until they are taken."""
    start_cycle, digest = record
    valid_q = make_register(1, f"{name}_valid")
    slot_q = make_register(FIELD_BITS["slot"], f"{name}_slot")
    record_start_cycle_q = make_register(COUNTER_BITS, f"{name}_record_start_cycle")
    record_end_cycle_q = make_register(COUNTER_BITS, f"{name}_record_end_cycle")
    record_digest_q = make_register(DIGEST_BITS, f"{name}_record_digest")
    drive(
        valid_q,
        (is_retiring, 1),
        (inputs.ready, 0),
        clear=inputs.reset,
    )
    # Until there is a record they follow, so that they need not know that it comes.
    drive(slot_q, (~valid_q, slot))
    drive(record_start_cycle_q, (~valid_q, start_cycle))
    drive(record_end_cycle_q, (~valid_q, inputs.cycle))
    drive(record_digest_q, (~valid_q, digest))

    payload = pyrtl.concat(slot_q, record_start_cycle_q, record_end_cycle_q, record_digest_q)
    require_stable(f"{name}_record", inputs.reset, valid_q, inputs.ready, payload)
    require(inputs.reset | ~(is_retiring & valid_q), f"{name} has one record pending")
    return Retirement(valid_q, slot_q, record_start_cycle_q, record_end_cycle_q, record_digest_q)


def _offer_token(
    name: str,
    inputs: RetirementInputs,
    fields: dict[str, pyrtl.WireVector],
    valid: pyrtl.WireVector,
) -> pyrtl.Register:
    """16 bits beside the record: the token of a final PICK."""
    assert inputs.token is not None
    is_final = split_options(fields["reserved"])["is_final"]
    token_q = make_register(TOKEN_BITS, f"{name}_record_token")
    is_picked = is_one_of(fields, (Opcode.PICK,)) & is_final
    drive(token_q, (~valid, mask(inputs.token, is_picked)))
    require_stable(f"{name}_token", inputs.reset, valid, inputs.ready, token_q)
    return token_q


def update_digest(digest: pyrtl.WireVector, beat: pyrtl.WireVector) -> pyrtl.WireVector:
    """rotl(digest, 1) xor (the xor of the beat's 32-bit parts); combinational."""
    rotated = pyrtl.concat(digest[:-1], digest[-1])
    return reduce(xor, split_lanes(beat, DIGEST_BITS), rotated)
