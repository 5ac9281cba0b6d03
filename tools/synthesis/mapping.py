"""Targets of the mapping: multipliers of the MAC arrays in DSP blocks, buffers in block RAM.

A memory keeps its name through synthesis: the cells that it becomes, of whatever kind, are called
after it. So a buffer that went into LUTs or flip-flops is found, not only counted as missing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from fastcar.cosim.verilog.memories import MemoryKind
from fastcar.rtl.config import AcceleratorConfig
from tools.synthesis.design import Design, Memory
from tools.synthesis.netlist import BLOCK_RAMS, DSPS, list_lines

Json = dict[str, Any]

STORAGE = re.compile(r"^(DP16KD|TRELLIS_DPR16X4|TRELLIS_FF|RAM.*|URAM288|FD[RSCP]E)$")
"""Cells that store bits."""
MAC_UNIT, UNKNOWN_UNIT = "mac_array", "unknown"
PRODUCT = " * "
IDENTIFIER = re.compile(r"\b[a-z]\w*\b")


def describe_memories(module: Json, memories: tuple[Memory, ...]) -> Json:
    """For each memory its kind, and the types of the cells that hold its words."""
    found: dict[str, Counter[str]] = {one.name: Counter() for one in memories}
    names = "|".join(map(re.escape, found))
    pattern = re.compile(rf"(?:^|\.)({names})(?:\.\d+\.\d+|\[\d+\].*)$")
    for name, cell in module["cells"].items():
        match = pattern.search(name)
        if match and STORAGE.match(cell["type"]):
            found[match[1]][cell["type"]] += 1
    return {one.name: {"kind": one.kind.value, "cells": found[one.name]} for one in memories}


def list_memory_violations(memories: Json) -> Iterator[str]:
    """Scratchpads and tables that are not in block RAM alone."""
    for name, one in memories.items():
        if one["kind"] in (MemoryKind.QUEUE, MemoryKind.STATE):
            continue
        wrong = {kind: count for kind, count in one["cells"].items() if kind not in BLOCK_RAMS}
        if wrong or not one["cells"]:
            where = (
                ", ".join(f"{count} {kind}" for kind, count in wrong.items()) or "no memory cell"
            )
            yield f"{one['kind']} {name}: {where}, must be block RAM"


def find_products(design: Design) -> dict[int, str]:
    """Statements of the Verilog that multiply: their line from 1 on, and the unit they are in.

    A nameless net says nothing about its unit; the registers that a product reads do.
    """
    found = {}
    for number, line in enumerate(design.verilog.splitlines(), start=1):
        if PRODUCT in line:
            names = [name for name in IDENTIFIER.findall(line) if name in design.owners]
            found[number] = design.owners[names[0]].unit if names else UNKNOWN_UNIT
    return found


def describe_products(module: Json, design: Design, file: str) -> Json:
    """For each unit its products, and how many of them no DSP block computes.

    Args:
        module: netlist.
        design: whose Verilog it comes from.
        file: name of that Verilog in the netlist.
    """
    dsps = [cell for cell in module["cells"].values() if cell["type"] in DSPS]
    mapped = {line for cell in dsps for line in list_lines(cell, file)}
    products: dict[str, dict[str, int]] = {}
    for line, unit in find_products(design).items():
        counts = products.setdefault(unit, {"total": 0, "unmapped": 0})
        counts["total"] += 1
        counts["unmapped"] += line not in mapped
    return products


def list_product_violations(products: Json, config: AcceleratorConfig) -> Iterator[str]:
    """MAC arrays whose multipliers are not those of all lanes, each in a DSP block."""
    counts = products.get(MAC_UNIT, {"total": 0, "unmapped": 0})
    wanted = config.num_cores * config.num_lanes
    if counts["total"] != wanted:
        yield f"MAC arrays: {counts['total']} products, must be {wanted}"
    if counts["unmapped"]:
        yield f"MAC arrays: {counts['unmapped']} of {counts['total']} products in no DSP block"
