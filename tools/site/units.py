"""The units of the accelerator and who reads whom, from the netlist of PyRTL.

A register or memory belongs to the unit whose prefix its name begins with; every core has the same
units, so `core#` stands for all. A unit reads another one where a register of the first is
computed, in one cycle and through logic alone, from a register or memory of the second.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property

import pyrtl

from fastcar.cosim.native.netlist import Netlist, make_netlist
from fastcar.rtl.accelerator import make_accelerator
from fastcar.rtl.config import TINY_DECODER

CORE, DATAPATH, RESULT = "core#", "core#_datapath", "core#_datapath_result"
ATTENTION = "core#_datapath_attention"
SOFTMAX = f"{ATTENTION}_scoring_softmax"
HOST, MEMORY = "host", "memory"
"""What stands around the accelerator: who offers instructions, and what channels lead to."""

UNITS: dict[str, str] = {
    "dispatcher": "dispatcher",
    "dispatcher_lock": "section_lock",
    "scheduler": "scheduler",
    "score_unit": "score_unit",
    "record_port": "record_port",
    "error_register": "error_register",
    "reset": "reset",
    "counters": "counters",
    CORE: "core",
    f"{CORE}_queue": "instruction_queue",
    f"{CORE}_sequencer": "sequencer",
    f"{CORE}_order": "attention.order",
    f"{CORE}_read": "read_channel",
    f"{CORE}_write": "write_channel",
    f"{CORE}_retirement": "retirement",
    DATAPATH: "datapath",
    f"{DATAPATH}_feed": "operand_feed",
    f"{DATAPATH}_feed_walk": "attention.block_walk",
    f"{DATAPATH}_buffer": "vector_memory",
    f"{DATAPATH}_mac": "mac_array",
    f"{DATAPATH}_norm": "rms_norm",
    f"{DATAPATH}_write_back": "write_back",
    RESULT: "result_path",
    f"{RESULT}_selected": "lane_selection",
    f"{RESULT}_requantizer": "requantizer",
    f"{RESULT}_silu_multiply": "silu_multiply",
    ATTENTION: "attention.attention",
    f"{ATTENTION}_embed": "attention.token_address",
    f"{ATTENTION}_pick": "attention.pick",
    f"{ATTENTION}_tap": "attention.score_tap",
    f"{ATTENTION}_score_buffer": "attention.score_buffer",
    f"{ATTENTION}_scoring": "attention.scoring",
    SOFTMAX: "attention.softmax",
    f"{SOFTMAX}_comparison": "attention.comparison",
    f"{SOFTMAX}_comparison_maximum": "attention.running_maximum",
    f"{SOFTMAX}_weighing": "attention.weighing",
    f"{SOFTMAX}_weighing_exponential": "attention.exponential",
    f"{SOFTMAX}_sum": "attention.running_sum",
    f"{SOFTMAX}_reciprocal": "attention.reciprocal",
    f"{ATTENTION}_weighting": "attention.weighting",
    f"{ATTENTION}_weighting_context": "attention.context",
}
"""Module of `fastcar.rtl` that builds each unit, by the prefix of its registers."""

TOP = "accelerator"


@dataclass(frozen=True)
class Memory:
    """A memory of a unit.

    Attributes:
        name: behind the prefix of the unit.
        num_bits: of a word.
        address_bits: of its address.
        is_constant: whether it is read-only.
    """

    name: str
    num_bits: int
    address_bits: int
    is_constant: bool


@dataclass(frozen=True)
class Hierarchy:
    """What the netlist says of the units.

    Attributes:
        register_bits: widths of the registers of every unit by its prefix, `TOP` among them.
        memories: of every unit.
        reads: pairs of prefixes: the first one is computed from the second one.
    """

    register_bits: dict[str, list[int]]
    memories: dict[str, list[Memory]]
    reads: frozenset[tuple[str, str]]

    @cached_property
    def prefixes(self) -> tuple[str, ...]:
        """Places that have state of their own."""
        return tuple(sorted({*self.register_bits, *self.memories} - {TOP}))


def find_prefix(name: str) -> str:
    """Place of the unit that a register or memory belongs to.

    >>> find_prefix("core1_datapath_mac_product_0_q"), find_prefix("is_running_q")
    ('core#_datapath_mac', 'accelerator')
    """
    general = generalise(name)
    found = [prefix for prefix in UNITS if general.startswith(f"{prefix}_") or general == prefix]
    return max(found, key=len, default=TOP)


def generalise(name: str) -> str:
    """A name with `core#` for a core of any number.

    >>> generalise("core12_queue_head_q")
    'core#_queue_head_q'
    """
    return re.sub(r"^core\d+", CORE, name)


def find_outside(port: str) -> str:
    """What a port of the accelerator leads to.

    >>> find_outside("core0_write_valid"), find_outside("core0_counter_mac_busy")
    ('memory', 'host')
    """
    return MEMORY if re.match(r"core\d+_(read|write)_", port) else HOST


def get_parent(prefix: str) -> str:
    """Place of the unit that a unit is a part of.

    >>> get_parent("core#_datapath_feed_walk"), get_parent("scheduler")
    ('core#_datapath_feed', 'accelerator')
    """
    return max((one for one in UNITS if prefix.startswith(f"{one}_")), key=len, default=TOP)


def is_inside(prefix: str, unit: str) -> bool:
    """Whether a unit is another one or a part of it."""
    if unit == TOP:
        return prefix not in (HOST, MEMORY)
    return prefix == unit or prefix.startswith(f"{unit}_")


class _Reader:
    """Follows the nets of a block from state to state.

    Args:
        netlist: the block, its nets in an order in which they can be followed.
    """

    def __init__(self, netlist: Netlist) -> None:
        self.netlist = netlist
        self.sources: dict[pyrtl.WireVector, frozenset[str]] = {
            register: frozenset([find_prefix(register.name)]) for register, _ in netlist.registers
        }
        for port in netlist.inputs:
            if port.name != "reset":
                self.sources[port] = frozenset([find_outside(port.name)])
        for net in netlist.nets:
            parts = [self.get_sources(wire) for wire in net.args]
            if net.op == "m":
                parts.append(frozenset([find_prefix(net.op_param[1].name)]))
            self.sources[net.dests[0]] = frozenset().union(*parts)

    def get_sources(self, wire: pyrtl.WireVector | None) -> frozenset[str]:
        """Places whose state a wire is computed from; none for a constant."""
        return self.sources.get(wire, frozenset())

    def list_reads(self) -> Iterator[tuple[str, str]]:
        """Pairs of prefixes, reader in front."""
        block = self.netlist.block
        ends = [(find_prefix(one.name), source) for one, source in self.netlist.registers]
        for net in self.netlist.writes:
            ends += [(find_prefix(net.op_param[1].name), wire) for wire in net.args]
        for wire in block.wirevector_subset(pyrtl.Output) - set(block.rtl_assert_dict):
            ends.append((find_outside(wire.name), wire))
        for reader, wire in ends:
            yield from ((reader, source) for source in self.get_sources(wire) if source != reader)


@cache
def read_hierarchy() -> Hierarchy:
    """The units of an accelerator that has all of them."""
    netlist = make_netlist(make_accelerator(TINY_DECODER))
    bits: dict[str, list[int]] = defaultdict(list)
    for register, _ in netlist.registers:
        if not re.match(r"core[1-9]", register.name):
            bits[find_prefix(register.name)].append(len(register))
    return Hierarchy(dict(bits), _list_memories(netlist), frozenset(_Reader(netlist).list_reads()))


def _list_memories(netlist: Netlist) -> dict[str, list[Memory]]:
    """Memories of every unit, those of equal cores once."""
    memories: dict[str, dict[str, Memory]] = defaultdict(dict)
    for memory in netlist.memories:
        prefix = find_prefix(memory.name)
        rest = generalise(memory.name).removeprefix(prefix).strip("_")
        is_constant = isinstance(memory, pyrtl.RomBlock)
        memories[prefix][rest] = Memory(rest, memory.bitwidth, memory.addrwidth, is_constant)
    return {prefix: [kept[name] for name in sorted(kept)] for prefix, kept in memories.items()}


def find_neighbours(prefix: str, hierarchy: Hierarchy) -> tuple[list[str], list[str]]:
    """Units that a unit reads, and units that read it; outside of it, as few as name them all."""
    read, reading = set(), set()
    for reader, source in hierarchy.reads:
        if is_inside(reader, prefix) and not is_inside(source, prefix):
            read.add(represent(source, prefix))
        if is_inside(source, prefix) and not is_inside(reader, prefix):
            reading.add(represent(reader, prefix))
    return sorted(read), sorted(reading)


def represent(other: str, prefix: str) -> str:
    """The largest unit around another one that does not contain a unit.

    >>> represent("core#_datapath_mac", "core#_queue"), represent("scheduler", "core#_queue")
    ('core#_datapath', 'scheduler')
    """
    if other in (HOST, MEMORY, TOP):
        return other
    while (parent := get_parent(other)) != TOP and not is_inside(prefix, parent):
        other = parent
    return other
