"""No operand of a sum or product means something else in the Verilog that PyRTL writes."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from operator import add, mul, sub
from pathlib import Path

import pyrtl
import pytest

from fastcar.cosim.backends.verilator_build import run_build_tool
from fastcar.cosim.verilog.operands import check_operands, print_block
from fastcar.reference.errors import ArgumentError
from tests.simulators import needs_icarus

Combine = Callable[[pyrtl.WireVector, pyrtl.WireVector], pyrtl.WireVector]
VECTOR, BIT = 8, 1
WIDE = 2 * VECTOR


def invert(wire: pyrtl.WireVector) -> pyrtl.WireVector:
    return ~wire


def invert_and_pass(wire: pyrtl.WireVector) -> pyrtl.WireVector:
    passed = pyrtl.WireVector(len(wire))
    passed <<= ~wire
    return passed


def invert_and_select(wire: pyrtl.WireVector) -> pyrtl.WireVector:
    """Of a single bit PyRTL writes no selection: the complement stands in its place."""
    return (~wire)[0]


def make_block(
    combine: Combine, prepare: Callable[[pyrtl.WireVector], pyrtl.WireVector], num_bits: int
) -> pyrtl.Block:
    """A block whose output is a wide result of an operand and a number."""
    block = pyrtl.Block()
    with pyrtl.set_working_block(block):
        operand, number = pyrtl.Input(num_bits, "operand"), pyrtl.Input(num_bits, "number")
        output = pyrtl.Output(WIDE, "result")
        output <<= combine(prepare(operand), number).zero_extended(WIDE)
    return block


BLOCKS = [
    *(partial(make_block, combine, invert, VECTOR) for combine in (add, sub, mul)),
    partial(make_block, add, invert_and_pass, VECTOR),
    partial(make_block, add, invert_and_select, BIT),
    partial(make_block, lambda left, right: right - left, invert, VECTOR),
]


def print_as_it_is(block: pyrtl.Block) -> str:
    text = io.StringIO()
    pyrtl.output_to_verilog(text, add_reset=False, block=block)
    return text.getvalue()


@pytest.mark.parametrize("make", BLOCKS)
def test_what_pyrtl_writes_inside_of_a_wider_result_is_refused(
    make: Callable[[], pyrtl.Block],
) -> None:
    block = make()
    with pytest.raises(ArgumentError, match=r"^operand = '\(?~\(operand\)\)?': must be declared"):
        check_operands(print_as_it_is(block), block, {})


def test_a_result_that_is_no_wider_is_not_refused() -> None:
    """Narrowed to the width of its operands a sum extends nothing."""
    block = make_block(add, invert, VECTOR)
    [total] = [net.dests[0] for net in block.logic_subset("+")]
    check_operands(print_as_it_is(block), block, {total.name: VECTOR})


@needs_icarus
@pytest.mark.parametrize("make", BLOCKS)
def test_the_export_means_what_the_block_means(
    make: Callable[[], pyrtl.Block], tmp_path: Path
) -> None:
    block = make()
    simulation = pyrtl.Simulation(block=block, tracer=None)
    simulation.step({"operand": 0, "number": 0})
    num_bits = len(block.get_wirevector_by_name("operand"))
    bench = f"""
module bench;
    reg clk = 0;
    reg [{num_bits - 1}:0] operand = 0, number = 0;
    wire [{WIDE - 1}:0] result;
    toplevel block(.clk(clk), .operand(operand), .number(number), .result(result));
    initial #1 $display("%0d", result);
endmodule
"""
    (tmp_path / "bench.v").write_text(print_block(block, {}) + bench, encoding="utf-8")
    run_build_tool(["iverilog", "-g2012", "-o", "bench.vvp", "bench.v"], tmp_path)
    found = run_build_tool(["vvp", "-n", "bench.vvp"], tmp_path)
    assert int(found) == simulation.inspect("result")
