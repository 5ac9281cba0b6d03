"""Instructions of LLVM IR for each kind of net.

A value of n bits is an integer iN. PyRTL computes a net exactly and cuts the result to the width of
its destination; arithmetic modulo 2^n of operands brought to that width gives the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pyrtl


@dataclass(frozen=True)
class Value:
    """An operand.

    Attributes:
        text: a name or a number.
        bits: its width.
    """

    text: str
    bits: int

    @property
    def typed(self) -> str:
        """As most instructions want it."""
        return f"i{self.bits} {self.text}"


@dataclass
class Code:
    """Lines of a function, and the names given in it."""

    lines: list[str] = field(default_factory=list)
    num_names: int = 0

    def add(self, line: str) -> None:
        """A line without a result."""
        self.lines.append(line)

    def name(self) -> str:
        """A name that is not in use; for a label without the percent sign."""
        self.num_names += 1
        return f"v{self.num_names}"

    def emit(self, instruction: str, bits: int) -> Value:
        """An instruction with a result."""
        value = Value(f"%{self.name()}", bits)
        self.lines.append(f"{value.text} = {instruction}")
        return value

    def fit(self, value: Value, bits: int) -> Value:
        """The value in another width, with zeros above it or cut."""
        if value.bits == bits:
            return value
        verb = "zext" if value.bits < bits else "trunc"
        return self.emit(f"{verb} {value.typed} to i{bits}", bits)

    def binary(self, verb: str, left: Value, right: Value) -> Value:
        """Of two operands of one width."""
        return self.emit(f"{verb} {left.typed}, {right.text}", left.bits)

    def compare(self, relation: str, left: Value, right: Value) -> Value:
        """One bit."""
        return self.emit(f"icmp {relation} {left.typed}, {right.text}", 1)

    def shift_left(self, value: Value, amount: int) -> Value:
        """By a constant below the width."""
        return self.binary("shl", value, Value(str(amount), value.bits)) if amount else value

    def join(self, parts: Sequence[tuple[Value, int]], bits: int) -> Value:
        """Values, each from a bit on; what lies above the width is cut."""
        joined: Value | None = None
        for part, start in parts:
            if start < bits:
                moved = self.shift_left(self.fit(part, bits), start)
                joined = moved if joined is None else self.binary("or", joined, moved)
        return Value("0", bits) if joined is None else joined


def _emit_bitwise(verb: str, is_inverted: bool = False) -> Emitter:
    def emit(code: Code, net: pyrtl.LogicNet, args: Sequence[Value]) -> Value:
        result = code.binary(verb, args[0], args[1])
        return _invert(code, result) if is_inverted else result

    return emit


def _emit_arithmetic(verb: str) -> Emitter:
    def emit(code: Code, net: pyrtl.LogicNet, args: Sequence[Value]) -> Value:
        bits = net.dests[0].bitwidth
        return code.binary(verb, code.fit(args[0], bits), code.fit(args[1], bits))

    return emit


def _emit_comparison(relation: str) -> Emitter:
    def emit(code: Code, net: pyrtl.LogicNet, args: Sequence[Value]) -> Value:
        return code.compare(relation, args[0], args[1])

    return emit


def _invert(code: Code, value: Value) -> Value:
    return code.binary("xor", value, Value("-1", value.bits))


def _emit_select(code: Code, net: pyrtl.LogicNet, args: Sequence[Value]) -> Value:
    choice, if_zero, if_one = args
    return code.emit(f"select {choice.typed}, {if_one.typed}, {if_zero.typed}", if_one.bits)


def _emit_concatenation(code: Code, net: pyrtl.LogicNet, args: Sequence[Value]) -> Value:
    parts, start = [], 0
    for arg in reversed(args):
        parts.append((arg, start))
        start += arg.bits
    return code.join(parts, net.dests[0].bitwidth)


def _emit_slice(code: Code, net: pyrtl.LogicNet, args: Sequence[Value]) -> Value:
    bits = net.dests[0].bitwidth
    parts, start = [], 0
    for run in split_runs(net.op_param[:bits]):
        parts.append((_take(code, args[0], run), start))
        start += run.length
    return code.join(parts, bits)


@dataclass(frozen=True)
class Run:
    """Bits of a slice that are taken at once.

    Attributes:
        first: bit of the source.
        length: in bits.
        is_repeated: all are `first`, else they follow one another.
    """

    first: int
    length: int
    is_repeated: bool


def split_runs(indices: Sequence[int]) -> list[Run]:
    """Bits of a slice, lowest first, in runs as long as they go.

    >>> split_runs((4, 5, 6, 6, 6))
    [Run(first=4, length=3, is_repeated=False), Run(first=6, length=2, is_repeated=True)]
    """
    runs = []
    start = 0
    while start < len(indices):
        step = indices[start + 1] - indices[start] if start + 1 < len(indices) else 1
        end = start + 1
        while step in (0, 1) and end < len(indices) and indices[end] - indices[end - 1] == step:
            end += 1
        runs.append(Run(indices[start], end - start, is_repeated=step == 0))
        start = end
    return runs


def _take(code: Code, source: Value, run: Run) -> Value:
    moved = source
    if run.first:
        moved = code.binary("lshr", source, Value(str(run.first), source.bits))
    if not run.is_repeated:
        return code.fit(moved, run.length)
    return code.emit(f"sext {code.fit(moved, 1).typed} to i{run.length}", run.length)


Emitter = Callable[[Code, pyrtl.LogicNet, Sequence[Value]], Value]

EMITTERS: dict[str, Emitter] = {
    "w": lambda code, net, args: args[0],
    "~": lambda code, net, args: _invert(code, args[0]),
    "&": _emit_bitwise("and"),
    "|": _emit_bitwise("or"),
    "^": _emit_bitwise("xor"),
    "n": _emit_bitwise("and", is_inverted=True),
    "+": _emit_arithmetic("add"),
    "-": _emit_arithmetic("sub"),
    "*": _emit_arithmetic("mul"),
    "<": _emit_comparison("ult"),
    ">": _emit_comparison("ugt"),
    "=": _emit_comparison("eq"),
    "x": _emit_select,
    "c": _emit_concatenation,
    "s": _emit_slice,
}
"""All but registers and memories, by the character of the net."""


def emit_net(code: Code, net: pyrtl.LogicNet, args: Sequence[Value]) -> Value:
    """What a combinational net computes, in the width of its destination."""
    return code.fit(EMITTERS[net.op](code, net, args), net.dests[0].bitwidth)
