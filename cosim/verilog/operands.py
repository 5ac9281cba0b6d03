"""PyRTL's Verilog of a block, whose sums and products have the operands that the block has.

PyRTL writes what a sum, difference or product is computed from inside of it, unless it has a name
or several readers. Verilog extends an operand to the width of the result before it computes it: of
a complement the upper bits are then 1. So such an operand is declared here, and the text that PyRTL
wrote is read again: one with an operand that means something else is refused (D-72).
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pyrtl

from fastcar.reference.errors import ArgumentError

OPERAND = "operand_"
"""In front of the name of a wire that has to be declared."""
ARITHMETIC, EXTENDED = "+-*", "x~&|^n"
"""Operators: whose results may be wider than operands; whose operands Verilog then extends."""

_RESULT = re.compile(r"^    assign (\w+) = \((.*)\);$", re.MULTILINE)
_CLOSED = re.compile(r"\{[^{}]*\}|\[[^\[\]]*\]")
"""Concatenations and selections: Verilog computes them with their own widths."""
_OPERATOR = re.compile(r"[~&|^?<>=]")


def print_block(block: pyrtl.Block, widths: Mapping[str, int]) -> str:
    """PyRTL's Verilog of a block.

    Args:
        block: any.
        widths: of results that will be declared narrower than in the block, by name.

    Raises:
        ArgumentError: an operand would be extended before it is computed.
    """
    text = io.StringIO()
    with declaring_operands(block, widths):
        pyrtl.output_to_verilog(text, add_reset=False, block=block)
        check_operands(text.getvalue(), block, widths)
    return text.getvalue()


@contextmanager
def declaring_operands(block: pyrtl.Block, widths: Mapping[str, int]) -> Iterator[None]:
    """Let PyRTL declare what a wider result is computed from, by a name that it has meanwhile.

    Written inside of a sum, an operand would be computed with the width of the sum: a complement
    would get other upper bits, and linters mind what a condition chooses from.

    Args:
        block: to be exported meanwhile.
        widths: of results that are narrower than in the block, by name.
    """
    sources, _ = block.net_connections()
    renamed = {
        wire: wire.name
        for (result,), operands in ((net.dests, net.args) for net in block.logic_subset(ARITHMETIC))
        for wire in operands
        if _is_extended(wire, sources) and len(wire) < widths.get(result.name, len(result))
    }
    for wire, name in renamed.items():
        wire.name = f"{OPERAND}{name}"
    try:
        yield
    finally:
        for wire, name in renamed.items():
            wire.name = name


def _is_extended(
    wire: pyrtl.WireVector, sources: Mapping[pyrtl.WireVector, pyrtl.LogicNet]
) -> bool:
    """Whether PyRTL may write an operator in place of a wire, perhaps behind others."""
    net = sources.get(wire)
    if net is None or not wire.name.startswith("tmp"):
        return False
    if net.op in EXTENDED:
        return True
    is_passed = (
        net.op == "w"
        or (net.op == "c" and len(net.args) == 1)
        or (net.op == "s" and len(net.args[0]) == 1)
    )
    return is_passed and _is_extended(net.args[0], sources)


def check_operands(text: str, block: pyrtl.Block, widths: Mapping[str, int]) -> None:
    """Refuse Verilog in which an operand is extended before it is computed.

    Args:
        text: PyRTL's Verilog of the block, each statement on one line.
        block: with the names that it has in the text.
        widths: as for `print_block`.

    Raises:
        ArgumentError: it names the result and the operand.
    """
    nets = {net.dests[0].name: net for net in block.logic_subset(ARITHMETIC)}
    for match in _RESULT.finditer(text):
        net = nets.get(match[1])
        if net is None:
            continue
        num_bits = widths.get(match[1], len(net.dests[0]))
        for operand, wire in zip(_split(match[2], net.op), net.args, strict=True):
            if len(wire) < num_bits and _OPERATOR.search(_drop_closed(operand)):
                limit = f"declared by a name, in {match[1]} of {num_bits} bits"
                raise ArgumentError("operand", operand, limit)


def _split(expression: str, operator: str) -> tuple[str, str]:
    """The operands of the only operator of an expression that is in no bracket."""
    depth = 0
    for place, character in enumerate(expression):
        depth += (character in "([{") - (character in ")]}")
        if depth == 0 and expression.startswith(f" {operator} ", place):
            return expression[:place], expression[place + 3 :]
    raise ArgumentError("expression", expression, f"one with {operator}")


def _drop_closed(expression: str) -> str:
    shorter = _CLOSED.sub("", expression)
    return shorter if shorter == expression else _drop_closed(shorter)
