"""What the Verilog asks of synthesis for its memories, and why that is safe."""

from __future__ import annotations

import doctest
import json
import re
from dataclasses import replace
from pathlib import Path

import pyrtl
import pytest

from fastcar.cosim.verilog import memories
from fastcar.cosim.verilog.memories import ATTRIBUTES, MemoryKind, get_kind
from fastcar.cosim.verilog.verilog import MODULE_NAME, VERILOG_FILE, export_verilog
from fastcar.cosim.verilog.yosys import run_yosys
from fastcar.rtl.accelerator import make_accelerator
from fastcar.rtl.config import DEMO, TINY, TINY_DECODER, AcceleratorConfig

DOCS = Path(__file__).parents[3] / "docs"
ONE_CORE = replace(TINY_DECODER, num_cores=1)
READS = ("RD_CLK_ENABLE", "RD_TRANSPARENCY_MASK", "RD_COLLISION_X_MASK")
REGISTER_BEHIND, ANY_COLLISION = (1, 0, 1), (1, 0, 0)


def test_examples_hold() -> None:
    assert doctest.testmod(memories) == (0, 1)


def list_memories(config: AcceleratorConfig) -> dict[str, MemoryKind]:
    nets = make_accelerator(config).logic_subset("m")
    return {net.op_param[1].name: get_kind(net.op_param[1]) for net in nets}


@pytest.mark.parametrize("config", [TINY, TINY_DECODER])
def test_scratchpads_and_tables_ask_for_block_ram(config: AcceleratorConfig) -> None:
    text = export_verilog(config).text
    pattern = r"^    (\(\* .* \*\))\n    reg\[\d+:0\] (\w+)\[\d+:0\];  // \w+Block$"
    asked = {name: attribute for attribute, name in re.findall(pattern, text, re.MULTILINE)}
    wanted = {name: ATTRIBUTES.get(kind) for name, kind in list_memories(config).items()}
    assert asked == {name: attribute for name, attribute in wanted.items() if attribute}
    assert len(asked) == config.num_cores * (9 if config is TINY else 13)


def list_readers(
    wire: pyrtl.WireVector, readers: dict[pyrtl.WireVector, list[pyrtl.LogicNet]]
) -> list[pyrtl.LogicNet]:
    """What a wire goes to, behind the choice of whether a register takes it."""
    found = []
    for net in readers.get(wire, []):
        found += list_readers(net.dests[0], readers) if net.op in "xw" else [net]
    return found


def test_a_word_of_a_scratchpad_goes_to_one_register_and_nowhere_else() -> None:
    """The register that synthesis absorbs; without it a collision would be seen a cycle later."""
    block = make_accelerator(ONE_CORE)
    _, readers = block.net_connections()
    scratchpads = [
        net for net in block.logic_subset("m") if get_kind(net.op_param[1]) is MemoryKind.SCRATCHPAD
    ]
    assert len(scratchpads) == 10
    for net in scratchpads:
        assert len(readers[net.dests[0]]) == 1
        [reader] = list_readers(net.dests[0], readers)
        assert reader.op == "r", net.op_param[1].name


@pytest.mark.slow
def test_yosys_absorbs_the_register_behind_every_scratchpad(tmp_path: Path) -> None:
    (tmp_path / VERILOG_FILE).write_text(export_verilog(ONE_CORE).text, encoding="utf-8")
    steps = "proc; opt; memory_dff; memory_collect; opt_clean; write_json netlist.json"
    run_yosys(f"read_verilog {VERILOG_FILE}; hierarchy -top {MODULE_NAME}; {steps}", tmp_path)
    netlist = json.loads((tmp_path / "netlist.json").read_text(encoding="utf-8"))
    cells = netlist["modules"][MODULE_NAME]["cells"].values()
    found = {
        cell["parameters"]["MEMID"].removeprefix("\\"): tuple(
            int(cell["parameters"][name], 2) for name in READS
        )
        for cell in cells
        if cell["type"] == "$mem_v2"
    }
    wanted = {MemoryKind.SCRATCHPAD: REGISTER_BEHIND, MemoryKind.TABLE: ANY_COLLISION}
    for name, kind in list_memories(ONE_CORE).items():
        if kind in wanted:
            assert found[name] == wanted[kind], name


@pytest.mark.nightly
def test_a_plain_run_of_yosys_has_the_block_rams_of_the_sign_off(tmp_path: Path) -> None:
    """As an integrator's: nothing but the text and a synthesis command, up to its memories."""
    report = json.loads((DOCS / "signoff_synthesis.json").read_text(encoding="utf-8"))
    [whole] = [one["whole"] for one in report["xilinx"] if (one["cores"], one["lanes"]) == (1, 16)]
    text = export_verilog(replace(DEMO, num_cores=1)).text
    (tmp_path / VERILOG_FILE).write_text(text, encoding="utf-8")
    synthesis = f"synth_xilinx -family xcup -flatten -top {MODULE_NAME} -run begin:map_ffs"
    run_yosys(f"read_verilog {VERILOG_FILE}; {synthesis}; tee -o stat.json stat -json", tmp_path)
    found = json.loads((tmp_path / "stat.json").read_text(encoding="utf-8"))
    counts = found["modules"][f"\\{MODULE_NAME}"]["num_cells_by_type"]
    assert counts["RAMB36E2"] + counts["RAMB18E2"] / 2 == whole["bram"] == 29
    assert counts["DSP48E2"] == whole["dsp"]
