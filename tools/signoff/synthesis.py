"""The section on synthesis and timing of docs/signoff.md, from docs/signoff_synthesis.json."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import Any

from tools.markdown import fill_paragraphs, format_table
from tools.synthesis.figures import FIGURE_NAME
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

METHOD = """\
`make synth` takes the exported Verilog through public tools: Yosys for UltraScale+
(`synth_xilinx -family xcup`) and ECP5 (`synth_ecp5`), nextpnr for place and route on an ECP5-85.
Nothing is added to it but two attributes. `ram_style = "block"` on every scratchpad and table: left
alone, Yosys puts the few words of a scratchpad into LUTs. `no_rw_check` on scratchpads: no
instruction uses a word that is read in the cycle in which it is written
(`tests/rtl/test_read_collision.py`), so nothing is built for that case. Results are kept in the
user's cache folder under a digest of the Verilog, the script and the version of the tool.
"""
UNITS = """\
The Verilog is one module. To attribute it, the nets are traced to the files of `rtl/` that make
them while the design is built; Yosys then splits the flat design, registers and memories already
recognised, into one module for each file, and maps it with these boundaries kept. One core is
mapped and counts for all of them: their statements are compared and are equal but for names.
Nothing is optimised across boundaries, so the units add up to more than the flat whole.
"""
WRAPPER = """\
The ports of the accelerator are more than the package has pins. A wrapper registers all of them: a
shift register drives the inputs, another one captures the outputs. Its flip-flops and multiplexers
are in the counts below.

