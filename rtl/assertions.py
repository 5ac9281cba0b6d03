"""Assertions of the simulated hardware; PyRTL's simulators raise when one is false.

Source: docs/accelerator.md, section 4. Rules 2, 4 and 5 are watched here for both sides of a
channel, so that a memory model that breaks them is found too; rule 1 is tested on the core's
ports, rule 3 on the netlist. Every assertion is a wire without influence on the hardware.
"""

from __future__ import annotations

import pyrtl

from fastcar.reference.errors import FastCarError
from fastcar.rtl.registers import latch


class ProtocolError(FastCarError):
    """A cycle in which a numbered rule or an assumption of the hardware is broken."""


def require(condition: pyrtl.WireVector, claim: str) -> None:
    """Raise `ProtocolError(claim)` in every simulated cycle in which the condition is 0."""
    pyrtl.rtl_assert(condition, ProtocolError(claim))


def require_stable(
    name: str,
    reset: pyrtl.WireVector,
    valid: pyrtl.WireVector,
    ready: pyrtl.WireVector,
    payload: pyrtl.WireVector,
) -> None:
    """Rule 2: a sender that has raised valid keeps valid and payload until the transfer."""
    is_waiting_q = latch(valid & ~ready & ~reset, f"{name}_is_waiting")
    payload_q = latch(payload, f"{name}_waiting_payload")
    is_kept = valid & (payload == payload_q)
    require(reset | ~is_waiting_q | is_kept, f"rule 2: {name} keeps valid and payload")
