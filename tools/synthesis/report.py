"""The numbers of docs/signoff_synthesis.json: what the runs gave, added up and held to targets."""

from __future__ import annotations

from collections import Counter
from typing import Any

from fastcar.cosim.verilog.memories import MemoryKind
from fastcar.cosim.verilog.owners import COMMON
from fastcar.cosim.verilog.tool import ToolError
from tools.synthesis.netlist import RESOURCES, count_xilinx
from tools.synthesis.split import FIRST_CORE

Json = dict[str, Any]

TARGET_MHZ = 120
TARGET_CONTROL_SHARE = 0.01
CONTROL_CORES = 8
"""Number of cores for which the share of the control is held to its target."""
CONTROL_UNITS = ("scheduler", "dispatcher", "slot_view", "section_lock")
"""DRS; the dispatcher, what it keeps of the slot of its instruction, and with attention of its
section.
"""
CHECK_UNITS = ("instruction_form", "instruction_check")
"""Decode an instruction when it is accepted; refuse an illegal one."""


def make_report(runs: Json, videos: Json | None) -> Json:
    """Resources of every size, frequencies, cycles of videos, targets.

    Args:
        runs: of `run_plan`.
        videos: of `count_video_cycles`; None leaves them out.
    """
    report = {
        "versions": runs["versions"],
        "slots": runs["slots"],
        "xilinx": [summarise_size(one) for one in runs["xilinx"]],
        "ecp5": _summarise_ecp5(runs["ecp5"]),
        "videos": videos,
    }
    return report | {"targets": judge(report)}


def summarise_size(run: Json) -> Json:
    """Resources of one pair (C, L): whole, units of a core, common units, and their sum.

    `whole` is None where flat synthesis gave up; the units were checked all the same.
    """
    parts = [(run["cores"], run["units"][FIRST_CORE]), (1, run["units"][COMMON])]
    sums = {
        name: sum(times * unit[name] for times, units in parts for unit in units.values())
        for name in RESOURCES
    }
    is_flat = "types" in run
    mapping = _summarise_mapping(run) if is_flat else {"violations": []}
    violations = [*mapping["violations"], *run["unit_violations"]]
    return {
        "cores": run["cores"],
        "lanes": run["lanes"],
        "whole": count_xilinx(Counter(run["types"])) if is_flat else None,
        "sum": sums,
        "core_units": run["units"][FIRST_CORE],
        "common_units": run["units"][COMMON],
        **mapping,
        "violations": violations,
    }


def get_resources(size: Json) -> Json:
    """Of the whole; the sum of units where flat synthesis gave up."""
    resources: Json = size["whole"] or size["sum"]
    return resources


def _summarise_mapping(run: Json) -> Json:
    memories = run["memories"].values()
    kinds = Counter(one["kind"] for one in memories)
    return {
        "memories": {kind.value: kinds[kind.value] for kind in MemoryKind},
        "products": run["products"],
        "violations": run["violations"],
    }


def _summarise_ecp5(run: Json) -> Json:
    routed = [one for one in run["seeds"] if "mhz" in one]
    if not routed:
        raise ToolError(f"place and route: none of {len(run['seeds'])} seeds ended in time")
    seeds = [{key: one[key] for key in ("seed", "mhz", "path")} for one in routed]
    stopped = [
        {key: one[key] for key in ("seed", "stopped_after_seconds")}
        for one in run["seeds"]
        if "mhz" not in one
    ]
    sizes = {"cores": run["cores"], "lanes": run["lanes"]}
    kept = {key: routed[0][key] for key in ("use", "absorbed")}
    return sizes | kept | {"seeds": seeds, "stopped": stopped, **_summarise_mapping(run)}


def get_control_share(size: Json) -> tuple[float, float]:
    """Share of DRS and dispatcher in the LUTs of the design, and with the check of instructions.

    The units are mapped with their boundaries and are larger than in the flat design.
    """
    units, num_luts = size["common_units"], get_resources(size)["lut"]
    control = sum(units[name]["lut"] for name in CONTROL_UNITS if name in units)
    check = sum(units[name]["lut"] for name in CHECK_UNITS)
    return control / num_luts, (control + check) / num_luts


def judge(report: Json) -> Json:
    """Each target: what was reached, and whether that is enough."""
    ecp5 = report["ecp5"]
    slowest = min(one["mhz"] for one in ecp5["seeds"])
    num_reached = sum(one["mhz"] >= TARGET_MHZ for one in ecp5["seeds"])
    shares = [
        get_control_share(size)[0] for size in report["xilinx"] if size["cores"] == CONTROL_CORES
    ]
    violations = list_violations(report)
    return {
        "mapping": {"reached": len(violations), "met": not violations},
        "mhz": {
            "reached": slowest,
            "num_reached": num_reached,
            "met": num_reached == len(ecp5["seeds"]) + len(ecp5["stopped"]),
        },
        "control_share": {
            "reached": max(shares, default=None),
            "met": all(share < TARGET_CONTROL_SHARE for share in shares) if shares else None,
        },
    }


def list_violations(report: Json) -> list[str]:
    """Everything that is not mapped as it has to be, with the size in which it happened."""
    runs = [("UltraScale+", one) for one in report["xilinx"]] + [("ECP5", report["ecp5"])]
    return [
        f"{device}, C = {run['cores']}, L = {run['lanes']}: {violation}"
        for device, run in runs
        for violation in run["violations"]
    ]
