"""Synthesis unit by unit: the flat design, split along the files of rtl/ before it is mapped.

The split comes after registers and memories are known, so that a memory takes the registers of its
read addresses with it, and before anything is mapped. Boundaries of units are kept, so nothing is
optimised across them: their sum is larger than the flat design, and the page says by how much
(D-25). All cores are equal but for names, which is checked; core 0 is synthesised and counts for
each of them.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastcar.cosim.verilog.owners import COMMON, Owner
from fastcar.cosim.verilog.verilog import MODULE_NAME
from fastcar.cosim.verilog.yosys import run_yosys
from tools.synthesis.design import Design
from tools.synthesis.flow import NETLIST_FILE, READ, VERILOG_FILE, XILINX
from tools.synthesis.mapping import MAC_UNIT, describe_memories, list_memory_violations
from tools.synthesis.netlist import count_types, count_xilinx, list_lines, load_modules

Json = dict[str, Any]

FLAT_FILE, SPLIT_FILE = "flat.json", "split.json"
FIRST_CORE = "core0"
GLUE = Owner(COMMON, "accelerator")
"""Owner of what no statement of a unit drives."""


def make_flat_commands() -> str:
    """Registers and memories recognised, nothing mapped."""
    steps = "proc; opt -nodffe -nosdff; wreduce; opt_clean; memory -nomap; opt_clean"
    return "; ".join(
        [
            READ,
            f"hierarchy -top {MODULE_NAME}",
            steps,
            f"write_json {FLAT_FILE}",
        ]
    )


def make_split_commands(num_cores: int) -> str:
    """Units split off, all cores but core 0 emptied, the rest mapped."""
    others = [f"blackbox {MODULE_NAME}_core{core}" for core in range(1, num_cores)]
    return "; ".join(
        [
            f"read_json {SPLIT_FILE}",
            "submod",
            *others,
            f"{XILINX} -top {MODULE_NAME} -json {NETLIST_FILE}",
        ]
    )


def synthesise_units(design: Design, folder: Path) -> Json:
    """UltraScale+ resources of each unit, in core 0 and outside of cores, and wrong mappings."""
    (folder / VERILOG_FILE).write_text(design.traced, encoding="utf-8")
    run_yosys(make_flat_commands(), folder)
    netlist = json.loads((folder / FLAT_FILE).read_text(encoding="utf-8"))
    mark_cells(netlist["modules"][MODULE_NAME], design)
    (folder / SPLIT_FILE).write_text(json.dumps(netlist), encoding="utf-8")
    run_yosys(make_split_commands(design.config.num_cores), folder)
    modules = load_modules(folder / NETLIST_FILE)
    for file in (FLAT_FILE, SPLIT_FILE, NETLIST_FILE):
        (folder / file).unlink()
    units = count_units(modules)
    violations = [*_list_mac_violations(units, design), *_list_memory_violations(modules, design)]
    return {"units": units, "unit_violations": violations}


def _list_mac_violations(units: Json, design: Design) -> Iterator[str]:
    """A MAC array that has not one DSP block for each lane."""
    num_dsps, num_lanes = units[FIRST_CORE][MAC_UNIT]["dsp"], design.config.num_lanes
    if num_dsps != num_lanes:
        yield f"MAC array of a core: {num_dsps} DSP blocks, must be {num_lanes}"


def _list_memory_violations(modules: dict[str, Json], design: Design) -> Iterator[str]:
    """Scratchpads and tables of core 0 that are not in block RAM."""
    cells = {name: cell for module in modules.values() for name, cell in module["cells"].items()}
    memories = tuple(one for one in design.memories if design.owners[one.name].core == FIRST_CORE)
    return list_memory_violations(describe_memories({"cells": cells}, memories))


def mark_cells(module: Json, design: Design) -> None:
    """Say for Yosys' `submod` which module a cell goes to."""
    find = OwnerFinder(module, design)
    for cell in module["cells"].values():
        owner = find(cell)
        is_other = owner.core not in (COMMON, FIRST_CORE)
        cell["attributes"]["submod"] = owner.core if is_other else owner.name


class OwnerFinder:
    """Owners of the cells of a flat netlist.

    A cell belongs to the statement that it comes from. Memories and registers come from no single
    statement: a memory belongs to who writes it, a register to who names it.
    """

    def __init__(self, module: Json, design: Design) -> None:
        statements = design.find_statements()
        self._by_line = {line: owner for line, (_, owner) in statements.items()}
        self._by_memory = {one.name: design.owners[one.name] for one in design.memories}
        lines = design.traced.splitlines()
        registers = {net for line, (net, _) in statements.items() if " <= " in lines[line - 1]}
        # A register may have more names, of those that pass it on: its own counts.
        names = sorted(design.owners.keys() & module["netnames"].keys(), key=registers.__contains__)
        self._by_bit = {
            bit: design.owners[name] for name in names for bit in module["netnames"][name]["bits"]
        }

    def __call__(self, cell: Json) -> Owner:
        """Owner of one cell."""
        memory = cell["parameters"].get("MEMID", "").removeprefix("\\")
        if memory:
            return self._by_memory[memory]
        lines = sorted(list_lines(cell, VERILOG_FILE) & self._by_line.keys())
        if lines:
            return self._by_line[lines[0]]
        outputs = (
            bit
            for port, bits in cell["connections"].items()
            if cell["port_directions"][port] == "output"
            for bit in bits
        )
        return next((self._by_bit[bit] for bit in outputs if bit in self._by_bit), GLUE)


def count_units(modules: dict[str, Json]) -> Json:
    """Resources by core (`FIRST_CORE` or `COMMON`) and unit."""
    units: dict[str, dict[str, Json]] = {FIRST_CORE: {}, COMMON: {}}
    pattern = re.compile(rf"^{MODULE_NAME}_({FIRST_CORE}|{COMMON})__(\w+)$")
    for name, module in modules.items():
        types = Counter(
            {one: count for one, count in count_types(module).items() if one not in modules}
        )
        match = pattern.match(name)
        if match:
            units[match[1]][match[2]] = count_xilinx(types)
    return units
