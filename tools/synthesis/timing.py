"""What nextpnr's report says: highest frequency, critical path, use of the device."""

from __future__ import annotations

import re
from typing import Any

from tools.synthesis.design import INSTANCE_NAME

Json = dict[str, Any]

ECP5_RESOURCES = {
    "lut": "TRELLIS_COMB",
    "ff": "TRELLIS_FF",
    "dsp": "MULT18X18D",
    "bram": "DP16KD",
}
CLOCKED = "posedge"

_FLIP_FLOP = re.compile(r"_TRELLIS_FF_Q.*$")
_PART_OF_MEMORY = re.compile(r"\.\d+\.\d+$")


def read_timing(report: Json) -> Json:
    """Frequency in MHz, and the critical path between two registers with its parts in ns."""
    [clock] = report["fmax"].values()
    return {"mhz": clock["achieved"], "path": read_critical_path(report["critical_paths"])}


def read_critical_path(paths: list[Json]) -> Json:
    """The longest path from register to register: its ends, its logic levels and its delays."""
    clocked = [
        one["path"]
        for one in paths
        if one["from"].startswith(CLOCKED) and one["to"].startswith(CLOCKED)
    ]
    [steps] = clocked
    delays = {"logic": 0.0, "routing": 0.0}
    for step in steps:
        delays["routing" if step["type"] == "routing" else "logic"] += step["delay"]
    return {
        "from": name_register(steps[0]["from"]["cell"]),
        "to": name_register(steps[-1]["to"]["cell"]),
        "levels": sum(step["type"] == "logic" for step in steps),
        "logic_ns": delays["logic"],
        "routing_ns": delays["routing"],
    }


def name_register(cell: str) -> str:
    """Register or memory of the design that a cell belongs to.

    >>> [name_register(f"design.{cell}") for cell in ("left_2_q_TRELLIS_FF_Q_15", "table.0.1")]
    ['left_2_q', 'table']
    """
    name = _FLIP_FLOP.sub("", cell.removeprefix(f"{INSTANCE_NAME}."))
    return _PART_OF_MEMORY.sub("", name)


def read_use(report: Json) -> dict[str, dict[str, int]]:
    """For each resource how much is used, and how much the device has."""
    return {one: report["utilization"][cell] for one, cell in ECP5_RESOURCES.items()}
