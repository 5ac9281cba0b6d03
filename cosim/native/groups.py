"""Nets in groups, each a function of machine code, because compiling a long one takes very long."""

from __future__ import annotations

from collections.abc import Sequence

import pyrtl

from fastcar.cosim.native.netlist import Netlist

GROUP_NETS = 500
"""For ten thousand nets this halves the time of compiling and costs no speed."""

Group = Sequence[pyrtl.LogicNet]


def split_nets(netlist: Netlist) -> list[Group]:
    """The nets in their order, a group behind the other."""
    nets = netlist.nets
    return [nets[start : start + GROUP_NETS] for start in range(0, len(nets), GROUP_NETS)]


def find_crossing(netlist: Netlist, groups: Sequence[Group]) -> set[pyrtl.WireVector]:
    """Wires that a later group uses, or the end of the cycle: they pass through memory.

    Inputs and registers are in memory anyhow, and what a register takes over is stored there.
    """
    origins = {net.dests[0]: index for index, group in enumerate(groups) for net in group}
    crossing = {
        wire
        for index, group in enumerate(groups)
        for net in group
        for wire in net.args
        if origins.get(wire, index) != index
    }
    ends = {wire for net in netlist.writes for wire in net.args}.union(netlist.assertions)
    return crossing.union(ends.intersection(origins))
