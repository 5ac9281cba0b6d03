"""The machine code says that something is wrong; here is found out what, and raised."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import NoReturn

import pyrtl

from fastcar.cosim.native.netlist import Netlist

NOTE = "in cycle "

Get = Callable[[pyrtl.WireVector], int]
"""Value of a wire in the cycle that ended the run."""


def raise_assertion(netlist: Netlist, get: Get, cycle: int) -> NoReturn:
    """The exception of the first false assertion, with a note that tells the cycle.

    It is the very object that the block holds, as PyRTL raises it, so an older note is taken off.
    """
    wire = next(wire for wire in netlist.assertions if not get(wire))
    error: Exception = netlist.block.rtl_assert_dict[wire]
    notes: list[str] = getattr(error, "__notes__", [])
    notes[:] = [note for note in notes if not note.startswith(NOTE)]
    error.add_note(f"{NOTE}{cycle}")
    raise error


def raise_conflict(netlist: Netlist, get: Get, cycle: int) -> NoReturn:
    """Two ports write different words to one address (D-43)."""
    for memory in netlist.memories:
        ports = [[get(wire) for wire in net.args] for net in netlist.list_writes(memory)]
        for (address, word, enable), (address_b, word_b, enable_b) in combinations(ports, 2):
            if enable and enable_b and address == address_b and word != word_b:
                raise pyrtl.PyrtlError(
                    f'memory "{memory.name}": two ports write {min(word, word_b)} and '
                    f"{max(word, word_b)} to address {address} {NOTE}{cycle}; PyRTL says of "
                    "neither that it wins"
                )
    raise AssertionError("no conflict found")


def raise_no_data(netlist: Netlist, get: Get, cycle: int) -> NoReturn:
    """A read-only memory has no data at the address that is read: PyRTL's own refusal."""
    for net in netlist.nets:
        if net.op == "m" and isinstance(net.op_param[1], pyrtl.RomBlock):
            memory, address = net.op_param[1], get(net.args[0])
            try:
                memory._get_read_data(address)
            except pyrtl.PyrtlError as error:
                raise pyrtl.PyrtlError(
                    f'memory "{memory.name}" at address {address} {NOTE}{cycle}: {error}'
                ) from error
    raise AssertionError("no read without data found")
