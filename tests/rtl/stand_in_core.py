"""A core without arithmetic or memory: instructions take as many cycles as they say.

`columns` = cycles that an instruction takes, besides the one in which it is accepted. SCORE and
DISTANCE decide with the signed value (multiplier, address). LOAD with a `shift` that is not 0 fails
with that code. What it accepts is logged on outputs of its own.
"""

from __future__ import annotations

import pyrtl

from fastcar.rtl.channel import CoreToMemory, list_channel_ports
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.core_ports import CoreInputs, CoreOutputs
from fastcar.rtl.error_register import ErrorReport
from fastcar.rtl.instruction import INSTRUCTION_BITS, Opcode, join_value, split
from fastcar.rtl.instruction_form import DECIDING_OPCODES, is_opcode
from fastcar.rtl.registers import drive, increment, latch, make_register
from fastcar.rtl.retirement import TOKEN_BITS, Retirement
from fastcar.rtl.score_unit import Measure

COLUMN_BITS = 12


def make_stand_in_core(config: AcceleratorConfig, name: str, inputs: CoreInputs) -> CoreOutputs:
    """Build the stand-in; it works on one instruction and queues none."""
    is_busy_q = make_register(1, f"{name}_is_busy")
    cycle_q = make_register(COLUMN_BITS, f"{name}_cycle")
    instruction_q = make_register(INSTRUCTION_BITS, f"{name}_instruction")
    retire_q = make_register(1, f"{name}_retire")
    start_q = make_register(48, f"{name}_start")
    end_q = make_register(48, f"{name}_end")
    fields = split(instruction_q)

    is_ready = ~is_busy_q & ~retire_q
    is_accepted = inputs.instruction_valid & is_ready
    is_last_cycle = is_busy_q & (cycle_q >= fields["columns"])
    is_failed = (fields["opcode"] == int(Opcode.LOAD)) & (fields["shift"] != 0)
    is_ended = is_last_cycle & ~inputs.abort & ~is_failed
    clear = inputs.reset | inputs.abort
    drive(is_busy_q, (is_accepted, 1), (is_last_cycle, 0), clear=clear)
    drive(cycle_q, (is_accepted, 1), (is_busy_q, increment(cycle_q)), clear=clear)
    drive(instruction_q, (is_accepted, inputs.instruction), clear=inputs.reset)
    drive(retire_q, (is_ended & fields["is_last"], 1), (inputs.retire_ready, 0), clear=clear)
    drive(start_q, (is_accepted, inputs.cycle), clear=inputs.reset)
    drive(end_q, (is_last_cycle, inputs.cycle), clear=inputs.reset)

    _log(f"{name}_log_valid", is_accepted)
    _log(f"{name}_log_instruction", inputs.instruction)
    low = pyrtl.Const(0, 1)
    quiet = {
        port.name: pyrtl.Const(0, port.count_bits(config))
        for port in list_channel_ports(config)
        if not port.is_from_memory
    }
    return CoreOutputs(
        instruction_ready=is_ready,
        is_draining=pyrtl.Const(0, 1),
        is_idle=~is_busy_q & ~retire_q,
        memory=CoreToMemory(**quiet),
        measure=Measure(
            valid=is_ended & is_opcode(fields["opcode"], DECIDING_OPCODES),
            slot=fields["slot"],
            value=join_value(fields),
        ),
        retirement=Retirement(
            *(retire_q, fields["slot"], start_q, end_q, pyrtl.Const(0, 32)),
            token=None if config.attention is None else pyrtl.Const(0, TOKEN_BITS),
        ),
        error=ErrorReport(is_last_cycle & is_failed, fields["shift"][:4], instruction_q),
        is_mac_busy=is_busy_q,
        is_read_stalled=low,
        is_write_stalled=latch(low, f"{name}_no_stall"),
    )


def _log(name: str, wire: pyrtl.WireVector) -> None:
    port = pyrtl.Output(len(wire), name)
    port <<= wire
