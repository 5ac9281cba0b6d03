"""Exponentials of 16 numbers at once: the operations of `exponential.compute_exp`, lane by lane.

Gains (`python -m tools.bench.tricks`, bfloat16, batch 1): those of a block of keys 1.09, those of
silu 1.10.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from fastcar.reference.kernels import exponential
from fastcar.reference.kernels.compilation import cgutils, intrinsic, ir
from fastcar.reference.kernels.lanes import (
    FLOAT,
    FLOATS,
    INDEX,
    INT32,
    INTEGERS,
    LANES,
    Builder,
    Value,
    add_lanes,
    load_lanes,
    multiply_add,
    pick_lanes,
    splat,
    spread,
    store_lanes,
)
from fastcar.reference.kernels.tiles import emit_loop, get_rows

BLOCK_VECTORS = 4
"""Vectors of a block of keys."""
_MAGNITUDE_BITS = 2**31 - 1


def spread_float(number: float | np.float32) -> Value:
    """A float32 in every lane."""
    return spread(ir.Constant(FLOAT, float(number)))


def spread_integer(number: int) -> Value:
    """An int32 in every lane."""
    return spread(ir.Constant(INT32, int(number)))


def emit_exponential(builder: Builder, x: Value) -> Value:
    """exp(x) of 16 float32 numbers x <= 0, as `exponential.compute_exp`."""
    smallest = spread_float(exponential.SMALLEST)
    is_small = builder.fcmp_ordered("<", x, smallest)
    clamped = builder.select(is_small, smallest, x)
    rounder = spread_float(exponential.ROUNDER)
    shifted = multiply_add(builder, clamped, spread_float(exponential.LOG2_E), rounder)
    negative = builder.fneg(builder.fsub(shifted, rounder))
    rest = multiply_add(builder, negative, spread_float(exponential.LN2_HIGH), clamped)
    rest = multiply_add(builder, negative, spread_float(exponential.LN2_LOW), rest)
    first, *others = (spread_float(number) for number in exponential.COEFFICIENTS)
    series = first
    for coefficient in others:
        series = multiply_add(builder, series, rest, coefficient)
    raised = spread_integer(exponential.ROUNDER_BITS - exponential.BIAS)
    exponent = builder.sub(builder.bitcast(shifted, INTEGERS), raised)
    power = builder.bitcast(builder.shl(exponent, spread_integer(23)), FLOATS)
    return builder.select(is_small, spread_float(0.0), builder.fmul(series, power))


def _order(builder: Builder, bits: Value) -> Value:
    """Whole numbers in the order of the floats that have these bits; its own inverse."""
    sign = builder.ashr(bits, spread_integer(31))
    return builder.xor(bits, builder.and_(sign, spread_integer(_MAGNITUDE_BITS)))


def _splat_single(builder: Builder, single: Value) -> Value:
    vector = ir.Constant(ir.VectorType(single.type, 1), ir.Undefined)
    return splat(builder, builder.insert_element(vector, single, INT32(0)), LANES)


@intrinsic
def scale_block(context: Any, logits: Any, head: Any, first: Any, scale: Any, count: Any) -> Any:
    """Kernels call it: divide a block of 64 logits by `scale`; -inf from `count` on; its peak.

    The block is logits[head, first:first + 64], C-contiguous float32.
    """
    signature = types.float32(logits, types.intp, types.intp, types.float32, types.intp)

    def generate(target: Any, builder: Builder, signature: Any, values: Any) -> Value:
        array = target.make_array(signature.args[0])(target, builder, values[0])
        row = builder.gep(get_rows(builder, array, values[1], 1)[0], [values[2]])
        divisor = _splat_single(builder, values[3])
        limit = _splat_single(builder, builder.trunc(values[4], INT32))
        peaks = None
        for index in range(BLOCK_VECTORS):
            place = INDEX(LANES * index)
            divided = builder.fdiv(load_lanes(builder, row, place, LANES), divisor)
            lanes = ir.Constant(INTEGERS, [LANES * index + lane for lane in range(LANES)])
            is_used = builder.icmp_signed("<", lanes, limit)
            kept = builder.select(is_used, divided, spread_float(float("-inf")))
            store_lanes(builder, kept, row, place)
            ordered = _order(builder, builder.bitcast(kept, INTEGERS))
            if peaks is None:
                peaks = ordered
            else:
                is_larger = builder.icmp_signed(">", ordered, peaks)
                peaks = builder.select(is_larger, ordered, peaks)
        lanes = LANES
        while lanes > 1:
            lanes //= 2
            turned = [(lane + lanes) % LANES for lane in range(LANES)]
            other = pick_lanes(builder, peaks, peaks, turned)
            peaks = builder.select(builder.icmp_signed(">", other, peaks), other, peaks)
        largest = builder.bitcast(_order(builder, peaks), FLOATS)
        return builder.extract_element(largest, INT32(0))

    return signature, generate


@intrinsic
def exponentiate_block(context: Any, logits: Any, head: Any, first: Any, peak: Any) -> Any:
    """Kernels call it: a block of 64 logits becomes exp(logit - peak); gives the sum in lanes."""
    signature = types.float32(logits, types.intp, types.intp, types.float32)

    def generate(target: Any, builder: Builder, signature: Any, values: Any) -> Value:
        array = target.make_array(signature.args[0])(target, builder, values[0])
        row = builder.gep(get_rows(builder, array, values[1], 1)[0], [values[2]])
        peak = _splat_single(builder, values[3])
        total = spread_float(0.0)
        for index in range(BLOCK_VECTORS):
            place = INDEX(LANES * index)
            distance = builder.fsub(load_lanes(builder, row, place, LANES), peak)
            weights = emit_exponential(builder, distance)
            store_lanes(builder, weights, row, place)
            total = builder.fadd(total, weights)
        return builder.extract_element(add_lanes(builder, [total]), INT32(0))

    return signature, generate


@intrinsic
def multiply_silu_lanes(context: Any, gate: Any, up: Any, row: Any, start: Any, stop: Any) -> Any:
    """Kernels call it: gate[row, start:] = silu(gate) * up in whole vectors; gives where they end.

    As `swiglu.multiply_silu`; what fills no vector is left to it.
    """
    signature = types.intp(gate, up, types.intp, types.intp, types.intp)

    def generate(target: Any, builder: Builder, signature: Any, values: Any) -> Value:
        arrays = [
            target.make_array(signature.args[place])(target, builder, values[place])
            for place in (0, 1)
        ]
        gates, ups = (get_rows(builder, array, values[2], 1)[0] for array in arrays)
        count = builder.and_(builder.sub(values[4], values[3]), INDEX(-LANES))
        end = builder.add(values[3], count)
        with emit_loop(builder, values[3], end, LANES) as (place, _):
            x = load_lanes(builder, gates, place, LANES)
            bits = builder.bitcast(x, INTEGERS)
            size = builder.bitcast(builder.and_(bits, spread_integer(_MAGNITUDE_BITS)), FLOATS)
            decay = emit_exponential(builder, builder.fneg(size))
            one = spread_float(1.0)
            is_positive = builder.fcmp_ordered(">=", x, spread_float(0.0))
            numerator = builder.fmul(x, builder.select(is_positive, one, decay))
            silu = builder.fdiv(numerator, builder.fadd(one, decay))
            hidden = builder.fmul(silu, load_lanes(builder, ups, place, LANES))
            store_lanes(builder, hidden, gates, place)
        return end

    return signature, generate


@intrinsic
def add_masses(context: Any, logits: Any, row: Any, count: Any, peak: Any, scale: Any) -> Any:
    """Kernels call it: about the sum of exp((logit - peak) * scale) over whole vectors of a row.

    Each term is off by at most some units of 2^-24 times (1 + its distance): a first guess.
    """
    signature = types.float32(logits, types.intp, types.intp, types.float32, types.float32)

    def generate(target: Any, builder: Builder, signature: Any, values: Any) -> Value:
        array = target.make_array(signature.args[0])(target, builder, values[0])
        row = get_rows(builder, array, values[1], 1)[0]
        peak, scale = (_splat_single(builder, value) for value in values[3:])
        total = cgutils.alloca_once_value(builder, spread_float(0.0))
        with emit_loop(builder, INDEX(0), builder.and_(values[2], INDEX(-LANES)), LANES) as (
            place,
            _,
        ):
            distance = builder.fsub(load_lanes(builder, row, place, LANES), peak)
            mass = emit_exponential(builder, builder.fmul(distance, scale))
            builder.store(builder.fadd(builder.load(total), mass), total)
        return builder.extract_element(add_lanes(builder, [builder.load(total)]), INT32(0))

    return signature, generate
