"""Read channel of a core: one request, then its beats.

Source: docs/accelerator.md, section 4. Contract: `start` in cycle t raises the request in cycle
t + 1; it stays until it is taken, and `is_open` until its last beat is taken. Response beats are
taken in every cycle in which one is offered: with a memory that answers after M cycles the beats
of a request stand in cycles t + 1 + M and following.

A reset withdraws what is not taken yet; beats that memory owes are taken and dropped after it, and
until then `is_stale` is 1 and nothing may start (D-40).
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.rtl.assertions import require, require_stable
from fastcar.rtl.channel import NUM_BEATS_BITS
from fastcar.rtl.registers import decrement, drive, make_register


@dataclass(frozen=True)
class ReadChannelInputs:
    """Wires into the unit.

    Attributes:
        reset: 1 bit.
        forget: 1 bit, memory owes nothing.
        start: 1 bit; address and num_beats are valid from the next cycle until the request is
            taken.
        address: 32 bits, in beats.
        num_beats: 16 bits, at least 1.
        request_ready: 1 bit, from memory.
        response_valid: 1 bit, from memory.
        response_error: 1 bit, from memory.
    """

    reset: pyrtl.WireVector
    forget: pyrtl.WireVector
    start: pyrtl.WireVector
    address: pyrtl.WireVector
    num_beats: pyrtl.WireVector
    request_ready: pyrtl.WireVector
    response_valid: pyrtl.WireVector
    response_error: pyrtl.WireVector


@dataclass(frozen=True)
class ReadChannelOutputs:
    """Wires out of the unit.

    Attributes:
        request_valid: 1 bit, to memory.
        request_address: 32 bits, to memory.
        request_num_beats: 16 bits, to memory.
        response_ready: 1 bit, to memory.
        is_beat: 1 bit, a beat without error is taken in this cycle.
        is_error: 1 bit, a beat with error is taken in this cycle.
        is_open: 1 bit, a request is raised or not yet answered completely.
        is_stale: 1 bit, a register; memory owes beats that were asked for before a reset.
        is_stalled: 1 bit, a request or a beat is waited for in this cycle.
    """

    request_valid: pyrtl.WireVector
    request_address: pyrtl.WireVector
    request_num_beats: pyrtl.WireVector
    response_ready: pyrtl.WireVector
    is_beat: pyrtl.WireVector
    is_error: pyrtl.WireVector
    is_open: pyrtl.WireVector
    is_stale: pyrtl.WireVector
    is_stalled: pyrtl.WireVector


def make_read_channel(name: str, inputs: ReadChannelInputs) -> ReadChannelOutputs:
    """Build the channel."""
    # State.
    is_requesting_q = make_register(1, f"{name}_is_requesting")
    num_beats_open_q = make_register(NUM_BEATS_BITS, f"{name}_num_beats_open")
    is_answering_q = make_register(1, f"{name}_is_answering")
    is_stale_q = make_register(1, f"{name}_is_stale")

    # Datapath.
    is_requested = is_requesting_q & inputs.request_ready
    response_ready = is_answering_q
    is_taken = inputs.response_valid & response_ready
    is_wanted = is_taken & ~is_stale_q
    is_awaiting = response_ready & ~is_stale_q

    # Control.
    drive(
        is_requesting_q,
        (inputs.start, 1),
        (is_requested, 0),
        clear=inputs.reset,
    )
    drive(
        num_beats_open_q,
        (is_requested, inputs.num_beats),
        (is_taken, decrement(num_beats_open_q)),
        clear=inputs.forget,
    )
    # A flag of the number, so that the end of an instruction does not wait for a comparison.
    is_more_open = num_beats_open_q != 1
    is_owed = pyrtl.WireVector(1, f"{name}_is_owed")
    is_owed <<= is_requested | pyrtl.select(is_taken, is_more_open, is_answering_q)
    drive(is_answering_q, (pyrtl.Const(1, 1), is_owed), clear=inputs.forget)
    is_stale_d = is_owed & (inputs.reset | is_stale_q)
    drive(is_stale_q, (pyrtl.Const(1, 1), is_stale_d), clear=inputs.forget)

    # Assertions.
    _require_rules(name, inputs, is_requesting_q, response_ready)
    return ReadChannelOutputs(
        request_valid=is_requesting_q,
        request_address=inputs.address,
        request_num_beats=inputs.num_beats,
        response_ready=response_ready,
        is_beat=is_wanted & ~inputs.response_error,
        is_error=is_wanted & inputs.response_error,
        is_open=is_requesting_q | is_awaiting,
        is_stale=is_stale_q,
        is_stalled=(is_requesting_q & ~inputs.request_ready)
        | (is_awaiting & ~inputs.response_valid),
    )


def _require_rules(
    name: str,
    inputs: ReadChannelInputs,
    request_valid: pyrtl.WireVector,
    response_ready: pyrtl.WireVector,
) -> None:
    request = pyrtl.concat(inputs.num_beats, inputs.address)
    require_stable(f"{name}_request", inputs.reset, request_valid, inputs.request_ready, request)
    is_running = ~inputs.reset
    require(
        ~(is_running & request_valid & (inputs.num_beats == 0)),
        f"rule 4: {name} requests at least one beat",
    )
    require(~(is_running & request_valid & response_ready), f"rule 4: {name} has one request open")
    require(
        ~(is_running & inputs.response_valid & ~response_ready),
        f"rule 4: {name} is answered by exactly num_beats beats",
    )
