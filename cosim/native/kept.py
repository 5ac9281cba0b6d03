"""Wires: found by name, and chosen to be kept after every cycle."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

import pyrtl

from fastcar.cosim.native.netlist import Netlist, sort_wires

WireOrName: TypeAlias = pyrtl.WireVector | str


def find_wire(block: pyrtl.Block, wire: WireOrName) -> pyrtl.WireVector:
    """The wire of a block.

    Raises:
        pyrtl.PyrtlError: there is none of this name.
    """
    name = wire.name if isinstance(wire, pyrtl.WireVector) else wire
    found = block.wirevector_by_name.get(name)
    if found is None:
        raise pyrtl.PyrtlError(f'the block has no wire "{name}"')
    return found


def choose_kept(
    netlist: Netlist,
    observe: Iterable[WireOrName] | Literal["all"],
    tracer: pyrtl.SimulationTrace | None,
) -> list[pyrtl.WireVector]:
    """What can be read after a cycle, by name.

    Args:
        netlist: what is simulated.
        observe: chosen by the user.
        tracer: that records.

    Raises:
        pyrtl.PyrtlError: a wire is not of the block.
    """
    block = netlist.block
    kept = {wire for wire in block.wirevector_set if observe == "all" or _is_always_kept(wire)}
    chosen = [] if observe == "all" else [find_wire(block, wire) for wire in observe]
    traced = [] if tracer is None else [find_wire(block, wire) for wire in tracer.wires_to_track]
    kept.update(chosen, traced, _list_suspects(netlist))
    return list_kept(kept)


def list_kept(wires: Iterable[pyrtl.WireVector]) -> list[pyrtl.WireVector]:
    """By name; constants need no place."""
    return sort_wires(wire for wire in wires if not isinstance(wire, pyrtl.Const))


def _is_always_kept(wire: pyrtl.WireVector) -> bool:
    """Ports, registers, and wires with a name that PyRTL did not make up."""
    if isinstance(wire, pyrtl.Input | pyrtl.Output | pyrtl.Register):
        return True
    return not wire.name.startswith(("tmp", "const_")) and not wire.name.endswith("'")


def _list_suspects(netlist: Netlist) -> Iterable[pyrtl.WireVector]:
    """Wires that tell which port a cycle was refused for."""
    for memory in netlist.memories:
        writes = netlist.list_writes(memory)
        if len(writes) > 1:
            yield from (wire for net in writes for wire in net.args)
        if isinstance(memory, pyrtl.RomBlock):
            yield from (net.args[0] for net in netlist.list_reads(memory))
