"""Which unit of rtl/ each net of the accelerator belongs to, although the export is one module.

While the accelerator is built, every net is noted with the innermost file of rtl/ that made it, and
with the core. For synthesis unit by unit, nets without a name are then called `core0__mac_array__7`
and the like, so that each line of the text says where it comes from.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pyrtl

import fastcar.rtl.core
from fastcar.rtl.accelerator import CoreFactory, make_accelerator
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.core import make_core
from fastcar.rtl.core_ports import CoreInputs, CoreOutputs

RTL_FOLDER = Path(fastcar.rtl.core.__file__).parent
HELPERS = frozenset(
    {
        *("assertions", "circuits", "instruction", "lanes", "registers"),
        *("companions", "formats", "lane_counter"),
    }
)
"""Files of small circuits that belong to the unit that asks for them."""
COMMON = "common"
"""Stands for a core where a net belongs to none."""


@dataclass(frozen=True)
class Owner:
    """Where a net comes from.

    Attributes:
        core: `core0` and so on, or `COMMON`.
        unit: stem of the file in rtl/ or rtl/attention/.
    """

    core: str
    unit: str

    @property
    def name(self) -> str:
        """As a Verilog identifier."""
        return f"{self.core}__{self.unit}"


Owned = dict[pyrtl.WireVector | pyrtl.MemBlock, Owner]


def trace_owners(config: AcceleratorConfig) -> tuple[pyrtl.Block, Owned]:
    """The accelerator, and the owners of its nets and memories."""
    found: Owned = {}
    with _tracing(found) as make_traced_core:
        return make_accelerator(config, make_traced_core), found


def make_owned_block(config: AcceleratorConfig) -> tuple[pyrtl.Block, dict[str, Owner]]:
    """The accelerator, its nameless nets named after their owners; owners of nets and memories."""
    block, found = trace_owners(config)
    numbers: Counter[Owner] = Counter()
    for one, owner in found.items():
        if isinstance(one, pyrtl.WireVector) and one.name.startswith("tmp"):
            one.name = f"{owner.name}__{numbers[owner]}"
            numbers[owner] += 1
    return block, {one.name: owner for one, owner in found.items()}


@contextmanager
def _tracing(found: Owned) -> Iterator[CoreFactory]:
    """Note the owner of every net; gives the factory of cores that says which core it is."""
    core = COMMON
    add_net = pyrtl.Block.add_net

    def note(block: pyrtl.Block, net: pyrtl.LogicNet) -> None:
        add_net(block, net)
        owner = Owner(core, _find_unit())
        found.update(dict.fromkeys(net.dests, owner))
        # PyRTL makes the read port of a memory where the word is first used: who writes, owns.
        if net.op == "@":
            found[net.op_param[1]] = owner
        elif net.op == "m":
            found.setdefault(net.op_param[1], owner)

    def make_traced_core(config: AcceleratorConfig, name: str, inputs: CoreInputs) -> CoreOutputs:
        nonlocal core
        core = name
        outputs = make_core(config, name, inputs)
        core = COMMON
        return outputs

    pyrtl.Block.add_net = note
    try:
        yield make_traced_core
    finally:
        pyrtl.Block.add_net = add_net


@cache
def _read_unit(file: str) -> str | None:
    """Stem of a file of rtl/ that is a unit."""
    path = Path(file)
    return path.stem if path.is_relative_to(RTL_FOLDER) and path.stem not in HELPERS else None


def _find_unit() -> str:
    """Stem of the innermost file of rtl/ on the call stack that is a unit."""
    frame = sys._getframe(2)
    while True:
        unit = _read_unit(frame.f_code.co_filename)
        if unit is not None:
            return unit
        if frame.f_back is None:
            raise RuntimeError("a net was made outside of rtl/")
        frame = frame.f_back
