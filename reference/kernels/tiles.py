"""Tiles: a few inner products at once, so that weights and activations are loaded fewer times.

However many a tile computes, each product has the order of summation of
`fastcar.reference.kernels.lanes`.
"""

from __future__ import annotations

from functools import reduce
from itertools import product
from typing import Any

from numba import types

from fastcar.reference.kernels.compilation import cgutils, intrinsic, ir
from fastcar.reference.kernels.lanes import (
    FLOAT,
    INDEX,
    INT8,
    INT32,
    LANES,
    Builder,
    Value,
    add_lanes,
    join_lanes,
    load_lanes,
    multiply_add,
    multiply_add_bytes,
    pick_lanes,
    prefetch,
    spread,
    store_lanes,
    widen_floats,
)

RAISED = 128
"""What is added to int8 weights: the machine multiplies unsigned by signed bytes."""
STREAM_AHEAD_BYTES = {1: 2048, 2: 8192}
"""How far ahead one stream of bytes is asked for, by the number of rows, as measured."""
INTEGER_CHAINS = 4
"""Integer sums in hand at once, so that an addition need not wait for the one before."""

_SIGN_BIT = ir.Constant(INT8, RAISED - 256)


def make_tile(num_outputs: int, num_rows: int, *, is_near: bool = False) -> Any:
    """A function that kernels call for num_outputs x num_rows inner products.

    `tile(weight, output, x, row, out, out_column)` writes, for o < num_outputs, r < num_rows,
    out[row + r, out_column + o] = <weight[output + o], x[row + r]>. All arrays are C-contiguous:
    weight [outputs, in] float32, bfloat16 bits (uint16) or int8, x [rows, in] and out float32; or
    weight and x int8 and out int32: then sums are exact modulo 2^32, of weights `RAISED` by 128.

    Args:
        num_outputs: rows of the weights.
        num_rows: rows of x.
        is_near: the weights are in a cache; nothing is asked for ahead.
    """

    @intrinsic
    def tile(
        context: Any, weight: Any, output: Any, x: Any, row: Any, out: Any, out_column: Any
    ) -> Any:
        signature = types.void(weight, types.intp, x, types.intp, out, types.intp)

        def generate(target: Any, builder: Builder, signature: Any, values: Any) -> Value:
            arrays = [
                target.make_array(signature.args[place])(target, builder, values[place])
                for place in (0, 2, 4)
            ]
            weights = get_rows(builder, arrays[0], values[1], num_outputs)
            rows = get_rows(builder, arrays[1], values[3], num_rows)
            width = get_width(builder, arrays[1])
            sums = _emit_products(builder, weights, rows, width, is_near)
            targets = get_rows(builder, arrays[2], values[3], num_rows)
            for row, address in enumerate(targets):
                own = range(row * num_outputs, (row + 1) * num_outputs)
                store_lanes(builder, pick_lanes(builder, sums, sums, own), address, values[5])
            return target.get_dummy_value()

        return signature, generate

    return tile


def get_width(builder: Builder, array: Any) -> Value:
    """Columns of an array of two dimensions."""
    return cgutils.unpack_tuple(builder, array.shape)[1]


def get_rows(builder: Builder, array: Any, first: Value, count: int) -> list[Value]:
    """Addresses of rows first, first + 1, ..."""
    width = get_width(builder, array)
    indices = [builder.add(first, INDEX(offset)) for offset in range(count)]
    return [builder.gep(array.data, [builder.mul(index, width)]) for index in indices]


def _emit_products(
    builder: Builder, weights: list[Value], rows: list[Value], width: Value, is_near: bool
) -> Value:
    """Inner products of the rows at these addresses: a lane per row and output, rows outermost."""
    pairs = list(product(range(len(rows)), range(len(weights))))
    emit = _emit_integer_lanes if rows[0].type.pointee == INT8 else _emit_float_lanes
    step, lanes = emit(builder, weights, rows, width, is_near)
    whole = builder.and_(width, INDEX(-step))
    sums = cgutils.alloca_once_value(builder, add_lanes(builder, [lanes[pair] for pair in pairs]))
    with emit_loop(builder, whole, width, 1) as (place, _):
        columns = [
            [load_lanes(builder, address, place, 1) for address in side] for side in (weights, rows)
        ]
        loaded = [join_lanes(builder, column) for column in columns]
        chosen = [pair[1] for pair in pairs], [pair[0] for pair in pairs]
        weight, activation = (
            pick_lanes(builder, side, side, lane) for side, lane in zip(loaded, chosen, strict=True)
        )
        builder.store(_add_term(builder, weight, activation, builder.load(sums)), sums)
    return builder.load(sums)


