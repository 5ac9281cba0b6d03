"""Area and clock of an exported size, where the sign-off has measured it: docs/signoff.md.

The page travels with the package of this project, its numbers elsewhere do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from importlib import resources

from fastcar.rtl.config import DEMO, AcceleratorConfig

NOT_MEASURED = "not measured"
PLACED = 1, 16
"""C and L that are placed and routed."""


def describe_area(config: AcceleratorConfig) -> str:
    """LUT, FF, DSP and block RAM on UltraScale+ by Yosys, or that they are not measured.

    >>> describe_area(replace(DEMO, num_cores=1)).startswith("5,987 LUT, ")
    True
    """
    label = f"{config.num_cores} x {config.num_lanes}"
    row = dict(_read_table("sizes")).get(label) if _is_signed_off(config) else None
    if row is None:
        return NOT_MEASURED
    counts = zip(row[:4], ("LUT", "FF", "DSP", "block RAM of 36 kbit"), strict=True)
    return ", ".join(f"{count} {kind}" for count, kind in counts)


def describe_clock(config: AcceleratorConfig) -> str:
    """MHz on ECP5 by nextpnr, slowest and fastest seed, or that they are not measured."""
    if not _is_signed_off(config) or (config.num_cores, config.num_lanes) != PLACED:
        return NOT_MEASURED
    speeds = [float(row[0]) for _, row in _read_table("critical paths")]
    return f"{min(speeds)} to {max(speeds)} MHz over {len(speeds)} seeds"


def _is_signed_off(config: AcceleratorConfig) -> bool:
    """The sizes of the shipped model without attention, with any cores and lanes."""
    sizes = replace(DEMO, num_cores=config.num_cores, num_lanes=config.num_lanes)
    return config == sizes


@cache
def _read_page() -> str:
    return (resources.files("fastcar.docs") / "signoff.md").read_text(encoding="utf-8")


def _read_table(name: str) -> Iterator[tuple[str, list[str]]]:
    """First cell and other cells of each row."""
    found = re.search(rf"<!-- table: {name} -->\n(.*?)<!-- end -->", _read_page(), re.DOTALL)
    lines = found[1].strip().splitlines() if found else []
    for line in lines[2:]:
        first, *others = (cell.strip() for cell in line.strip("|").split("|"))
        yield first, others
