"""Tables and claims of docs/signoff.md on synthesis, from docs/signoff_synthesis.json."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import Any

from tools.markdown import format_rows, format_table
from tools.page import Claim
from tools.synthesis.netlist import RESOURCES
from tools.synthesis.report import (
    CHECK_UNITS,
    CONTROL_CORES,
    CONTROL_UNITS,
    TARGET_CONTROL_SHARE,
    TARGET_MHZ,
    get_control_share,
    get_resources,
)
from tools.synthesis.timing import ECP5_RESOURCES

Json = dict[str, Any]

RESOURCE_NAMES = {
    "lut": "LUT",
    "ff": "FF",
    "dsp": "DSP",
    "bram": "RAMB36",
    "uram": "URAM",
}
ECP5_NAMES = RESOURCE_NAMES | {"bram": "block RAM of 18 kbit"}
MAPPING_NAMES = {"drs": "DRS", "static": "static", "dense": "dense"}
PATH_COLUMNS = {
    "seed": "{seed}",
    "MHz": "{mhz:.1f}",
    "from": "`{path[from]}`",
    "to": "`{path[to]}`",
    "logic levels": "{path[levels]}",
    "logic, ns": "{path[logic_ns]:.2f}",
    "routing, ns": "{path[routing_ns]:.2f}",
}


def make_tables(report: Json) -> dict[str, str]:
    """Blocks of the section.

    Args:
        report: what `tools.synthesis` wrote.
    """
    sizes = report["xilinx"]
    lanes = sorted({size["lanes"] for size in sizes})
    first = {size["lanes"]: size for size in reversed(sizes)}
    cores = [(f"C = {size['cores']}", size) for size in sizes if size["lanes"] == lanes[0]]
    tables = {
        "sizes": _format_wholes(report),
        "units of a core": _format_matrix(
            "core_units", [(f"L = {one}", first[one]) for one in lanes]
        ),
        "common units": _format_matrix("common_units", cores, ("lut", "ff")),
        "critical paths": format_rows(PATH_COLUMNS, report["ecp5"]["seeds"]),
    }
    return (
        tables if report["videos"] is None else tables | {"area and time": _format_videos(report)}
    )


def make_claims(report: Json) -> Iterator[Claim]:
    """What the prose says about the numbers."""
    versions = "; ".join(f"{name}: {text}" for name, text in report["versions"].items())
    yield Claim(f"Versions: {versions}.")
    yield from _claim_targets(report)
    yield Claim(f"The sizes of the shipped model, B = {report['slots']} slots;")
    yield from _claim_ecp5(report["ecp5"])
    videos = report["videos"]
    if videos is not None:
        yield Claim(
            f"{videos['videos']} videos of {videos['frames']} frames of the shipped model, "
            f"{videos['steps']:,} layer steps, {videos['replayed']:.1%} of the slots replayed"
        )
        yield Claim(
            f"Seconds are cycles over {report['targets']['mhz']['reached']:.1f} MHz, the slowest "
            "seed of ECP5"
        )


def _claim_targets(report: Json) -> Iterator[Claim]:
    targets = report["targets"]
    num_seeds = len(report["ecp5"]["seeds"]) + len(report["ecp5"]["stopped"])
    yield Claim(
        "MAC arrays in DSP blocks, scratchpads and tables in block RAM, without exception: "
        f"{_say(targets['mapping']['met'])} ({targets['mapping']['reached']} exceptions in "
        f"{len(report['xilinx'])} sizes for UltraScale+ and one for ECP5)."
    )
    yield Claim(
        f"At least {TARGET_MHZ} MHz on ECP5 for C = {report['ecp5']['cores']}, "
        f"L = {report['ecp5']['lanes']}: {_say(targets['mhz']['met'])}; "
        f"{targets['mhz']['num_reached']} of {num_seeds} seeds reach it, "
        f"{targets['mhz']['reached']:.1f} MHz with the worst that was routed."
    )
    share = targets["control_share"]
    if share["reached"] is not None:
        yield Claim(
            f"DRS and dispatcher ({', '.join(CONTROL_UNITS)}) under {TARGET_CONTROL_SHARE:.0%} "
            f"of the LUTs at C = {CONTROL_CORES}: {_say(share['met'])}; {share['reached']:.2%} at "
            "most (units mapped with their boundaries, over the flat whole where there is one). "
            f"{_describe_check(report)}"
        )


def _say(is_met: bool) -> str:
    return "met" if is_met else "missed"


def _describe_check(report: Json) -> str:
    sizes = [size for size in report["xilinx"] if size["cores"] == CONTROL_CORES]
    share = max(get_control_share(size)[1] for size in sizes)
    names = ", ".join(CHECK_UNITS)
    return f"With what decodes instructions and refuses illegal ones ({names}): {share:.2%}."


def _format_wholes(report: Json) -> str:
    header = ["C x L", *(RESOURCE_NAMES[name] for name in RESOURCES), "sum of units"]
    lines = [
        [
            f"{size['cores']} x {size['lanes']}",
            *(_count(get_resources(size)[name]) for name in RESOURCES),
            _compare(size),
        ]
        for size in report["xilinx"]
    ]
    return format_table(header, lines)


def _compare(size: Json) -> str:
    if size["whole"] is None:
        return "not flat"
    return f"{size['sum']['lut'] / size['whole']['lut'] - 1:+.1%}"


def _count(number: float) -> str:
    return f"{number:,.1f}" if number % 1 else f"{number:,.0f}"


def _format_matrix(
    group: str,
    columns: list[tuple[str, Json]],
    resources: tuple[str, ...] = ("lut", "ff", "dsp", "bram"),
) -> str:
    names = sorted({unit for _, size in columns for unit in size[group]})
    lines = [
        [name, *(_join(size[group].get(name), resources) for _, size in columns)] for name in names
    ]
    return format_table(["unit", *(label for label, _ in columns)], lines)


def _join(unit: Json | None, resources: tuple[str, ...]) -> str:
    return "-" if unit is None else " / ".join(_count(unit[name]) for name in resources)


def _claim_ecp5(ecp5: Json) -> Iterator[Claim]:
    use = [
        f"{one['used']:,} of {one['available']:,} {ECP5_NAMES[name]}"
        for name, one in ecp5["use"].items()
    ]
    absorbed = [
        f"{count} of {ecp5['use'][name]['used']} {ECP5_NAMES[name]}"
        for name, kind in ECP5_RESOURCES.items()
        if (count := ecp5["absorbed"].get(kind))
    ]
    speeds = [one["mhz"] for one in ecp5["seeds"]]
    yield Claim(
        f"C = {ecp5['cores']}, L = {ecp5['lanes']} on an LFE5U-85F-6: {', '.join(use)}. "
        f"Registers were moved into {', '.join(absorbed)}. Over "
        f"{len(speeds)} seeds {min(speeds):.1f} to {max(speeds):.1f} MHz, "
        f"median {statistics.median(speeds):.1f}. The critical path of each seed:"
    )
    if ecp5["stopped"]:
        seeds = ", ".join(str(one["seed"]) for one in ecp5["stopped"])
        minutes = ecp5["stopped"][0]["stopped_after_seconds"] / 60
        yield Claim(f"Stopped after {minutes:.0f} minutes, before the router ended: seed {seeds}.")


def _format_videos(report: Json) -> str:
    videos, mhz = report["videos"], report["targets"]["mhz"]["reached"]
    header = ["C x L", *(f"{one}, s" for one in MAPPING_NAMES.values())]
    header += ["static / DRS", "dense / DRS", *(f"{one}, MAC" for one in MAPPING_NAMES.values())]
    dsps = {(size["cores"], size["lanes"]): get_resources(size)["dsp"] for size in report["xilinx"]}
    lines = [
        _list_video(row, videos["macs"], dsps[row["cores"], row["lanes"]], mhz)
        for row in videos["presets"]
    ]
    return format_table(header, lines)


def _list_video(row: Json, macs: Json, num_dsps: float, mhz: float) -> list[str]:
    needed = {"drs": macs["replay"], "static": macs["replay"], "dense": macs["dense"]}
    return [
        f"{row['cores']} x {row['lanes']}",
        *(f"{row[name] / mhz / 1e6:.3f}" for name in MAPPING_NAMES),
        f"{row['static'] / row['drs']:.3f}",
        f"{row['dense'] / row['drs']:.3f}",
        *(f"{needed[name] / num_dsps / row[name]:.3f}" for name in MAPPING_NAMES),
    ]
