"""Instruction queue of a core: first in, first out, in a synchronous memory.

Contract: an instruction taken in cycle t is at the head from cycle t + LATENCY_CYCLES on, or from
the second cycle after that in which the one before it is taken: no instruction takes fewer than
three. `ready` depends on registers alone. While `clear` is 1, what is offered is taken and
forgotten, and so is everything in the queue.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import INSTRUCTION_BITS
from fastcar.rtl.registers import decrement, drive, increment, make_register

LATENCY_CYCLES = 3
"""Write to the memory, read from it, head."""


def latency_cycles(config: AcceleratorConfig) -> int:
    """Cycles from an empty queue's input to its head."""
    del config
    return LATENCY_CYCLES


@dataclass(frozen=True)
class InstructionQueueInputs:
    """Wires into the unit.

    Attributes:
        clear: 1 bit.
        valid: 1 bit, an instruction is offered.
        instruction: 128 bits.
        pop: 1 bit, the head is taken; only while `head_valid`.
    """

    clear: pyrtl.WireVector
    valid: pyrtl.WireVector
    instruction: pyrtl.WireVector
    pop: pyrtl.WireVector


@dataclass(frozen=True)
class InstructionQueueOutputs:
    """Wires out of the unit: ready, is_empty and head_valid (1 bit), head (128 bits)."""

    ready: pyrtl.WireVector
    is_empty: pyrtl.WireVector
    head_valid: pyrtl.WireVector
    head: pyrtl.WireVector


def make_instruction_queue(
    config: AcceleratorConfig, name: str, inputs: InstructionQueueInputs
) -> InstructionQueueOutputs:
    """Build the queue of `config.queue_depth` instructions."""
    # State.
    pointer_bits = config.queue_depth.bit_length() - 1
    read_pointer_q = make_register(pointer_bits, f"{name}_read_pointer")
    write_pointer_q = make_register(pointer_bits, f"{name}_write_pointer")
    num_stored_q = make_register(pointer_bits + 1, f"{name}_num_stored")
    num_queued_q = make_register(pointer_bits + 1, f"{name}_num_queued")
    has_any_q = make_register(1, f"{name}_has_any")
    next_q = make_register(INSTRUCTION_BITS, f"{name}_next")
    next_valid_q = make_register(1, f"{name}_next_valid")
    head_q = make_register(INSTRUCTION_BITS, f"{name}_head")
    head_valid_q = make_register(1, f"{name}_head_valid")
    memory = pyrtl.MemBlock(
        INSTRUCTION_BITS, pointer_bits, f"{name}_memory", asynchronous=False, max_write_ports=1
    )

    # Datapath.
    # A power of two: of the numbers up to it only the depth itself has this bit.
    ready = ~num_queued_q[pointer_bits]
    is_pushed = inputs.valid & ready
    # The free place is written whether an instruction is offered or not: that comes late.
    memory[write_pointer_q] <<= pyrtl.MemBlock.EnabledWrite(inputs.instruction, ready)

    # One instruction waits in the register of the memory, one at the head.
    is_head_free = ~head_valid_q
    is_next_free = ~next_valid_q | is_head_free
    is_read = is_next_free & (num_stored_q != 0)
    drive(next_q, (is_next_free, memory[read_pointer_q]))
    drive(next_valid_q, (is_next_free, is_read), clear=inputs.clear)
    drive(head_q, (is_head_free, next_q))
    drive(head_valid_q, (is_head_free, next_valid_q), (inputs.pop, 0), clear=inputs.clear)

    # Control.
    drive(write_pointer_q, (is_pushed, increment(write_pointer_q)), clear=inputs.clear)
    drive(read_pointer_q, (is_read, increment(read_pointer_q)), clear=inputs.clear)
    _count(num_stored_q, is_pushed, is_read, inputs.clear)
    _count(num_queued_q, is_pushed, inputs.pop, inputs.clear)
    # A flag, so that whether the machine is idle does not wait for a comparison.
    drive(has_any_q, (is_pushed, 1), (inputs.pop, num_queued_q != 1), clear=inputs.clear)
    return InstructionQueueOutputs(ready, ~has_any_q, head_valid_q, head_q)


def _count(
    number: pyrtl.Register,
    is_more: pyrtl.WireVector,
    is_less: pyrtl.WireVector,
    clear: pyrtl.WireVector,
) -> None:
    drive(
        number,
        (is_more & ~is_less, increment(number)),
        (is_less & ~is_more, decrement(number)),
        clear=clear,
    )
