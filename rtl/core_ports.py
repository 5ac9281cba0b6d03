"""Ports of a core: towards dispatcher, memory, score unit, records, errors and counters."""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl


@dataclass(frozen=True)
class CoreInputs:
    """Wires into a core; 1 bit where no width is given, L = lanes.

    Attributes:
        reset: synchronous, recovers everything.
        cycle: 48 bits, free-running.
        instruction_valid: from the dispatcher.
        instruction: 128 bits.
        read_request_ready: from memory.
        read_response_valid: from memory.
        read_response_data: 8 L bits.
        read_response_error: from memory, with response_valid.
        write_ready: from memory.
        write_acknowledge_valid: from memory.
        write_acknowledge_error: from memory, with acknowledge_valid.
        retire_ready: the retire record is taken.
        abort: level; drop everything as soon as no memory transfer is open.
        is_running: level; 0 between runs, where a record that was left open is forgotten.
    """

    reset: pyrtl.WireVector
    cycle: pyrtl.WireVector
    instruction_valid: pyrtl.WireVector
    instruction: pyrtl.WireVector
    read_request_ready: pyrtl.WireVector
    read_response_valid: pyrtl.WireVector
    read_response_data: pyrtl.WireVector
    read_response_error: pyrtl.WireVector
    write_ready: pyrtl.WireVector
    write_acknowledge_valid: pyrtl.WireVector
    write_acknowledge_error: pyrtl.WireVector
    retire_ready: pyrtl.WireVector
    abort: pyrtl.WireVector
    is_running: pyrtl.WireVector


@dataclass(frozen=True)
class CoreOutputs:
    """Wires out of a core; 1 bit where no width is given, L = lanes.

    Attributes:
        instruction_ready: the queue is not full; depends on registers alone.
        is_idle: nothing is queued, nothing runs, no transfer is open, no record is pending.
        read_request_valid: to memory.
        read_request_address: 32 bits, in beats.
        read_request_num_beats: 16 bits.
        read_response_ready: to memory; depends on registers alone.
        write_valid: to memory.
        write_address: 32 bits, in beats.
        write_data: 8 L bits.
        decision_valid: one cycle for each SCORE or DISTANCE.
        decision_slot: 5 bits.
        decision_score: 48 bits, signed; the sum, the threshold is applied elsewhere.
        retire_valid: held until retire_ready.
        retire_slot: 5 bits.
        retire_start_cycle: 48 bits.
        retire_end_cycle: 48 bits.
        retire_digest: 32 bits.
        error_valid: one cycle, once until reset.
        error_code: 4 bits, 7 memory read or 8 memory write.
        error_instruction: 128 bits.
        is_mac_busy: the MAC array takes a beat in this cycle.
        is_read_stalled: the core waits for a request or a response in this cycle.
        is_write_stalled: the core waits for a write or its acknowledgement in this cycle.
    """

    instruction_ready: pyrtl.WireVector
    is_idle: pyrtl.WireVector
    read_request_valid: pyrtl.WireVector
    read_request_address: pyrtl.WireVector
    read_request_num_beats: pyrtl.WireVector
    read_response_ready: pyrtl.WireVector
    write_valid: pyrtl.WireVector
    write_address: pyrtl.WireVector
    write_data: pyrtl.WireVector
    decision_valid: pyrtl.WireVector
    decision_slot: pyrtl.WireVector
    decision_score: pyrtl.WireVector
    retire_valid: pyrtl.WireVector
    retire_slot: pyrtl.WireVector
    retire_start_cycle: pyrtl.WireVector
    retire_end_cycle: pyrtl.WireVector
    retire_digest: pyrtl.WireVector
    error_valid: pyrtl.WireVector
    error_code: pyrtl.WireVector
    error_instruction: pyrtl.WireVector
    is_mac_busy: pyrtl.WireVector
    is_read_stalled: pyrtl.WireVector
    is_write_stalled: pyrtl.WireVector