def _emit_float_lanes(
    builder: Builder, weights: list[Value], rows: list[Value], width: Value, is_near: bool
) -> tuple[int, dict[tuple[int, int], Value]]:
    """Elements of a step, and the lanes after all whole steps: one sum per pair, in order."""
    pairs = product(range(len(rows)), range(len(weights)))
    zero = spread(ir.Constant(FLOAT, 0.0))
    totals = {pair: cgutils.alloca_once_value(builder, zero) for pair in pairs}
    with emit_loop(builder, INDEX(0), builder.and_(width, INDEX(-LANES)), LANES) as (place, _):
        loaded = [load_lanes(builder, address, place, LANES) for address in rows]
        for output, address in enumerate(weights):
            if not is_near:
                _prefetch_next(builder, weights, output, rows, place, width)
            vector = widen_floats(builder, load_lanes(builder, address, place, LANES))
            for row, activations in enumerate(loaded):
                total = totals[row, output]
                summed = multiply_add(builder, vector, activations, builder.load(total))
                builder.store(summed, total)
    return LANES, {pair: builder.load(total) for pair, total in totals.items()}


def _emit_integer_lanes(
    builder: Builder, weights: list[Value], rows: list[Value], width: Value, is_near: bool
) -> tuple[int, dict[tuple[int, int], Value]]:
    """The same for integers, whose order is free: a small tile sums in several chains at once."""
    pairs = list(product(range(len(rows)), range(len(weights))))
    chains = max(1, INTEGER_CHAINS // len(pairs))
    zero = spread(ir.Constant(INT32, 0))
    totals = {
        (*pair, chain): cgutils.alloca_once_value(builder, zero)
        for pair, chain in product(pairs, range(chains))
    }
    start = INDEX(0)
    for vectors in sorted({chains, 1}, reverse=True):
        step = 4 * LANES * vectors
        stop = builder.and_(width, INDEX(-step))
        with emit_loop(builder, start, stop, step) as (first, _):
            for chain in range(vectors):
                place = builder.add(first, INDEX(4 * LANES * chain))
                loaded = [load_lanes(builder, address, place, 4 * LANES) for address in rows]
                for output, address in enumerate(weights):
                    if not is_near:
                        _prefetch_next(builder, weights, output, rows, place, width)
                    vector = load_lanes(builder, address, place, 4 * LANES)
                    vector = builder.xor(vector, spread(_SIGN_BIT, 4 * LANES))
                    for row, activations in enumerate(loaded):
                        total = totals[row, output, chain]
                        summed = multiply_add_bytes(
                            builder, vector, activations, builder.load(total)
                        )
                        builder.store(summed, total)
        start = stop
    stop = builder.and_(width, INDEX(-LANES))
    with emit_loop(builder, start, stop, LANES) as (place, _):
        loaded = [_load_filled(builder, address, place) for address in rows]
        for output, address in enumerate(weights):
            vector = _load_filled(builder, address, place)
            vector = builder.xor(vector, spread(_SIGN_BIT, 4 * LANES))
            for row, activations in enumerate(loaded):
                total = totals[row, output, 0]
                builder.store(
                    multiply_add_bytes(builder, vector, activations, builder.load(total)), total
                )
    return LANES, {
        pair: reduce(builder.add, [builder.load(totals[(*pair, chain)]) for chain in range(chains)])
        for pair in pairs
    }


def _load_filled(builder: Builder, address: Value, place: Value) -> Value:
    """A quarter of a vector of bytes, zeros behind it."""
    quarter = load_lanes(builder, address, place, LANES)
    zeros = spread(ir.Constant(INT8, 0), LANES)
    return pick_lanes(builder, quarter, zeros, [min(lane, LANES) for lane in range(4 * LANES)])


def _prefetch_next(
    builder: Builder,
    weights: list[Value],
    output: int,
    rows: list[Value],
    place: Value,
    width: Value,
) -> None:
    """Ask for weights of later tiles; beyond the last row this does nothing, it never faults.

    Several outputs are streams that the machine does not foresee. One stream it does, but not far
    enough for products of bytes, which are faster than they come.
    """
    if len(weights) > 1:
        ahead = builder.mul(width, INDEX(len(weights)))
    elif rows[0].type.pointee == INT8:
        ahead = INDEX(STREAM_AHEAD_BYTES[len(rows)])
    else:
        return
    prefetch(builder, builder.gep(weights[output], [builder.add(place, ahead)]))


def emit_loop(builder: Builder, start: Value, stop: Value, step: int) -> Any:
    """A loop over start, start + step, ..; whole steps only, below `stop`."""
    return cgutils.for_range_slice(builder, start, stop, INDEX(step), inc=True)


def _add_term(builder: Builder, weight: Value, activation: Value, total: Value) -> Value:
    """One more element of inner products; all are vectors."""
    if activation.type.element == INT8:
        raised = builder.xor(weight, spread(_SIGN_BIT, weight.type.count))
        wide = builder.zext(raised, total.type), builder.sext(activation, total.type)
        return builder.add(builder.mul(*wide), total)
    return multiply_add(builder, widen_floats(builder, weight), activation, total)
