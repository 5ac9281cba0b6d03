"""Tokens of the slots of a core, and where EMBED finds the embedding of one.

Contract: address and `is_ready` EMBED_CYCLES - 1 after `start`; a request may begin in the cycle of
`is_ready`, with the address from the cycle after it on.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.rtl.channel import ADDRESS_BITS
from fastcar.rtl.circuits import SLOT_BITS
from fastcar.rtl.registers import delay, latch
from fastcar.rtl.retirement import TOKEN_BITS

EMBED_CYCLES = 3
"""Token, its shift, the sum."""


@dataclass(frozen=True)
class TokenAddressInputs:
    """Wires into the unit.

    Attributes:
        clear: 1 bit.
        start: 1 bit, first cycle of EMBED.
        fields: of the instruction, register.
        is_picked: 1 bit, `token` is the slot's from now on.
        token: 16 bits.
    """

    clear: pyrtl.WireVector
    start: pyrtl.WireVector
    fields: dict[str, pyrtl.WireVector]
    is_picked: pyrtl.WireVector
    token: pyrtl.WireVector


def make_token_address(
    name: str, inputs: TokenAddressInputs
) -> tuple[pyrtl.WireVector, pyrtl.Register]:
    """Build memory, shifter and adder; gives `is_ready`, 1 bit, and the address, 32 bits."""
    # State.
    tokens = pyrtl.MemBlock(
        TOKEN_BITS, SLOT_BITS, f"{name}_tokens", asynchronous=False, max_write_ports=1
    )

    # Datapath.
    slot = inputs.fields["slot"]
    tokens[slot] <<= pyrtl.MemBlock.EnabledWrite(inputs.token, inputs.is_picked)
    token_q = latch(tokens[slot], f"{name}_token")
    room = token_q.zero_extended(ADDRESS_BITS)
    offset = pyrtl.shift_left_logical(room, inputs.fields["shift"])
    offset_q = latch(offset, f"{name}_offset")
    address_q = latch((inputs.fields["address"] + offset_q)[:ADDRESS_BITS], f"{name}_address")

    # Control.
    is_ready = delay(inputs.start, EMBED_CYCLES - 1, f"{name}_is_ready", inputs.clear)
    return is_ready, address_q
