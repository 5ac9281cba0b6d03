"""What nextpnr's report says: highest frequency, critical path, use of the device."""

from __future__ import annotations

import re
from collections.abc import Mapping
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
_WIRING = re.compile(r"^ +assign (net_\d+) = ([\w\[\]:{}(), ']+);$", re.MULTILINE)
_CONSTANT = re.compile(r"\d+'[a-z]\w+")
_NAME = re.compile(r"[a-z]\w*")


def read_timing(report: Json, aliases: Mapping[str, str]) -> Json:
    """Frequency in MHz, and the critical path between two registers with its parts in ns.

    Args:
        report: of nextpnr.
        aliases: see `find_aliases`.
    """
    [clock] = report["fmax"].values()
    path = read_critical_path(report["critical_paths"], aliases)
    return {"mhz": clock["achieved"], "path": path}


def read_critical_path(paths: list[Json], aliases: Mapping[str, str]) -> Json:
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
        "from": name_register(steps[0]["from"]["cell"], aliases),
        "to": name_register(steps[-1]["to"]["cell"], aliases),
        "levels": sum(step["type"] == "logic" for step in steps),
        "logic_ns": delays["logic"],
        "routing_ns": delays["routing"],
    }


def find_aliases(verilog: str) -> dict[str, str]:
    r"""Nets without a name of their own that are bits of others, and those others.

    Yosys may call a register after any of them.

    >>> text = "    assign net_7 = (word_q[15:0]);\n    assign net_8 = {1'd0, net_7, (sum_q[3])};"
    >>> find_aliases(text)
    {'net_7': 'word_q', 'net_8': 'word_q, sum_q'}
    """
    aliases: dict[str, str] = {}
    for net, parts in _WIRING.findall(verilog):
        sources = _NAME.findall(_CONSTANT.sub("", parts))
        aliases[net] = ", ".join(dict.fromkeys(aliases.get(one, one) for one in sources)) or net
    return aliases


def name_register(cell: str, aliases: Mapping[str, str]) -> str:
    """Register or memory of the design that a cell belongs to.

    >>> cells = ("left_2_q_TRELLIS_FF_Q_15", "table.0.1", "net_7_TRELLIS_FF_Q")
    >>> [name_register(f"design.{cell}", {"net_7": "word_q"}) for cell in cells]
    ['left_2_q', 'table', 'word_q']
    """
    name = _FLIP_FLOP.sub("", cell.removeprefix(f"{INSTANCE_NAME}."))
    name = _PART_OF_MEMORY.sub("", name)
    return aliases.get(name, name)


def read_use(report: Json) -> dict[str, dict[str, int]]:
    """For each resource how much is used, and how much the device has."""
    return {one: report["utilization"][cell] for one, cell in ECP5_RESOURCES.items()}
