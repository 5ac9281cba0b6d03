"""Netlists that Yosys writes as JSON: which cells a module has, and what they are called."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

Json = dict[str, Any]

XILINX_LUTS = {
    **{f"LUT{inputs}": 1 for inputs in range(1, 7)},
    **{"INV": 1, "SRL16E": 1, "SRLC32E": 1},
    **{"RAM32M16": 8, "RAM64M8": 8, "RAM32M": 4, "RAM64M": 4, "RAM32X1D": 2, "RAM64X1D": 2},
    **{"RAM128X1D": 4, "RAM256X1D": 8, "RAM512X1S": 8},
}
"""LUTs that a cell of UltraScale+ takes: logic, shift registers and distributed memory."""
XILINX_OTHERS = frozenset({"CARRY4", "CARRY8", "MUXF7", "MUXF8", "MUXF9"})
"""Cells of a slice beside its LUTs; every LUT or pair of LUTs has them."""
XILINX_FLIP_FLOPS = ("FDRE", "FDSE", "FDCE", "FDPE")
XILINX_BLOCKS = ("DSP48E2", "RAMB36E2", "RAMB18E2", "URAM288")
BLOCK_RAMS = frozenset({"RAMB36E2", "RAMB18E2", "URAM288", "DP16KD"})
DSPS = frozenset({"DSP48E2", "MULT18X18D"})
RESOURCES = ("lut", "ff", "dsp", "bram", "uram")


def load_modules(path: Path) -> dict[str, Json]:
    """Modules that have contents, by name."""
    modules = json.loads(path.read_text(encoding="utf-8"))["modules"]
    return {name: one for name, one in modules.items() if not _is_opaque(one)}


def _is_opaque(module: Json) -> bool:
    return any(key in module["attributes"] for key in ("blackbox", "whitebox"))


def count_types(module: Json) -> Counter[str]:
    """Cells of a module by type; what Yosys keeps for itself is left out."""
    types = (cell["type"] for cell in module["cells"].values())
    return Counter(one for one in types if not one.startswith("$"))


def count_xilinx(types: Counter[str]) -> dict[str, float]:
    """What cells of UltraScale+ take: LUTs, flip-flops, DSP blocks, block RAMs of 36 kbit, URAMs.

    >>> count_xilinx(Counter(LUT6=3, RAM32M16=1, FDRE=5, DSP48E2=2, RAMB36E2=1, RAMB18E2=1))
    {'lut': 11, 'ff': 5, 'dsp': 2, 'bram': 1.5, 'uram': 0}

    Raises:
        ValueError: a type is not known, so nobody knows what it takes.
    """
    known = {*XILINX_LUTS, *XILINX_OTHERS, *XILINX_FLIP_FLOPS, *XILINX_BLOCKS}
    if unknown := sorted(types.keys() - known):
        raise ValueError(f"cells of unknown size: {', '.join(unknown)}")
    return {
        "lut": sum(types[name] * luts for name, luts in XILINX_LUTS.items()),
        "ff": sum(types[name] for name in XILINX_FLIP_FLOPS),
        "dsp": types["DSP48E2"],
        "bram": types["RAMB36E2"] + types["RAMB18E2"] / 2,
        "uram": types["URAM288"],
    }


def list_lines(cell: Json, file: str) -> set[int]:
    """Lines of a source file that a cell comes from."""
    places = cell.get("attributes", {}).get("src", "").split("|")
    starts = (one.removeprefix(f"{file}:") for one in places if one.startswith(f"{file}:"))
    return {int(start.split(".")[0]) for start in starts}
