"""A PyRTL block, checked, with its nets in an order in which they can be computed.

The order depends on the block alone, not on the order of its sets: the same design gives the same
machine code in every process, which is what the cache needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyrtl


@dataclass(frozen=True)
class Netlist:
    """What is simulated.

    Attributes:
        block: it was made from.
        inputs: by name.
        registers: by name, each with the wire that it takes over (None: it never changes).
        nets: combinational ones, reads of memories among them, each behind those it depends on.
        writes: ports of memories that write.
        memories: of the block, read-only ones only if they are read.
        assertions: wires that must be 1, in the order in which they are checked.
    """

    block: pyrtl.Block
    inputs: tuple[pyrtl.Input, ...]
    registers: tuple[tuple[pyrtl.Register, pyrtl.WireVector | None], ...]
    nets: tuple[pyrtl.LogicNet, ...]
    writes: tuple[pyrtl.LogicNet, ...]
    memories: tuple[pyrtl.MemBlock, ...]
    assertions: tuple[pyrtl.WireVector, ...]

    def list_writes(self, memory: pyrtl.MemBlock) -> tuple[pyrtl.LogicNet, ...]:
        """The ports that write a memory."""
        return tuple(net for net in self.writes if net.op_param[1] is memory)

    def list_reads(self, memory: pyrtl.MemBlock) -> tuple[pyrtl.LogicNet, ...]:
        """The ports that read a memory."""
        return tuple(net for net in self.nets if net.op == "m" and net.op_param[1] is memory)


def make_netlist(block: pyrtl.Block) -> Netlist:
    """Check a block and order its nets.

    Raises:
        pyrtl.PyrtlError: it is malformed, a wire has no driver, or nets form a loop without a
            register; with the names of the wires.
    """
    block.sanity_check()
    sources = {net.dests[0]: net.args[0] for net in block.logic_subset("r")}
    registers = sort_wires(block.wirevector_subset(pyrtl.Register))
    memories = {memory.id: memory for memory in _list_memories(block)}
    return Netlist(
        block=block,
        inputs=tuple(sort_wires(block.wirevector_subset(pyrtl.Input))),
        registers=tuple((register, sources.get(register)) for register in registers),
        nets=tuple(_order_nets(block)),
        writes=tuple(sorted(block.logic_subset("@"), key=_make_write_key)),
        memories=tuple(memories[index] for index in sorted(memories)),
        assertions=tuple(wire for wire in block.rtl_assert_dict if wire in block.wirevector_set),
    )


def _list_memories(block: pyrtl.Block) -> Iterator[pyrtl.MemBlock]:
    """Those with ports, and those that only their values were given for."""
    yield from (net.op_param[1] for net in block.logic_subset("m@"))
    for memory in block.memblock_by_name.values():
        if not isinstance(memory, pyrtl.RomBlock):
            yield memory


def sort_wires(wires: Iterable[pyrtl.WireVector]) -> list[pyrtl.WireVector]:
    """Wires by name, numbers in names by value: tmp9 before tmp10."""
    return sorted(wires, key=lambda wire: _make_name_key(wire.name))


def _make_name_key(name: str) -> list[str | int]:
    """Text and numbers in turn."""
    parts = re.split(r"([0-9]+)", name)
    return [int(part) if index % 2 else part for index, part in enumerate(parts)]


def _make_write_key(net: pyrtl.LogicNet) -> tuple[int, list[list[str | int]]]:
    return net.op_param[1].id, [_make_name_key(wire.name) for wire in net.args]


def _order_nets(block: pyrtl.Block) -> list[pyrtl.LogicNet]:
    """Depth first from the wires that nothing uses, so that values live shortly.

    Raises:
        pyrtl.PyrtlError: a loop, with the wires along it.
    """
    combinational = block.logic_subset().difference(block.logic_subset("r@"))
    drivers = {net.dests[0]: net for net in combinational}
    used = {wire for net in combinational for wire in net.args}
    wires = sort_wires(drivers)
    ends = [wire for wire in wires if wire not in used]
    ordered: list[pyrtl.LogicNet] = []
    done: set[pyrtl.WireVector] = set()
    for end in (*ends, *wires):
        _visit(end, drivers, done, ordered)
    return ordered


def _visit(
    end: pyrtl.WireVector,
    drivers: dict[pyrtl.WireVector, pyrtl.LogicNet],
    done: set[pyrtl.WireVector],
    ordered: list[pyrtl.LogicNet],
) -> None:
    """Append what drives a wire, each net behind those it needs (no recursion: nets are deep)."""
    path: dict[pyrtl.WireVector, list[pyrtl.WireVector]] = {}
    pending = [end]
    while pending:
        wire = pending[-1]
        if wire in done:
            pending.pop()
            continue
        left = path.setdefault(wire, list(drivers[wire].args))
        while left and (left[-1] in done or left[-1] not in drivers):
            left.pop()
        if not left:
            ordered.append(drivers[wire])
            done.add(wire)
            del path[wire]
            pending.pop()
        elif left[-1] in path:
            raise pyrtl.PyrtlError(_describe_loop(list(path), left[-1]))
        else:
            pending.append(left[-1])


def _describe_loop(path: list[pyrtl.WireVector], first: pyrtl.WireVector) -> str:
    """A path that came back to `first`: each wire is computed from the next one."""
    names = [wire.name for wire in path]
    loop = names[names.index(first.name) :]
    return f"combinational loop without a register: {' -> '.join((*reversed(loop), loop[-1]))}"
