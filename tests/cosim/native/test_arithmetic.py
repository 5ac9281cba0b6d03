"""Carries, borrows, products and comparisons across limbs, against Python's integers."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from random import Random

import pyrtl
import pytest

from fastcar.cosim.native import NativeSimulation

WIDTHS = (1, 17, 63, 64, 65, 128, 129, 200, 640)
OPERATIONS: dict[str, tuple[Callable[[int, int], int], Callable[[int], int]]] = {
    "+": (lambda left, right: left + right, lambda bits: bits + 1),
    "-": (lambda left, right: left - right, lambda bits: bits + 1),
    "*": (lambda left, right: left * right, lambda bits: 2 * bits),
    "<": (lambda left, right: int(left < right), lambda bits: 1),
    ">": (lambda left, right: int(left > right), lambda bits: 1),
    "=": (lambda left, right: int(left == right), lambda bits: 1),
}


def list_edges(bits: int) -> list[int]:
    """Numbers whose sums, differences and products carry through every limb, and some others."""
    ones = (1 << bits) - 1
    random = Random(bits)
    alternating = ones // 3
    edges = {0, 1, ones, ones - 1, ones >> 1, 1 << (bits - 1), alternating, ones & ~alternating}
    edges |= {ones & ~(1 << 64), ones & (1 << 64), random.getrandbits(bits)}
    return sorted(number & ones for number in edges)


def make_block(bits: int) -> pyrtl.Block:
    """Every operation on two inputs of one width, each whole and cut to that width."""
    block = pyrtl.Block()
    with pyrtl.set_working_block(block):
        args = pyrtl.Input(bits, "left"), pyrtl.Input(bits, "right")
        for place, (op, (_, count_bits)) in enumerate(OPERATIONS.items()):
            for name, width in (("whole", count_bits(bits)), ("cut", min(bits, count_bits(bits)))):
                out = pyrtl.Output(width, f"{name}{place}")
                block.add_net(pyrtl.LogicNet(op, None, args, (out,)))
    return block


@pytest.mark.parametrize("bits", WIDTHS)
def test_operations_are_those_of_integers(bits: int) -> None:
    simulation = NativeSimulation(tracer=None, block=make_block(bits))
    for left, right in product(list_edges(bits), repeat=2):
        simulation.step({"left": left, "right": right})
        for place, (op, (compute, count_bits)) in enumerate(OPERATIONS.items()):
            exact = compute(left, right)
            for name, width in (("whole", count_bits(bits)), ("cut", min(bits, count_bits(bits)))):
                expected = exact & ((1 << width) - 1)
                assert simulation.inspect(f"{name}{place}") == expected, (op, name, left, right)


@pytest.mark.parametrize("lane_bits", [1, 3, 17, 34, 64, 65, 200])
def test_lanes_of_a_very_wide_wire_are_taken_and_joined(lane_bits: int) -> None:
    """LLVM cannot compile some shifts of integers of this width; none is in the code."""
    num_lanes = min(50, -(-700 // lane_bits))
    block = pyrtl.Block()
    with pyrtl.set_working_block(block):
        word = pyrtl.Input(num_lanes * lane_bits, "word")
        lanes = [word[start : start + lane_bits] for start in range(0, len(word), lane_bits)]
        signed, swapped = pyrtl.Output(None, "signed"), pyrtl.Output(len(word), "swapped")
        signed <<= pyrtl.concat_list([lane.sign_extended(lane_bits + 70) for lane in lanes])
        swapped <<= pyrtl.concat(*lanes)
    simulation = NativeSimulation(tracer=None, block=block)
    random, mask = Random(lane_bits), (1 << lane_bits) - 1
    for _ in range(20):
        number = random.getrandbits(len(word))
        simulation.step({"word": number})
        taken = [number >> start & mask for start in range(0, len(word), lane_bits)]
        assert simulation.inspect("swapped") == sum(
            lane << lane_bits * (num_lanes - 1 - place) for place, lane in enumerate(taken)
        )
        wide = lane_bits + 70
        extended = [(lane - (lane >> lane_bits - 1 << lane_bits)) % (1 << wide) for lane in taken]
        assert simulation.inspect("signed") == sum(
            lane << wide * place for place, lane in enumerate(extended)
        )
