"""The ports of the accelerator in the order of the exported Verilog, and what each of them means.

`#` stands for the number of a core, or of a slot in the Mapping Registers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pyrtl

from fastcar.reference.errors import ArgumentError
from fastcar.rtl.channel import CHANNEL_PORTS

MEANINGS = {
    "reset": "synchronous; recovers everything, docs/accelerator.md section 6",
    "instruction_valid": "an instruction is offered",
    "instruction_ready": "it is accepted if valid is 1 as well",
    "instruction": "fields from bit 0 up, docs/accelerator.md section 2",
    **{f"core#_{port.name}": port.meaning for port in CHANNEL_PORTS},
    "done": "level; the run has ended",
    "error": "level; an error was found, sticky until reset",
    "error_code": "what was wrong, docs/accelerator.md section 5",
    "error_instruction": "the offending instruction",
    "index_register": "bit b is 1 where slot b computes",
    "index_valid_register": "bit b is 1 where slot b is decided",
    "mapping_register_#": "core of slot #, if it computes",
    "decision_valid": "a decision is committed in this cycle",
    "decision_order": "its number in the run, from 0 without a gap",
    "decision_slot": "its slot",
    "decision_score": "its score or distance, signed",
    "decision_computes": "1 = compute, 0 = replay",
    "decision_core": "core of the slot",
    "decision_cycle": "cycle of the run",
    "retire_valid": "a slot has finished; always taken",
    "retire_order": "its number in the run, from 0 without a gap",
    "retire_slot": "its slot",
    "retire_core": "core that finished it",
    "retire_start_cycle": "of its first instruction",
    "retire_end_cycle": "of its last instruction",
    "retire_digest": "of the beats that it stored",
    "retire_token": "that it picked, 0 if it picked none",
    "counter_cycles": "cycles of the run",
    "counter_dropped": "instructions that a predicate excluded",
    "counter_wait_decision": "cycles of waiting for a decision",
    "counter_wait_queue": "cycles of waiting for a full queue",
    "core#_counter_mac_busy": "cycles in which the MAC array took a beat",
    "core#_counter_read_stall": "cycles of waiting for a request or response",
    "core#_counter_write_stall": "cycles of waiting for the write channel",
    "core#_counter_dispatched": "instructions that the core got",
}
"""Meaning of every port; the order is that of the module's ports."""

_NUMBERED = re.compile(r"^(core|mapping_register_)(\d+)")
_ORDER = {pattern: place for place, pattern in enumerate(MEANINGS)}


@dataclass(frozen=True)
class Port:
    """One port of the exported module, `clk` aside.

    Attributes:
        name: the same in PyRTL and in Verilog.
        num_bits: its width.
        is_input: whether it goes into the accelerator.
    """

    name: str
    num_bits: int
    is_input: bool

    @property
    def meaning(self) -> str:
        """One line; refuses a port that `MEANINGS` does not have."""
        pattern, number = split_name(self.name)
        return MEANINGS[pattern].replace("#", str(number))

    @property
    def num_bytes(self) -> int:
        """Bytes that hold its value."""
        return -(-self.num_bits // 8)


def list_ports(block: pyrtl.Block) -> tuple[Port, ...]:
    """Inputs and outputs of an accelerator in the order of `MEANINGS`, assertions left out.

    Raises:
        ArgumentError: a port has no meaning.
    """
    inputs = block.wirevector_subset(pyrtl.Input)
    outputs = block.wirevector_subset(pyrtl.Output) - set(block.rtl_assert_dict)
    ports = [Port(wire.name, len(wire), wire in inputs) for wire in (*inputs, *outputs)]
    return tuple(sorted(ports, key=_get_place))


def _get_place(port: Port) -> tuple[bool, int, int]:
    """Common ports in front, then core by core."""
    pattern, number = split_name(port.name)
    if pattern not in _ORDER:
        raise ArgumentError("port", port.name, "one that the table of meanings has")
    is_of_core = pattern.startswith("core#")
    return is_of_core, *((number, _ORDER[pattern]) if is_of_core else (_ORDER[pattern], number))


def split_name(name: str) -> tuple[str, int]:
    """The name with # in place of its number, and the number; 0 where it has none.

    >>> split_name("core12_write_data")
    ('core#_write_data', 12)
    """
    match = _NUMBERED.match(name)
    return (name, 0) if match is None else (_NUMBERED.sub(r"\1#", name), int(match[2]))
