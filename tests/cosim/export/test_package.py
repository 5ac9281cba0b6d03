"""What goes with the exported module into a design says what the module is, and nothing else."""

from __future__ import annotations

import csv
import doctest
import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from fastcar.cosim.backends.verilator_build import run_build_tool
from fastcar.cosim.export import measured, module_name, names, net_map, sizes
from fastcar.cosim.export.diagram import LEAST_BITS, count_bits
from fastcar.cosim.export.export import ExportPackage, make_package
from fastcar.cosim.export.integration import DIAGRAM_FILE, UNITS_FILE
from fastcar.cosim.export.license import LICENSE_FILE
from fastcar.cosim.export.measured import NOT_MEASURED, describe_area, describe_clock
from fastcar.cosim.export.memory_page import MEMORY_PAGE
from fastcar.cosim.export.names import PackageNames
from fastcar.cosim.export.readme import LISTING_FILE, README_FILE
from fastcar.cosim.export.request import ExportRequest
from fastcar.cosim.program.assembler import assemble
from fastcar.cosim.program.memory_map import MemoryMap
from fastcar.cosim.verilog.owners import COMMON, trace_owners
from fastcar.rtl.config import DEMO, TINY
from tests.simulators import needs_icarus

ROOT = Path(__file__).parents[3]
SMALL = ExportRequest(
    cores=1,
    lanes=4,
    num_slots=2,
    hidden_size=12,
    intermediate_size=20,
    query_size=8,
    queue_depth=8,
    module_name="small_one",
)


@cache
def get_package() -> ExportPackage:
    return make_package(ExportRequest("tiny"))


@cache
def get_small() -> ExportPackage:
    return make_package(SMALL)


