"""What stands between the ports of the exported module and its assertions, in PyRTL's words.

PyRTL numbers nameless wires and constants by counters that go on from design to design within a
process. They are numbered anew here, so that the text depends on the block only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pyrtl

from fastcar.cosim.verilog.memories import attribute_memories
from fastcar.cosim.verilog.operands import ARITHMETIC, OPERAND, print_block

MIN_SELECTED_BITS = 2
"""Of a wire of which a bit is selected."""

_COUNTED_NAME = re.compile(
    rf"\b(?:{OPERAND})?(tmp|const_|assertion)(\d+)\b|\bconst_(\d+)(?=_\d+\b)"
)
_NEW_NAMES = {"tmp": "net_", "const_": "constant_", "assertion": "assertion_"}
_WIRE = re.compile(r"^    wire\[\d+:0\] (\w+);$", re.MULTILINE)
_PORT_LINE = re.compile(r"^    (input|output)\b")


def format_range(num_bits: int) -> str:
    """Declaration of a width, nothing for one bit."""
    return f"[{num_bits - 1}:0] " if num_bits > 1 else ""


def list_body(block: pyrtl.Block) -> Iterator[str]:
    """Everything between PyRTL's port declarations and its endmodule."""
    widths = _find_used_bits(block)
    lines = _renumber(_narrow(print_block(block, widths), widths)).split("\n")
    first = next(place for place, line in enumerate(lines) if line.startswith("module "))
    power_up = dict(_declare_power_up(block))
    for line in attribute_memories(lines[first + 1 : lines.index("endmodule")]):
        if not _PORT_LINE.match(line) and line != "    input clk;":
            yield line
            yield from power_up.get(line, ())


def _declare_power_up(block: pyrtl.Block) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Declarations of registers that have a value at power-up, and what gives it to them."""
    for register in block.wirevector_subset(pyrtl.Register):
        if register.reset_value is not None:
            size = f"[{len(register) - 1}:0]" if len(register) > 1 else ""
            value = f"{len(register)}'d{register.reset_value}"
            yield f"    reg{size} {register.name};", (f"    initial {register.name} = {value};",)


def _find_used_bits(block: pyrtl.Block) -> dict[str, int]:
    """Widths of sums and products, by name, without the upper bits that no one reads.

    The lower bits of a sum, difference or product depend on the lower bits of its operands alone.
    A result does not become narrower than its operands, so nothing is truncated silently; nor
    narrower than 2 bits, because its readers select bits, which Verilog refuses of a scalar.
    """
    sources, readers = block.net_connections()
    widths = {}
    for wire, net in sources.items():
        reading = readers.get(wire, [])
        if net.op not in ARITHMETIC or not reading or any(one.op != "s" for one in reading):
            continue
        used = 1 + max(bit for one in reading for bit in one.op_param)
        widths[wire.name] = max(MIN_SELECTED_BITS, used, *(len(operand) for operand in net.args))
    return widths


def _narrow(text: str, widths: dict[str, int]) -> str:
    """Declare sums and products with these widths."""

    def declare(match: re.Match[str]) -> str:
        name = match[1]
        return f"    wire {format_range(widths[name])}{name};" if name in widths else match[0]

    return _WIRE.sub(declare, text)


def _renumber(text: str) -> str:
    """Number counted names from 0 on, in their order."""
    found: dict[str, set[int]] = {kind: set() for kind in _NEW_NAMES}
    for match in _COUNTED_NAME.finditer(text):
        kind, number = _read_counted(match)
        found[kind].add(number)
    new_numbers = {
        (kind, number): place
        for kind, numbers in found.items()
        for place, number in enumerate(sorted(numbers))
    }

    def rename(match: re.Match[str]) -> str:
        kind, number = _read_counted(match)
        return f"{_NEW_NAMES[kind]}{new_numbers[kind, number]}"

    return _COUNTED_NAME.sub(rename, text)


def _read_counted(match: re.Match[str]) -> tuple[str, int]:
    return (match[1], int(match[2])) if match[1] else ("const_", int(match[3]))
