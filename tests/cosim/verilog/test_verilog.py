"""The exported Verilog: the same bytes always, lint-clean, and nothing hidden by a waiver."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pyrtl
import pytest

from fastcar.cosim.backends.verilator_build import (
    find_verilator,
    run_build_tool,
)
from fastcar.cosim.verilog.tool import ToolError
from fastcar.cosim.verilog.verilog import (
    MODULE_NAME,
    VERILOG_FILE,
    WAIVER_FILE,
    WAIVERS,
    VerilogDesign,
    export_verilog,
    make_waivers,
)
from fastcar.cosim.verilog.verilog_lines import join_lines
from fastcar.cosim.verilog.verilog_ports import MEANINGS, Port, list_ports, split_name
from fastcar.cosim.verilog.yosys import run_yosys
from fastcar.reference.errors import ArgumentError
from fastcar.rtl.accelerator import make_accelerator
from fastcar.rtl.attention.config import AttentionConfig
from fastcar.rtl.config import PRESETS, TINY, TINY_DECODER, AcceleratorConfig
from tests.simulators import needs_verilator

ROOT = Path(__file__).parents[3]
PRESETS_AS_TESTED = [
    "tiny",
    *(pytest.param(preset, marks=pytest.mark.slow) for preset in PRESETS if preset != "tiny"),
]


@pytest.fixture(scope="module")
def tiny() -> VerilogDesign:
    return export_verilog(TINY)


def hash_in_fresh_process(preset: str, hash_seed: int) -> str:
    code = (
        "import hashlib; from fastcar.cosim.verilog.verilog import export_verilog; "
        "from fastcar.rtl.config import PRESETS;"
        f"text = export_verilog(PRESETS['{preset}']).text;"
        "print(hashlib.sha256(text.encode()).hexdigest())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    return subprocess.check_output(command, env=environment, cwd=ROOT, text=True).strip()


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS_AS_TESTED)
def test_fresh_processes_write_the_same_bytes(preset: str) -> None:
    here = hashlib.sha256(export_verilog(PRESETS[preset]).text.encode()).hexdigest()
    assert {hash_in_fresh_process(preset, seed) for seed in (1, 2)} == {here}


def test_one_process_writes_the_same_bytes_twice(tiny: VerilogDesign) -> None:
    assert export_verilog(TINY) == tiny


def test_ports_are_those_of_the_accelerator_and_the_clock(tiny: VerilogDesign) -> None:
    declared = re.findall(r"^    (input |output) wire (?:\[(\d+):0\] )?(\w+),?$", tiny.text, re.M)
    block = make_accelerator(TINY)
    assertions = set(block.rtl_assert_dict)
    expected = {("input ", 1, "clk")}
    for kind, direction in ((pyrtl.Input, "input "), (pyrtl.Output, "output")):
        wires = block.wirevector_subset(kind) - assertions
        expected |= {(direction, len(wire), wire.name) for wire in wires}
    found = [(direction, int(top or 0) + 1, name) for direction, top, name in declared]
    assert len(found) == len(set(found))
    assert set(found) == expected


def test_header_lists_parameters_and_ports(tiny: VerilogDesign) -> None:
    header = tiny.text.split("`default_nettype none")[0]
    assert all(line.startswith("//") for line in header.splitlines() if line)
    for name in ("num_cores          2", "hidden_size        8", "queue_depth        32"):
        assert name in header
    for port in tiny.ports:
        line = rf"^//   {port.name} +(in |out) +{port.num_bits}  {re.escape(port.meaning)}$"
        assert re.search(line, header, re.M)
    assert re.search(r"^//   clk +in +1  ", header, re.M)
    assert header.startswith("// SPDX-FileCopyrightText: 2026 FastCar contributors\n")
    assert header.splitlines()[1] == "// SPDX-License-Identifier: MIT"
    assert f"\n// Version: fastcar {metadata.version('fastcar')}\n" in header


def test_every_meaning_belongs_to_a_port() -> None:
    """Of an accelerator with attention, which has them all."""
    patterns = {split_name(port.name)[0] for port in list_ports(make_accelerator(TINY_DECODER))}
    assert patterns == set(MEANINGS)


def test_a_port_without_meaning_is_refused() -> None:
    block = pyrtl.Block()
    with pyrtl.set_working_block(block):
        wire = pyrtl.Output(3, "surprise")
        wire <<= pyrtl.Const(1, 3)
    with pytest.raises(ArgumentError, match=r"^port = 'surprise': "):
        list_ports(block)


def test_registers_have_no_initial_value_and_no_name_is_a_counter_of_the_process(
    tiny: VerilogDesign,
) -> None:
    assert "tmp" not in tiny.text
    assert "const_" not in tiny.text
    assert not re.search(r"^    reg[^=\n]*=", tiny.text, re.M)
    initialised = re.findall(r"initial begin\n +(\w+)\[0\]", tiny.text)
    roms = re.findall(r"(\w+)\[\d+:0\];  // RomBlock", tiny.text)
    assert sorted(initialised) == sorted(roms)
    at_power_up = re.findall(r"^    initial (\w+) = 1'd0;$", tiny.text, re.M)
    assert at_power_up == ["was_reset_q"]
    assert tiny.text.count("initial ") == len(roms) + 1


def find_register(text: str, index: str) -> str:
    """The register that an index is, or is part of, through wires that only pass it on."""
    passed = re.search(rf"^    assign {index} = \(?(\w+)(?:\[[\d:]+\]\))?;$", text, re.M)
    return index if passed is None else find_register(text, passed[1])


@pytest.mark.parametrize(("config", "num_memories"), [(TINY, 9), (TINY_DECODER, 9 + 6)])
def test_memories_are_written_on_the_edge_and_read_at_a_register(
    config: AcceleratorConfig, num_memories: int
) -> None:
    """So that synthesis finds block RAM."""
    text = join_lines(export_verilog(config).text)
    memories = re.findall(r"^    reg\[\d+:0\] (\w+)\[\d+:0\];  // MemBlock$", text, re.M)
    assert len(memories) == config.num_cores * num_memories
    for memory in memories:
        reads = re.findall(rf"^    assign \w+ = {memory}\[\(?(\w+)", text, re.M)
        writes = re.findall(rf"^            {memory}\[.*\] <= ", text, re.M)
        assert len(writes) == 1, memory
        for index in reads:
            register = find_register(text, index)
            assert re.search(rf"^    reg(\[\d+:0\])? {register};$", text, re.M), memory


def lint(folder: Path, design: VerilogDesign, waivers: str) -> None:
    (folder / VERILOG_FILE).write_text(design.text, encoding="utf-8")
    (folder / WAIVER_FILE).write_text(waivers, encoding="utf-8")
    # A file of a user: the module must not mind that others have a time scale.
    user = "`timescale 1ns/1ps\nmodule user;\nendmodule\n"
    (folder / "user.v").write_text(user, encoding="utf-8")
    options = ["--lint-only", "-Wall", "--top-module", MODULE_NAME]
    run_build_tool([*find_verilator(), *options, WAIVER_FILE, VERILOG_FILE, "user.v"], folder)


@needs_verilator
@pytest.mark.parametrize("preset", PRESETS_AS_TESTED)
def test_verilator_finds_nothing_to_say(preset: str, tmp_path: Path) -> None:
    lint(tmp_path, export_verilog(PRESETS[preset]), make_waivers())


WIDE_DECODER = AcceleratorConfig(1, 32, 1, 1, 1, 32, 2, AttentionConfig(1, 1, 32, 1))
"""As many lanes as attention takes."""


@pytest.mark.slow
@needs_verilator
def test_every_waiver_is_needed(tmp_path: Path) -> None:
    lines = make_waivers().splitlines(keepends=True)
    design = export_verilog(WIDE_DECODER)
    lint(tmp_path, design, "".join(lines))
    first = len(lines) - 2 * len(WAIVERS)
    for place in range(len(WAIVERS)):
        others = [*lines[: first + 2 * place], *lines[first + 2 + 2 * place :]]
        with pytest.raises(ToolError, match=WAIVERS[place][0]):
            lint(tmp_path, design, "".join(others))


@needs_verilator
@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("    // Combinational logic", "    wire forgotten = done;", "UNUSEDSIGNAL"),
        ("    // Combinational logic", "    wire [3:0] cut = index_register;", "WIDTHTRUNC"),
    ],
)
def test_lint_finds_a_planted_fault(
    tiny: VerilogDesign, old: str, new: str, rule: str, tmp_path: Path
) -> None:
    assert tiny.text.count(old) == 1
    text = tiny.text.replace(old, new)
    with pytest.raises(ToolError, match=rule):
        lint(tmp_path, VerilogDesign(TINY, text, tiny.ports, tiny.assertions), make_waivers())


def test_assertions_of_the_hardware_are_in_the_text(tiny: VerilogDesign) -> None:
    assert len(tiny.assertions) == len(make_accelerator(TINY).rtl_assert_dict) > 20
    for number, claim in enumerate(tiny.assertions):
        assert f'$fatal(1, "assertion_{number}: {claim}");' in tiny.text


@pytest.mark.slow
def test_yosys_reads_the_text_for_proofs_and_for_synthesis(
    tiny: VerilogDesign, tmp_path: Path
) -> None:
    """Without `-formal` it knows $fatal no better, but takes `SYNTHESIS` for defined."""
    (tmp_path / VERILOG_FILE).write_text(tiny.text, encoding="utf-8")
    for option in ("-formal", ""):
        run_yosys(f"read_verilog {option} {VERILOG_FILE}; hierarchy -check -auto-top", tmp_path)


def test_a_result_is_as_wide_as_its_readers_and_operands_need() -> None:
    block = pyrtl.Block()
    with pyrtl.set_working_block(block):
        data = pyrtl.Input(8, "core0_read_response_data")
        other = pyrtl.Input(8, "core1_read_response_data")
        low, half, whole = data + other, data * other, data - other
        for name, wire in (
            ("error_code", low[:4]),
            ("index_register", half[2:12]),
            ("decision_slot", whole[:5]),
            ("decision_cycle", whole),
        ):
            port = pyrtl.Output(len(wire), name)
            port <<= wire
    text = export_verilog(TINY, block).text
    widths = {}
    for net, operator in re.findall(r"assign (\w+) = \(core0_\w+ ([-+*]) core1_\w+\);", text):
        declared = re.search(rf"^    wire ?\[(\d+):0\] {net};$", text, re.M)
        assert declared is not None
        widths[operator] = int(declared[1]) + 1
    assert widths == {"+": 8, "*": 12, "-": 9}


def test_an_operand_of_a_wider_sum_is_declared_and_keeps_its_name() -> None:
    """Inside of the sum Verilog would extend before it takes the complement: another upper bit."""
    block = pyrtl.Block()
    with pyrtl.set_working_block(block):
        data = pyrtl.Input(8, "core0_read_response_data")
        other = pyrtl.Input(8, "core1_read_response_data")
        complement = ~data
        choice = pyrtl.select(data[0], data, other)
        for name, wire in (("decision_slot", complement + other), ("error_code", choice + other)):
            port = pyrtl.Output(9, name)
            port <<= wire
    names = complement.name, choice.name
    text = export_verilog(TINY, block).text
    assert (complement.name, choice.name) == names
    sums = re.findall(r"assign \w+ = \((\w+) \+ core1_read_response_data\);", text)
    assert len(sums) == 2
    for net in sums:
        assert re.search(rf"^    wire\[7:0\] {net};$", text, re.M)


def test_a_port_knows_its_bytes() -> None:
    sizes = [Port("done", num_bits, False).num_bytes for num_bits in (1, 8, 9, 48, 128)]
    assert sizes == [1, 1, 2, 6, 16]


def test_cores_with_two_digits_stand_in_their_order() -> None:
    block = pyrtl.Block()
    with pyrtl.set_working_block(block):
        for name in ("core10_write_data", "core9_write_valid", "core9_write_data", "done"):
            wire = pyrtl.Output(1, name)
            wire <<= pyrtl.Const(0)
    names = [port.name for port in list_ports(block)]
    assert names == ["done", "core9_write_valid", "core9_write_data", "core10_write_data"]
