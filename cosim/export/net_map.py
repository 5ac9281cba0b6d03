"""Which unit of the RTL every named net belongs to: the hierarchy that the module has not (D-72).

The module is flat. Names say the core and mostly the unit; this table says it of each of them, with
the file of the RTL that makes it, so that a name in a wave form, a timing report or a netlist leads
to its source.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module

import pyrtl

from fastcar.cosim.verilog.owners import COMMON, RTL_FOLDER, Owned, Owner

TOP = Owner(COMMON, "accelerator")
"""Owner of what nothing in the module drives: its inputs."""
HEAD = "name,kind,bits,words,core,unit,source\n"


@dataclass(frozen=True)
class Net:
    """A net with a name of its own, or a memory.

    Attributes:
        name: as in Verilog.
        kind: input, output, register, wire, memory or table.
        num_bits: width, of a memory that of a word.
        num_words: of a memory, else 1.
        owner: core and unit.
    """

    name: str
    kind: str
    num_bits: int
    num_words: int
    owner: Owner


def list_nets(block: pyrtl.Block, owners: Owned) -> list[Net]:
    """Every net that has a name, and every memory, core by core and unit by unit.

    Args:
        block: the accelerator.
        owners: of its nets and memories.
    """
    nets = [
        Net(wire.name, _find_kind(wire), len(wire), 1, owners.get(wire, TOP))
        for wire in block.wirevector_set
        if not _is_nameless(wire, block)
    ]
    memories = {net.op_param[1] for net in block.logic_subset("m@")}
    nets += [
        Net(
            memory.name,
            "table" if isinstance(memory, pyrtl.RomBlock) else "memory",
            memory.bitwidth,
            1 << memory.addrwidth,
            owners.get(memory, TOP),
        )
        for memory in memories
    ]
    return sorted(nets, key=lambda net: (net.owner.core, net.owner.unit, net.name))


def _is_nameless(wire: pyrtl.WireVector, block: pyrtl.Block) -> bool:
    """Counted by PyRTL, or an assertion."""
    return wire.name.startswith(("tmp", "const_")) or wire in block.rtl_assert_dict


def _find_kind(wire: pyrtl.WireVector) -> str:
    for kind, name in ((pyrtl.Input, "input"), (pyrtl.Output, "output")):
        if isinstance(wire, kind):
            return name
    return "register" if isinstance(wire, pyrtl.Register) else "wire"


def format_nets(nets: list[Net]) -> str:
    """As a table of comma-separated values."""
    return HEAD + "".join(
        f"{net.name},{net.kind},{net.num_bits},{net.num_words},{net.owner.core},{net.owner.unit},"
        f"{find_source(net.owner.unit)}\n"
        for net in nets
    )


def find_source(unit: str) -> str:
    """File of a unit.

    >>> find_source("mac_array"), find_source("softmax")
    ('rtl/mac_array.py', 'rtl/attention/softmax.py')
    """
    folder = "" if (RTL_FOLDER / f"{unit}.py").is_file() else "attention/"
    return f"rtl/{folder}{unit}.py"


@cache
def describe_unit(unit: str) -> str:
    """What a unit does: the first line of its module."""
    path = find_source(unit).removesuffix(".py").replace("/", ".")
    return (import_module(f"fastcar.{path}").__doc__ or "").partition("\n")[0].rstrip(".")


def list_units(nets: list[Net]) -> Iterator[tuple[Owner, Mapping[str, int]]]:
    """Units of core 0 and outside of cores, with their registers and memories in bits."""
    for owner in sorted({net.owner for net in nets}, key=lambda one: (one.core, one.unit)):
        if owner.core in (COMMON, "core0"):
            own = [net for net in nets if net.owner == owner]
            yield (
                owner,
                {
                    kind: sum(net.num_bits * net.num_words for net in own if net.kind == kind)
                    for kind in ("register", "memory", "table")
                },
            )
