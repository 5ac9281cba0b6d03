"""The requantiser equals its integer formula: product, ties, shifts and saturation.

Two tasks, cut at the registers of the partial products, and together all inputs: first the
products, then everything behind them for any products. So no solver has to look into a multiplier.
What stands behind them is proven as it is built without attention and, by a third task, as it is
built with it; the products are the same text. That they add up is in `requantizer_sum.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyrtl

from fastcar.proofs.formal.task import FormalTask, Method
from fastcar.proofs.formal.unit import Unit
from fastcar.proofs.formal.unit_task import UnitBug, make_unit_task, read_body
from fastcar.rtl import requantizer
from fastcar.rtl.attention.formats import LOGIT_BITS
from fastcar.rtl.config import TINY
from fastcar.rtl.lanes import ACCUMULATOR_BITS
from fastcar.rtl.requantizer import PART_BITS, SHIFT_BITS, RequantizerInputs, make_requantizer
from fastcar.rtl.rms_norm import MANTISSA_BITS

MODULE = "fastcar.rtl.requantizer"
PRODUCTS = LOW, MIDDLE, HIGH = (
    "unit_low_product_q",
    "unit_middle_product_q",
    "unit_high_product_q",
)
"""Registers of the partial products, one cycle after their value."""

PRODUCT_BUGS = (
    UnitBug(
        "the lowest part loses its highest bit",
        MODULE,
        "pyrtl.concat(zero, accumulator[:PART_BITS])",
        "pyrtl.concat(zero, zero, accumulator[: PART_BITS - 1])",
    ),
)
ROUNDING_BUGS = (
    UnitBug(
        "a cleared value is still announced",
        MODULE,
        'delay(is_coming, 1, f"{name}_valid", inputs.clear)',
        'delay(is_coming, 1, f"{name}_valid")',
    ),
    UnitBug(
        "the middle part counts half",
        MODULE,
        "inner = pyrtl.concat(middle_q, pyrtl.Const(0, PART_BITS))",
        "inner = pyrtl.concat(middle_q, pyrtl.Const(0, PART_BITS - 1))",
    ),
    UnitBug(
        "ties are rounded downwards",
        MODULE,
        "(halves[1 : num_bits + 1] + halves[0])[:num_bits]",
        "halves[1 : num_bits + 1]",
    ),
    UnitBug(
        "-32768 is not limited to -32767",
        MODULE,
        "(is_wide | ~pyrtl.and_all_bits(upper) | (lower == 0))",
        "(is_wide | ~pyrtl.and_all_bits(upper))",
    ),
)
MOVING_BUGS = (
    UnitBug(
        "the coarse shift does not go with its value",
        MODULE,
        'steps = delay(steps, PRODUCT_CYCLES, f"{name}_steps")',
        'steps = delay(steps, PRODUCT_CYCLES - 1, f"{name}_steps")',
    ),
    UnitBug(
        "a narrow result may be -128",
        MODULE,
        "narrow_limits = _find_limits(halves, sign, is_wide, MAX_BYTE)",
        "narrow_limits = (*_find_limits(halves, sign, is_wide, MAX_BYTE)[:3], "
        "pyrtl.Const(-128, ACTIVATION_BITS, signed=True))",
    ),
    UnitBug(
        "a logit loses its highest bits",
        MODULE,
        "max(NARROW_BITS, wide_bits + (1 << FINE_SHIFT_BITS))",
        "max(NARROW_BITS, wide_bits)",
    ),
)


def list_tasks() -> Iterator[FormalTask]:
    """Products and rounding, for the widths of the accelerator; rounding with attention."""
    yield make_product_task()
    yield make_rounding_task()
    yield make_moving_task()


def build(wires: dict[str, pyrtl.WireVector]) -> dict[str, pyrtl.WireVector]:
    """The unit between ports."""
    outputs = make_requantizer("unit", RequantizerInputs(**wires))
    return {"valid": outputs.valid, "result": outputs.result}


UNIT = Unit(
    build,
    {
        "clear": 1,
        "valid": 1,
        "accumulator": ACCUMULATOR_BITS,
        "multiplier": MANTISSA_BITS,
        "shift": SHIFT_BITS,
    },
    {"valid": 1, "result": 16},
)


def build_moving(wires: dict[str, pyrtl.WireVector]) -> dict[str, pyrtl.WireVector]:
    """The unit as the result path builds it with attention."""
    return vars(make_requantizer("unit", RequantizerInputs(**wires), True, LOGIT_BITS))


MOVING = Unit(
    build_moving,
    {**UNIT.inputs, "is_narrow": 1},
    {"is_coming": 1, "valid": 1, "result": 16, "wide": LOGIT_BITS},
)
CONFIGURATION = f"{ACCUMULATOR_BITS} x {MANTISSA_BITS} bits, shift {SHIFT_BITS} bits"


def make_product_task() -> FormalTask:
    """The registers of the partial products, and when a result is valid."""
    widths = UNIT.read_register_bits(*PRODUCTS)
    return make_unit_task(
        UNIT,
        "requantizer_product_checker",
        read_body("requantizer_product"),
        name="requantizer products",
        claim="every part of the accumulator times the multiplier, exact",
        configuration=CONFIGURATION,
        method=Method.BMC,
        depth_cycles=2,
        argument="complete: registers of products depend on the cycle before alone, and the first "
        "cycle of these runs is any cycle, because nothing has an initial value; checker and unit "
        "multiply the same factors, so that the solver need not look into a multiplier",
        delays={"accumulator": 1, "multiplier": 1},
        constants={
            "ACCUMULATOR_BITS": ACCUMULATOR_BITS,
            "MULTIPLIER_BITS": MANTISSA_BITS,
            "PART_BITS": PART_BITS,
            "LOW_BITS": widths[LOW],
            "MIDDLE_BITS": widths[MIDDLE],
            "HIGH_BITS": widths[HIGH],
        },
        bugs=PRODUCT_BUGS,
        shown=("accumulator", "multiplier", *PRODUCTS),
        visible=PRODUCTS,
        is_quick=True,
        solver="bitwuzla",
    )


def make_rounding_task() -> FormalTask:
    """From any partial products to the result."""
    latency = requantizer.latency_cycles(TINY)
    tail_cycles = latency - 1
    return make_unit_task(
        UNIT,
        "requantizer_rounding_checker",
        read_body("requantizer_rounding"),
        name="requantizer rounding",
        claim="sum of the partial products plus half, shifted right arithmetically, saturated: "
        "every product, every shift, ties upwards; valid latency_cycles after its value, "
        "unless it was cleared",
        configuration=CONFIGURATION,
        depth_cycles=latency,
        argument="the partial products are cut and take any value of their range; that they add up "
        "to accumulator times multiplier is the claim of the tasks about the product",
        delays=dict.fromkeys((*PRODUCTS, "shift"), tail_cycles)
        | dict.fromkeys(("valid", "clear"), latency),
        constants={"LATENCY": latency, "TAIL": tail_cycles, "PART_BITS": PART_BITS},
        bugs=ROUNDING_BUGS,
        shown=("valid", "clear", *PRODUCTS, "shift", "out_valid", "out_result", "expected"),
        free=PRODUCTS,
        solver="bitwuzla",
    )


def make_moving_task() -> FormalTask:
    """From any partial products to both results, as the unit is built with attention."""
    latency = requantizer.latency_cycles(TINY)
    tail_cycles = latency - 1
    return make_unit_task(
        MOVING,
        "requantizer_moving_checker",
        read_body("requantizer_moving"),
        name="requantizer moving",
        claim="the same with a shift of its own for every value, results that are limited to "
        "-127 .. 127 where they are narrow, and a result of 24 bits without a limit, exact where "
        "it fits",
        configuration=f"{CONFIGURATION}, {LOGIT_BITS} bits without a limit",
        depth_cycles=latency,
        argument="as above; narrow is looked at in the cycle before the result",
        delays=dict.fromkeys(PRODUCTS, tail_cycles)
        | dict.fromkeys(("valid", "clear", "shift"), latency)
        | {"is_narrow": 1},
        constants={
            "LATENCY": latency,
            "TAIL": tail_cycles,
            "PART_BITS": PART_BITS,
            "WIDE_BITS": LOGIT_BITS,
        },
        bugs=MOVING_BUGS,
        shown=(*PRODUCTS, "shift", "is_narrow", "out_result", "out_wide", "expected", "quotient"),
        free=PRODUCTS,
        solver="bitwuzla",
    )
