"""Ports of a core: towards dispatcher, memory, score unit, records, errors and counters."""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.rtl.channel import CoreToMemory, MemoryToCore
from fastcar.rtl.error_register import ErrorReport
from fastcar.rtl.retirement import Retirement
from fastcar.rtl.score_unit import Measure


@dataclass(frozen=True)
class CoreInputs:
    """Wires into a core; 1 bit where no width is given.

    Attributes:
        reset: synchronous, recovers everything.
        forget: memory owes nothing, whatever was asked of it.
        cycle: 48 bits, free-running.
        instruction_valid: from the dispatcher.
        instruction: 128 bits.
        memory: of `rtl/channel.py`.
        retire_ready: the retire record is taken.
        abort: level; drop everything as soon as no memory transfer is open.
        is_running: level; 0 between runs, where a record that was left open is forgotten.
    """

    reset: pyrtl.WireVector
    forget: pyrtl.WireVector
    cycle: pyrtl.WireVector
    instruction_valid: pyrtl.WireVector
    instruction: pyrtl.WireVector
    memory: MemoryToCore[pyrtl.WireVector]
    retire_ready: pyrtl.WireVector
    abort: pyrtl.WireVector
    is_running: pyrtl.WireVector


@dataclass(frozen=True)
class CoreOutputs:
    """Wires out of a core; 1 bit where no width is given.

    Attributes:
        instruction_ready: the queue is not full; depends on registers alone.
        is_draining: memory owes answers from before a reset; nothing may be offered; depends on
            registers alone.
        is_idle: nothing is queued, nothing runs, no transfer is open, no record is pending.
        memory: of `rtl/channel.py`.
        measure: one cycle for each SCORE or DISTANCE; the threshold is applied elsewhere.
        retirement: held until retire_ready.
        error: one cycle, once until reset; a memory read or write has failed.
        is_mac_busy: the MAC array takes a beat in this cycle.
        is_read_stalled: the core waits for a request or a response in this cycle.
        is_write_stalled: the core waits for a write or its acknowledgement in this cycle.
    """

    instruction_ready: pyrtl.WireVector
    is_draining: pyrtl.WireVector
    is_idle: pyrtl.WireVector
    memory: CoreToMemory[pyrtl.WireVector]
    measure: Measure
    retirement: Retirement
    error: ErrorReport
    is_mac_busy: pyrtl.WireVector
    is_read_stalled: pyrtl.WireVector
    is_write_stalled: pyrtl.WireVector
