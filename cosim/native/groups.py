"""Nets in groups, each a function of machine code, because compiling a long one takes very long."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pyrtl

from fastcar.cosim.native.netlist import Netlist
from fastcar.cosim.native.partition import partition_nets
from fastcar.cosim.native.sources import Source, find_sources

GROUP_NETS = 500
"""For ten thousand nets this halves the time of compiling and costs no speed."""

SKIPPING_NETS = 20_000
"""From so many nets on, groups whose sources did not change are skipped. In the demo accelerator
(16 thousand) looking takes what it saves, with attention (27 thousand) a sixth is left over."""


@dataclass(frozen=True)
class Group:
    """Nets that are computed together.

    Attributes:
        nets: each behind those it depends on.
        sources: all that the nets depend on; None: computed in every cycle.
    """

    nets: Sequence[pyrtl.LogicNet]
    sources: tuple[Source, ...] | None = None


@dataclass(frozen=True)
class Grouping:
    """All nets.

    Attributes:
        groups: each behind those it depends on.
        moved: nets that every function computes for itself, by their destination: slices, which
            take less than keeping them.
    """

    groups: Sequence[Group]
    moved: Mapping[pyrtl.WireVector, pyrtl.LogicNet]

    @property
    def is_skipping(self) -> bool:
        """Whether groups are left out where nothing that they depend on changed."""
        return any(group.sources is not None for group in self.groups)

    def list_watched(self) -> list[Source] | None:
        """What groups depend on, one group behind the other; None if none is ever skipped."""
        if not self.is_skipping:
            return None
        return [source for group in self.groups for source in group.sources or ()]


def split_nets(netlist: Netlist, kept: Collection[pyrtl.WireVector]) -> Grouping:
    """Group the nets.

    Args:
        netlist: what is simulated.
        kept: wires that can be read after a cycle.
    """
    nets = netlist.nets
    if len(nets) < SKIPPING_NETS:
        starts = range(0, len(nets), GROUP_NETS)
        return Grouping([Group(nets[start : start + GROUP_NETS]) for start in starts], {})
    stored = {*kept, *(source for _, source in netlist.registers if source is not None)}
    moved = {net.dests[0]: net for net in nets if net.op in "sw" and net.dests[0] not in stored}
    sources = find_sources(netlist)
    parts = partition_nets([net for net in nets if net.dests[0] not in moved], moved, sources.sets)
    found = []
    for part in parts:
        watched = None if part.is_always_computed else tuple(sources.list_members(part.sources))
        found.append(Group(part.nets, watched))
    return Grouping(found, moved)


def find_crossing(netlist: Netlist, grouping: Grouping) -> set[pyrtl.WireVector]:
    """Wires that a later group uses, or the end of the cycle: they pass through memory.

    Inputs and registers are in memory anyhow, and what a register takes over is stored there.
    """
    groups, moved = grouping.groups, grouping.moved
    origins = {net.dests[0]: index for index, group in enumerate(groups) for net in group.nets}
    crossing = {
        wire
        for index, group in enumerate(groups)
        for net in group.nets
        for wire in (find_origin(wire, moved) for wire in net.args)
        if origins.get(wire, index) != index
    }
    used = [wire for net in netlist.writes for wire in net.args]
    ends = {find_origin(wire, moved) for wire in (*used, *netlist.assertions)}
    return crossing.union(ends.intersection(origins))


def find_origin(
    wire: pyrtl.WireVector, moved: Mapping[pyrtl.WireVector, pyrtl.LogicNet]
) -> pyrtl.WireVector:
    """What a wire is a slice of."""
    while wire in moved:
        wire = moved[wire].args[0]
    return wire
