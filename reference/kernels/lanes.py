"""Vector instructions of the kernels, written down as LLVM operations.

Lane l of 16 accumulates the elements l, l + 16, l + 32, ... with fused multiply-add; then the
halves of the lanes are added (8, 4, 2, 1), and the elements that fill no vector follow one by one.
The order depends on the length alone, so the bits of a row do not depend on its batch (D-05, D-28).
A compiler may not reorder a float sum by itself, and shall not: so the vectors stand here.

Each term of a sum of n passes at most n // 16 + 4 + n % 16 roundings, never more than n.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from numba import types

from fastcar.reference.kernels.compilation import cgutils, get_target_features, intrinsic, ir

LANES = 16
"""Float32 numbers of one vector: 512 bits; narrower machines use two or four registers."""
FLOAT, INDEX, INT32 = ir.FloatType(), ir.IntType(64), ir.IntType(32)
INT8, INT16 = ir.IntType(8), ir.IntType(16)
FLOATS, INTEGERS = ir.VectorType(FLOAT, LANES), ir.VectorType(INT32, LANES)

Builder = Any
Value = Any


def count_roundings(length: int) -> int:
    """Most roundings that one term of an inner product passes.

    >>> [count_roundings(length) for length in (1, 15, 16, 17, 2048)]
    [1, 15, 5, 6, 132]
    """
    vectors, rest = divmod(length, LANES)
    return vectors + rest + (4 if vectors else 0)


def spread(value: Value, lanes: int = LANES) -> Value:
    """A constant in every lane."""
    return ir.Constant(ir.VectorType(value.type, lanes), [value] * lanes)


def load_lanes(builder: Builder, address: Value, place: Value, lanes: int) -> Value:
    """Numbers from a place on; the address need only be aligned to one number."""
    element = address.type.pointee
    pointer = builder.bitcast(
        builder.gep(address, [place]), ir.VectorType(element, lanes).as_pointer()
    )
    return builder.load(pointer, align=get_size_bytes(element))


def store_lanes(builder: Builder, vector: Value, address: Value, place: Value) -> None:
    """Write a vector to a place; the address need only be aligned to one number."""
    pointer = builder.bitcast(builder.gep(address, [place]), vector.type.as_pointer())
    builder.store(vector, pointer, align=get_size_bytes(vector.type.element))


def splat(builder: Builder, single: Value, lanes: int) -> Value:
    """The number of a vector of one in every lane."""
    mask = ir.Constant(ir.VectorType(INT32, lanes), [0] * lanes)
    return builder.shuffle_vector(single, ir.Constant(single.type, ir.Undefined), mask)


def get_size_bytes(element: Any) -> int:
    """Of a number."""
    return 4 if element == FLOAT else int(element.width) // 8


def widen_floats(builder: Builder, loaded: Value) -> Value:
    """Float32; of 16 bits, a bfloat16, the float32 of that upper half; of int8, that number."""
    is_vector = isinstance(loaded.type, ir.VectorType)
    element = loaded.type.element if is_vector else loaded.type
    if element == FLOAT:
        return loaded
    if element == INT8:
        integers, floats = INT32, FLOAT
        if is_vector:
            integers, floats = (ir.VectorType(kind, loaded.type.count) for kind in (INT32, FLOAT))
        return builder.sitofp(builder.sext(loaded, integers), floats)
    shift = ir.Constant(INT32, 16)
    if is_vector:
        lanes = loaded.type.count
        integers, floats = ir.VectorType(INT32, lanes), ir.VectorType(FLOAT, lanes)
        wide = builder.shl(builder.zext(loaded, integers), spread(shift, lanes))
        return builder.bitcast(wide, floats)
    return builder.bitcast(builder.shl(builder.zext(loaded, INT32), shift), FLOAT)


def multiply_add(builder: Builder, a: Value, b: Value, c: Value) -> Value:
    """a b + c with one rounding; vectors or single floats."""
    suffix = f"v{c.type.count}f32" if isinstance(c.type, ir.VectorType) else "f32"
    return _call(builder, f"llvm.fma.{suffix}", c.type, a, b, c)


def multiply_add_bytes(builder: Builder, a: Value, b: Value, c: Value) -> Value:
    """c plus sums of products in fours: 64 times uint8 a, int8 b, 16 times int32 c.

    Which four lanes meet in a sum is left open, because integer sums are exact. LLVM does not find
    the machine's instruction by itself once its passes have moved the widening, so it is named.
    """
    if MULTIPLIES_BYTES:
        a, b = (builder.bitcast(operand, INTEGERS) for operand in (a, b))
        return _call(builder, "llvm.x86.avx512.vpdpbusd.512", INTEGERS, c, a, b)
    wide = ir.VectorType(INT16, 2 * LANES)
    for start in (0, 2 * LANES):
        low, high = (_shuffle(builder, x, range(start, start + 2 * LANES)) for x in (a, b))
        pairs = builder.zext(low, wide), builder.sext(high, wide)
        c = builder.add(add_pairs(builder, *pairs, PAIR_WIDTH), c)
    return c


def add_pairs(builder: Builder, a: Value, b: Value, pair_width: int) -> Value:
    """Sums of products in twos of 32 times int16, by instructions that take so many at once."""
    if pair_width == 2 * LANES:
        name = "llvm.x86.avx512.pmaddw.d.512"
        return _call(builder, name, INTEGERS, a, b)
    halves = [
        [_shuffle(builder, operand, range(start, start + LANES)) for operand in (a, b)]
        for start in (0, LANES)
    ]
    if pair_width == LANES:
        half_sums = ir.VectorType(INT32, LANES // 2)
        sums = [_call(builder, "llvm.x86.avx2.pmadd.wd", half_sums, *half) for half in halves]
        return builder.shuffle_vector(*sums, ir.Constant(INTEGERS, list(range(LANES))))
    products = [
        builder.mul(*(builder.sext(operand, INTEGERS) for operand in half)) for half in halves
    ]
    return builder.add(*products)


def get_pair_width(features: Mapping[str, bool]) -> int:
    """Int16 products of one instruction of the target: 32 or 16, or 1 where none is known.

    >>> get_pair_width({"avx2": True, "avx512bw": False})
    16
    """
    if features.get("avx512bw"):
        return 2 * LANES
    return LANES if features.get("avx2") else 1


PAIR_WIDTH = get_pair_width(get_target_features())
"""Of what Numba compiles for, which may be less than this machine."""
MULTIPLIES_BYTES = bool(get_target_features().get("avx512vnni"))
"""Whether that has an instruction for `multiply_add_bytes`."""


def prefetch(builder: Builder, address: Value) -> None:
    """Ask for the cache line of an address, valid or not, without waiting.

    It goes into the second cache: asked for in bulk, the first would lose what is in use.
    """
    byte = builder.bitcast(address, INT8.as_pointer())
    read, second_cache, is_data = (ir.Constant(INT32, number) for number in (0, 2, 1))
    _call(builder, "llvm.prefetch.p0i8", ir.VoidType(), byte, read, second_cache, is_data)


def add_lanes(builder: Builder, vectors: Sequence[Value]) -> Value:
    """Sums of the lanes of vectors, one lane each: upper half onto lower half, until one is left.

    Sums of two vectors share one addition, then those of four and so on; the order of each stays.
    """
    add = builder.fadd if vectors[0].type.element == FLOAT else builder.add
    merged, lanes = list(vectors), LANES
    while lanes > 1:
        groups = merged[0].type.count // lanes * min(2, len(merged))
        lanes //= 2
        halves = [
            [
                2 * lanes * group + lane
                for group in range(groups)
                for lane in range(start, start + lanes)
            ]
            for start in (0, lanes)
        ]
        pairs = list(zip_longest(merged[::2], merged[1::2], fillvalue=merged[-1]))
        merged = [add(*(pick_lanes(builder, *pair, half) for half in halves)) for pair in pairs]
    return pick_lanes(builder, *join_pair(builder, merged), range(len(vectors)))


def join_pair(builder: Builder, vectors: Sequence[Value]) -> tuple[Value, Value]:
    """Two equally long vectors that hold the lanes of all of these, in order; at most LANES."""
    joined = list(vectors)
    while len(joined) > 2:
        pairs = zip_longest(joined[::2], joined[1::2], fillvalue=joined[-1])
        every = range(2 * joined[0].type.count)
        joined = [pick_lanes(builder, *pair, every) for pair in pairs]
    return joined[0], joined[-1]


def join_lanes(builder: Builder, vectors: Sequence[Value]) -> Value:
    """One vector of the lanes of all of these, in order."""
    every = range(len(vectors) * vectors[0].type.count)
    return pick_lanes(builder, *join_pair(builder, vectors), every)


def _shuffle(builder: Builder, vector: Value, chosen: range) -> Value:
    return pick_lanes(builder, vector, ir.Constant(vector.type, ir.Undefined), chosen)


def pick_lanes(builder: Builder, first: Value, second: Value, chosen: Sequence[int]) -> Value:
    """Lanes of two vectors, those of the second counted behind those of the first."""
    mask = ir.Constant(ir.VectorType(INT32, len(chosen)), list(chosen))
    return builder.shuffle_vector(first, second, mask)


def _call(builder: Builder, name: str, result: Any, *operands: Value) -> Value:
    signature = ir.FunctionType(result, [operand.type for operand in operands])
    function = cgutils.get_or_insert_function(builder.module, signature, name)
    return builder.call(function, operands)


@intrinsic
def fused_multiply_add(context: Any, a: Any, b: Any, c: Any) -> Any:
    """Kernels call it: a b + c with one rounding, float32."""

    def generate(target: Any, builder: Builder, signature: Any, values: Any) -> Value:
        return multiply_add(builder, *values)

    return types.float32(types.float32, types.float32, types.float32), generate


@intrinsic
def get_bits(context: Any, number: Any) -> Any:
    """Kernels call it: the bits of a float32 as int32."""

    def generate(target: Any, builder: Builder, signature: Any, values: Any) -> Value:
        return builder.bitcast(values[0], INT32)

    return types.int32(types.float32), generate


@intrinsic
def make_float(context: Any, bits: Any) -> Any:
    """Kernels call it: the float32 with the bits of an int32."""

    def generate(target: Any, builder: Builder, signature: Any, values: Any) -> Value:
        return builder.bitcast(values[0], FLOAT)

    return types.float32(types.int32), generate
