"""Offers the instructions; twin of `fastcar.cosim.backends.backend.InstructionDriver`."""

from __future__ import annotations

from fastcar.cosim.backends.native_loop.state import LoopState
from fastcar.cosim.backends.native_loop.twister import fill, is_below
from fastcar.reference.kernels.compilation import bare_device

_WORD_BYTES = 8


@bare_device
def drive_instruction(state: LoopState) -> None:
    """valid and instruction of this cycle; noise where nothing is offered."""
    run, places, generator = state.run[0], state.wires.driver[0], state.generators[0]
    num_instructions, num_bytes = state.program.shape
    if not run.is_offering and run.num_accepted < num_instructions:
        run.is_offering = not is_below(generator, run.gap_probability)
    start = _WORD_BYTES * places.instruction
    if run.is_offering:
        for byte in range(num_bytes):
            state.wires.input_bytes[start + byte] = state.program[run.num_accepted, byte]
    else:
        fill(generator, state.wires.input_bytes, start, num_bytes)
    state.wires.inputs[places.instruction_valid] = run.is_offering


@bare_device
def observe_instruction(state: LoopState) -> None:
    """Take the ready of this cycle."""
    run = state.run[0]
    if run.is_offering and state.wires.kept[state.wires.driver[0].instruction_ready] != 0:
        run.is_offering = False
        run.num_accepted += 1