A multiplier and a block RAM of ECP5 have a register at their outputs. The vendor's tools use it;
Yosys does not, and leaves the registers that the design has there as flip-flops at the end of a
wire. So before placement they are moved into the blocks (`tools/synthesis/block_registers.py`), but
only where nothing can tell; the tests compare a small netlist with what it was made from.
"""
RESOURCE_NAMES = {
    "lut": "LUT",
    "ff": "FF",
    "dsp": "DSP",
    "bram": "RAMB36",
    "uram": "URAM",
}
ECP5_NAMES = RESOURCE_NAMES | {"bram": "block RAM of 18 kbit"}


def format_section(report: Json) -> list[str]:
    """Lines of the section.

    Args:
        report: what `tools.synthesis` wrote.
    """
    versions = "; ".join(f"{name}: {text}" for name, text in report["versions"].items())
    blocks = [
        "## Synthesis and timing",
        METHOD,
        f"Versions: {versions}.",
        "### Targets",
        "\n".join(_list_targets(report)),
        "### UltraScale+",
        _describe_sizes(report),
        _format_wholes(report),
        f"![growth with cores and lanes]({FIGURE_NAME})",
        UNITS,
        *_format_units(report),
        "### ECP5",
        WRAPPER,
        *_format_ecp5(report["ecp5"]),
        *_format_videos(report),
    ]
    return fill_paragraphs("\n\n".join(blocks)).splitlines()


def _list_targets(report: Json) -> Iterator[str]:
    targets = report["targets"]
    num_seeds = len(report["ecp5"]["seeds"]) + len(report["ecp5"]["stopped"])
    yield (
        "- MAC arrays in DSP blocks, scratchpads and tables in block RAM, without exception: "
        f"{_say(targets['mapping']['met'])} ({targets['mapping']['reached']} exceptions in "
        f"{len(report['xilinx'])} sizes for UltraScale+ and one for ECP5)."
    )
    yield (
        f"- At least {TARGET_MHZ} MHz on ECP5 for C = {report['ecp5']['cores']}, "
        f"L = {report['ecp5']['lanes']}: {_say(targets['mhz']['met'])}; "
        f"{targets['mhz']['num_reached']} of {num_seeds} seeds reach it, "
        f"{targets['mhz']['reached']:.1f} MHz with the worst that was routed."
    )
    share = targets["control_share"]
    if share["reached"] is not None:
        yield (
            f"- DRS and dispatcher ({', '.join(CONTROL_UNITS)}) under {TARGET_CONTROL_SHARE:.0%} "
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


def _describe_sizes(report: Json) -> str:
    return (
        f"The sizes of the shipped model, B = {report['slots']} slots; flat synthesis of the "
        "whole, without pads. LUTs count logic, shift registers and distributed memory; a block "
        "RAM has 36 kbit. The last column says how many more LUTs the units have together; where "
        "it says `not flat`, Yosys (WebAssembly, at most 4 GB) could not map the whole at once, "
        "and the counts are those of the units."
    )


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


def _format_units(report: Json) -> Iterator[str]:
    """Units of a core by lanes, then common units by cores and lanes."""
    lanes = sorted({size["lanes"] for size in report["xilinx"]})
    first = {size["lanes"]: size for size in reversed(report["xilinx"])}
    yield "One core; LUT / FF / DSP / block RAM:"
    yield _format_matrix("core_units", [(f"L = {one}", first[one]) for one in lanes])
    yield "Outside of the cores; LUT / FF:"
    widest = [size for size in report["xilinx"] if size["lanes"] == lanes[0]]
    columns = [(f"C = {size['cores']}", size) for size in widest]
    yield _format_matrix("common_units", columns, ("lut", "ff"))


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


def _format_ecp5(ecp5: Json) -> Iterator[str]:
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
    yield (
        f"C = {ecp5['cores']}, L = {ecp5['lanes']} on an LFE5U-85F-6: {', '.join(use)}. "
        f"Registers were moved into {', '.join(absorbed)}. Over "
        f"{len(speeds)} seeds {min(speeds):.1f} to {max(speeds):.1f} MHz, "
        f"median {statistics.median(speeds):.1f}. The critical path of each seed:"
    )
    header = ["seed", "MHz", "from", "to", "logic levels", "logic, ns", "routing, ns"]
    yield format_table(header, [_list_path(one) for one in ecp5["seeds"]])
    if ecp5["stopped"]:
        seeds = ", ".join(str(one["seed"]) for one in ecp5["stopped"])
        minutes = ecp5["stopped"][0]["stopped_after_seconds"] / 60
        yield f"Stopped after {minutes:.0f} minutes, before the router ended: seed {seeds}."


def _list_path(run: Json) -> list[str]:
    path = run["path"]
    return [
        str(run["seed"]),
        f"{run['mhz']:.1f}",
        f"`{path['from']}`",
        f"`{path['to']}`",
        str(path["levels"]),
        f"{path['logic_ns']:.2f}",
        f"{path['routing_ns']:.2f}",
    ]


def _format_videos(report: Json) -> Iterator[str]:
    videos = report["videos"]
    if videos is None:
        return
    mhz = report["targets"]["mhz"]["reached"]
    yield "### Area and time"
    yield (
        f"{videos['videos']} videos of {videos['frames']} frames of the shipped model, "
        f"{videos['steps']:,} layer steps, {videos['replayed']:.1%} of the slots replayed "
        "(decided by SCORE, as in `make hardware`); cycles by the cycle model, which is equal to "
        f"the RTL. Seconds are cycles over {mhz:.1f} MHz, the slowest seed of ECP5; for sizes that "
        "were not placed that clock is an assumption. The last columns are the products that the "
        "model needs, padding left out, per DSP block (all blocks of the UltraScale+ design) and "
        "cycle."
    )
    header = ["C x L", *(f"{one}, s" for one in MAPPING_NAMES.values())]
    header += ["static / DRS", "dense / DRS", *(f"{one}, MAC" for one in MAPPING_NAMES.values())]
    dsps = {(size["cores"], size["lanes"]): get_resources(size)["dsp"] for size in report["xilinx"]}
    lines = [
        _list_video(row, videos["macs"], dsps[row["cores"], row["lanes"]], mhz)
        for row in videos["presets"]
    ]
    yield format_table(header, lines)


MAPPING_NAMES = {"drs": "DRS", "static": "static", "dense": "dense"}


def _list_video(row: Json, macs: Json, num_dsps: float, mhz: float) -> list[str]:
    needed = {"drs": macs["replay"], "static": macs["replay"], "dense": macs["dense"]}
    return [
        f"{row['cores']} x {row['lanes']}",
        *(f"{row[name] / mhz / 1e6:.3f}" for name in MAPPING_NAMES),
        f"{row['static'] / row['drs']:.3f}",
        f"{row['dense'] / row['drs']:.3f}",
        *(f"{needed[name] / num_dsps / row[name]:.3f}" for name in MAPPING_NAMES),
    ]
