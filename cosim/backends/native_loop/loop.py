"""Cycles of a run in machine code, until something is to be said to Python."""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path
from typing import Any

from numba import types

from fastcar.cosim.backends.native_loop.channel import (
    check_closed,
    drive_channel,
    observe_channel,
)
from fastcar.cosim.backends.native_loop.driver import drive_instruction, observe_instruction
from fastcar.cosim.backends.native_loop.state import NUM_KEPT_RECORDS, LoopState
from fastcar.cosim.native.cycle import Event
from fastcar.reference.kernels.compilation import bare_device, cgutils, intrinsic, ir, kernel

Number = Any


class Stop(IntEnum):
    """Why the loop came back."""

    SLICE = 0
    DONE = 1
    EVENT = 2
    VIOLATION = 3
    RECORDS = 4


_LAST_LATCHED = Event.ASSERTION.value
"""Behind any other event registers are as they were."""
_SLICE, _DONE, _EVENT = Stop.SLICE.value, Stop.DONE.value, Stop.EVENT.value
_VIOLATION, _RECORDS = Stop.VIOLATION.value, Stop.RECORDS.value


@intrinsic
def call_machine_code(typing_context: Any, arguments: Any) -> Any:
    """One cycle of the design; 0, or the event that ended it.

    Args:
        typing_context: Numba's.
        arguments: [6] address of `run` and its first five arguments.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, args[0])
        word, short = ir.IntType(64), ir.IntType(32)
        values = [
            builder.load(cgutils.gep_inbounds(builder, array.data, place)) for place in range(6)
        ]
        function = ir.FunctionType(word, [word] * 6)
        pointer = builder.inttoptr(values[0], function.as_pointer())
        builder.call(pointer, [*values[1:], ir.Constant(word, 1)])
        event = builder.load(builder.inttoptr(values[5], short.as_pointer()))
        return builder.zext(event, word)

    return types.int64(arguments), generate


@kernel(is_bare=True, package=Path(__file__).parent)
def run_cycles(state: LoopState, num_cycles: int) -> Number:
    """Up to so many cycles; why it came back."""
    run, places = state.run[0], state.wires.driver[0]
    for _ in range(num_cycles):
        has_begun = run.num_accepted > 0
        run.num_steps += 1
        drive_instruction(state)
        for core in range(len(state.channels)):
            drive_channel(state, core)
        event = call_machine_code(state.wires.arguments)
        _record_cycle(state)
        if event != 0:
            return _EVENT
        observe_instruction(state)
        for core in range(len(state.channels)):
            violation = observe_channel(state, core)
            if violation != 0:
                run.violation, run.core = violation, core
                return _VIOLATION
        is_full = _take_records(state)
        if has_begun and state.wires.kept[places.done] != 0:
            return _find_open(state)
        if is_full:
            return _RECORDS
    return _SLICE


@bare_device
def _record_cycle(state: LoopState) -> None:
    """Inputs, registers as they were in this cycle, outputs."""
    num_rows = len(state.recording)
    if num_rows == 0:
        return
    wires, row = state.wires, state.recording[(state.run[0].num_steps - 1) % num_rows]
    is_latched = wires.progress[0] <= _LAST_LATCHED
    place = 1 - wires.progress[1] if is_latched else wires.progress[1]
    registers = wires.registers[place]
    start, end = len(wires.inputs), len(wires.inputs) + len(registers)
    for word in range(start):
        row[word] = wires.inputs[word]
    for word in range(len(registers)):
        row[start + word] = registers[word]
    for word, kept in enumerate(wires.outputs):
        row[end + word] = wires.kept[kept]


@bare_device
def _take_records(state: LoopState) -> Number:
    """Copy a decision and a retirement of this cycle; whether Python must take them."""
    run = state.run[0]
    if state.wires.kept[state.wires.record_valids[0]] != 0:
        for member, place in enumerate(state.wires.decision):
            state.decisions[run.num_decisions, member] = state.wires.kept[place]
        run.num_decisions += 1
    if state.wires.kept[state.wires.record_valids[1]] != 0:
        for member, place in enumerate(state.wires.retire):
            state.retires[run.num_retires, member] = state.wires.kept[place]
        run.num_retires += 1
    return max(run.num_decisions, run.num_retires) == NUM_KEPT_RECORDS


@bare_device
def _find_open(state: LoopState) -> Number:
    """At the end of a run: whether a channel is left open."""
    run = state.run[0]
    for core in range(len(state.channels)):
        violation = check_closed(state.channels[core])
        if violation != 0:
            run.violation, run.core = violation, core
            return _VIOLATION
    return _DONE