@pytest.mark.parametrize("module", [measured, module_name, names, net_map, sizes])
def test_examples_hold(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted
    assert not result.failed


def list_declared(text: str) -> dict[str, tuple[int, int]]:
    """Width and words of every net and memory that a module declares by a name of its own."""
    kinds, size = "(?:input  wire|output wire|reg|wire)", r"(?:\[(\d+):0\])?"
    pattern = rf"^    {kinds} ?{size} ?(\w+){size}(?:,|;| =|$)"
    found = re.findall(pattern, text, re.MULTILINE)
    counted = ("net_", "constant_", "assertion")
    return {
        name: (int(top or 0) + 1, int(last or 0) + 1)
        for top, name, last in found
        if not name.startswith(counted)
    }


@pytest.mark.parametrize("get", [get_package, get_small])
def test_the_map_has_every_named_net_of_the_module(get: type) -> None:
    package = get()
    declared = list_declared(package.design.text)
    rows = list(csv.DictReader(package.files[f"{package.design.module_name}_nets.csv"].split("\n")))
    found = {row["name"]: (int(row["bits"]), int(row["words"])) for row in rows}
    assert len(found) == len(rows) > 300
    assert found == {name: size for name, size in declared.items() if name != "clk"}


def test_the_map_says_unit_and_source() -> None:
    rows = csv.DictReader(get_package().files["fastcar_accelerator_nets.csv"].split("\n"))
    by_name = {row["name"]: row for row in rows}
    pointer, buffer = by_name["scheduler_pointer_q"], by_name["core1_datapath_buffer_x"]
    assert [*pointer.values()][1:4] == ["register", "5", "1"]
    assert [*pointer.values()][4:] == ["common", "scheduler", "rtl/scheduler.py"]
    assert (buffer["kind"], buffer["core"], buffer["unit"]) == ("memory", "core1", "vector_memory")
    assert by_name["reset"]["kind"] == "input"
    assert all((ROOT / row["source"]).is_file() for row in by_name.values())


def test_every_unit_is_on_the_page_and_in_the_picture() -> None:
    files = get_package().files
    rows = csv.DictReader(files["fastcar_accelerator_nets.csv"].split("\n"))
    units = {row["unit"] for row in rows if row["core"] in (COMMON, "core0")}
    assert {"mac_array", "requantizer", "scheduler", "dispatcher", "read_channel"} <= units
    assert units == set(re.findall(r"^\| (?:outside|core) \| (\w+) \|", files[UNITS_FILE], re.M))
    picture = ElementTree.fromstring(files[DIAGRAM_FILE])
    drawn = {text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")}
    assert units <= drawn


def test_arrows_count_what_one_unit_drives_and_another_reads() -> None:
    block, owners = trace_owners(replace(TINY, num_cores=1))
    counted = count_bits(block, owners)
    arrows = {(one.unit, other.unit): bits for (one, other), bits in counted.items()}
    assert arrows["mac_array", "result_path"] == arrows["mac_array", "rms_norm"] == 48
    assert arrows["vector_memory", "write_back"] == 2 * TINY.word_bits
    assert ("mac_array", "dispatcher") not in arrows
    picture = get_package().files[DIAGRAM_FILE]
    assert min(int(bits) for bits in re.findall(r": (\d+) bits", picture)) >= LEAST_BITS


def test_the_component_has_the_ports_of_the_module() -> None:
    package = get_small()
    text = package.files["small_one.vhd"]
    pattern = r"^            (\w+) : (in|out) std_logic(?:_vector\((\d+) downto 0\))?(;?) -- "
    found = re.findall(pattern, text, re.M)
    ports = [("clk", True, 1), *((p.name, p.is_input, p.num_bits) for p in package.design.ports)]
    assert [(name, way == "in", int(top or 0) + 1) for name, way, top, _ in found] == ports
    assert [end for *_, end in found] == [";"] * (len(ports) - 1) + [""]
    assert "package small_one_component is" in text


def test_a_module_of_another_name_leaves_nothing_of_the_usual_one() -> None:
    files = get_small().files
    assert not [name for name, text in files.items() if "fastcar_accelerator" in name + text]
    assert "fastcar:accelerator:small_one" in files[README_FILE]


@needs_icarus
def test_two_sizes_live_in_one_design(tmp_path: Path) -> None:
    lines = ["module top(input wire clk, input wire reset);"]
    for package in (get_package(), get_small()):
        name = package.design.module_name
        (tmp_path / f"{name}.v").write_text(package.design.text, encoding="utf-8")
        lines.append(f"    {name} one_{name} (.clk(clk), .reset(reset));")
    (tmp_path / "top.v").write_text("\n".join([*lines, "endmodule"]) + "\n", encoding="utf-8")
    sources = ("top.v", "fastcar_accelerator.v", "small_one.v")
    run_build_tool(["iverilog", "-g2012", "-t", "null", "-s", "top", *sources], tmp_path)


def test_area_and_clock_are_those_of_the_sign_off_or_not_measured() -> None:
    report = json.loads((ROOT / "docs" / "signoff_synthesis.json").read_text(encoding="utf-8"))
    for one in report["xilinx"]:
        config = replace(DEMO, num_cores=one["cores"], num_lanes=one["lanes"])
        whole = one["whole"] or one["sum"]
        area = f"{whole['lut']:,} LUT, {whole['ff']:,} FF, {whole['dsp']:,} DSP, "
        assert describe_area(config) == f"{area}{whole['bram']:g} block RAM of 36 kbit"
    speeds = [one["mhz"] for one in report["ecp5"]["seeds"] if "mhz" in one]
    placed = replace(DEMO, num_cores=1)
    assert describe_clock(placed).startswith(f"{min(speeds):.1f} to {max(speeds):.1f} MHz over ")
    for other in (TINY, replace(placed, num_slots=8), replace(placed, queue_depth=8)):
        assert (describe_area(other), describe_clock(other)) == (NOT_MEASURED, NOT_MEASURED)
    assert describe_clock(DEMO) == NOT_MEASURED


def test_the_listing_is_the_program() -> None:
    package = get_package()
    assert tuple(assemble(package.files[LISTING_FILE])) == package.recording.program


def test_the_memory_page_has_the_addresses_of_the_recorded_run() -> None:
    package = get_package()
    page, memory_map = package.files[MEMORY_PAGE], package.recording.memory_map
    assert isinstance(memory_map, MemoryMap)
    assert f"\n| end | {len(package.recording.memory)} | | |\n" in page
    assert re.search(rf"\n\| activations \[slot\] \| {memory_map.slots_address} \| 4 \|", page)


def test_the_licence_is_that_of_the_project() -> None:
    files = get_package().files
    assert files[LICENSE_FILE] == (ROOT / "LICENSE").read_text(encoding="utf-8")
    untagged = {name for name, text in files.items() if "SPDX-License-Identifier: MIT" not in text}
    data = {name for name in files if name.endswith((".hex", ".csv"))}
    assert untagged == data | {LICENSE_FILE}


def test_the_clock_is_constrained_in_both_dialects() -> None:
    files = get_small().files
    assert "\ncreate_clock -name clk -period 8.333 [get_ports clk]\n" in files["small_one.xdc"]
    assert '\nFREQUENCY PORT "clk" 120 MHZ;\n' in files["small_one.lpf"]


def test_sizes_are_part_of_the_name_where_no_preset_has_them() -> None:
    package = make_package(replace(SMALL, module_name="fastcar_accelerator"))
    core = package.files["fastcar_accelerator.core"]
    assert "\nname: fastcar:accelerator:c1-l4-b2-d12-f20-q8-i8:" in core
    assert PackageNames("tiny").core == "fastcar:accelerator:tiny"
