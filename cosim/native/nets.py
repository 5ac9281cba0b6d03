"""Instructions of LLVM IR for each kind of net.

PyRTL computes a net exactly and cuts the result to the width of its destination; arithmetic modulo
2^n of operands brought to that width gives the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby

import pyrtl

from fastcar.cosim.native.arithmetic import add, is_equal, is_less, multiply, subtract
from fastcar.cosim.native.bits import Run, extend, fit, join, split_runs, take
from fastcar.cosim.native.values import Code, Limb, Value

Emitter = Callable[[Code, pyrtl.LogicNet, Sequence[Value]], Value]


def _emit_bitwise(verb: str, is_inverted: bool = False) -> Emitter:
    def emit(code: Code, net: pyrtl.LogicNet, args: Sequence[Value]) -> Value:
        pairs = zip(args[0].limbs, args[1].limbs, strict=True)
        result = Value(tuple(code.binary(verb, one, other) for one, other in pairs))
        return _invert(code, result) if is_inverted else result

    return emit


def _emit_arithmetic(compute: Callable[[Code, Value, Value], Value]) -> Emitter:
    def emit(code: Code, net: pyrtl.LogicNet, args: Sequence[Value]) -> Value:
        bits = net.dests[0].bitwidth
        return compute(code, fit(code, args[0], bits), fit(code, args[1], bits))

    return emit


def _emit_comparison(compare: Callable[[Code, Value, Value], Limb]) -> Emitter:
    def emit(code: Code, net: pyrtl.LogicNet, args: Sequence[Value]) -> Value:
        return Value((compare(code, args[0], args[1]),))

    return emit


def _invert(code: Code, value: Value) -> Value:
    return Value(tuple(code.binary("xor", limb, Limb("-1", limb.bits)) for limb in value.limbs))


def _emit_select(code: Code, net: pyrtl.LogicNet, args: Sequence[Value]) -> Value:
    choice, if_zero, if_one = args
    pairs = zip(if_one.limbs, if_zero.limbs, strict=True)
    return Value(
        tuple(
            code.emit(f"select {choice.only.typed}, {one.typed}, {other.typed}", one.bits)
            for one, other in pairs
        )
    )


def _emit_concatenation(code: Code, net: pyrtl.LogicNet, args: Sequence[Value]) -> Value:
    """Copies of a bit above what it is the sign of extend it: PyRTL has no net for that."""
    parts: list[tuple[Value, int]] = []
    end = 0
    for arg, copies in ((arg, len(list(same))) for arg, same in groupby(reversed(args))):
        if arg.bits > 1:
            copied = [(arg, end + place * arg.bits) for place in range(copies)]
        elif parts and parts[-1][0] == arg.source:
            value, start = parts.pop()
            copied = [(extend(code, value, value.bits + copies), start)]
        else:
            copied = [(extend(code, arg, copies), end)]
        parts += copied
        end += copies * arg.bits
    return join(code, parts, net.dests[0].bitwidth)


def _emit_slice(code: Code, net: pyrtl.LogicNet, args: Sequence[Value]) -> Value:
    bits = net.dests[0].bitwidth
    runs = split_runs(net.op_param[:bits])
    if runs == [Run(args[0].bits - 1, 1, is_repeated=False)]:
        return replace(take(code, args[0], runs[0]), source=args[0])
    parts, start = [], 0
    for run in runs:
        parts.append((take(code, args[0], run), start))
        start += run.length
    return join(code, parts, bits)


EMITTERS: dict[str, Emitter] = {
    "w": lambda code, net, args: args[0],
    "~": lambda code, net, args: _invert(code, args[0]),
    "&": _emit_bitwise("and"),
    "|": _emit_bitwise("or"),
    "^": _emit_bitwise("xor"),
    "n": _emit_bitwise("and", is_inverted=True),
    "+": _emit_arithmetic(add),
    "-": _emit_arithmetic(subtract),
    "*": _emit_arithmetic(multiply),
    "<": _emit_comparison(is_less),
    ">": _emit_comparison(lambda code, left, right: is_less(code, right, left)),
    "=": _emit_comparison(is_equal),
    "x": _emit_select,
    "c": _emit_concatenation,
    "s": _emit_slice,
}
"""All but registers and memories, by the character of the net."""


def emit_net(code: Code, net: pyrtl.LogicNet, args: Sequence[Value]) -> Value:
    """What a combinational net computes, in the width of its destination."""
    return fit(code, EMITTERS[net.op](code, net, args), net.dests[0].bitwidth)
