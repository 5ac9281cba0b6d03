"""The accelerator as Verilog: one module, the same bytes for the same configuration.

PyRTL numbers nameless wires, constants and assertions by counters that go on from design to design
within a process. The export numbers them anew, so that the text depends on the configuration only.
Registers have no initial values: `reset`, held for one cycle, is the only way into a known state.
One register has: whether there was a reset yet (`rtl/reset.py`).
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pyrtl

from fastcar.cosim.verilog.verilog_lines import break_lines
from fastcar.cosim.verilog.verilog_ports import Port, list_ports
from fastcar.rtl.accelerator import make_accelerator
from fastcar.rtl.config import AcceleratorConfig

MODULE_NAME = "fastcar_accelerator"
VERILOG_FILE = f"{MODULE_NAME}.v"
WAIVER_FILE = f"{MODULE_NAME}.vlt"

WAIVERS = (
    (
        "TIMESCALEMOD",
        "Timescale missing on this module*",
        "nothing in it takes time, whatever the time scale of the files around it",
    ),
    (
        "UNUSEDSIGNAL",
        "Bits of signal are not used:*",
        "wires have their full width, and every reader says which bits it takes",
    ),
    (
        "UNUSEDSIGNAL",
        "Signal is not used: 'net_*'",
        "PyRTL's shifter pads for stages that a constant switches off; named signals are all used",
    ),
    (
        "UNUSEDSIGNAL",
        "Signal is not used: 'core*_datapath_weighting_is_done'",
        "the end of CONTEXT is declared with what goes to the result path, which does not need it",
    ),
    (
        "UNSIGNED",
        "Comparison is constant due to unsigned arithmetic*",
        "lane 0 of a block is compared like every other lane, and lies behind no lane",
    ),
    (
        "CMPCONST",
        "Comparison is constant due to limited range*",
        "likewise the last of 32 lanes, which lies before no lane",
    ),
)
"""What Verilator's -Wall may say about the module: rule, text, reason."""

MIN_SELECTED_BITS = 2
"""Of a wire of which a bit is selected."""

_OPERAND = "operand_"
"""In front of the name of a wire that has to be declared."""
_COUNTED_NAME = re.compile(
    rf"\b(?:{_OPERAND})?(tmp|const_|assertion)(\d+)\b|\bconst_(\d+)(?=_\d+\b)"
)
_NEW_NAMES = {"tmp": "net_", "const_": "constant_", "assertion": "assertion_"}
ARITHMETIC, EXTENDED = "+-*", "x~&|^n"
"""Operators: whose results may be wider than operands; whose operands Verilog then extends."""
_WIRE = re.compile(r"^    wire\[\d+:0\] (\w+);$", re.MULTILINE)
_PORT_LINE = re.compile(r"^    (input|output)\b")


@dataclass(frozen=True)
class VerilogDesign:
    """The exported module.

    Attributes:
        config: sizes.
        text: Verilog.
        ports: all but `clk`, in their order.
        assertions: what each bit of the wire `assertions` claims, from bit 0 up.
    """

    config: AcceleratorConfig
    text: str
    ports: tuple[Port, ...]
    assertions: tuple[str, ...]


def export_verilog(config: AcceleratorConfig, block: pyrtl.Block | None = None) -> VerilogDesign:
    """Export the accelerator.

    Args:
        config: sizes.
        block: the accelerator, if it is not that of `make_accelerator(config)`.
    """
    block = make_accelerator(config) if block is None else block
    ports = list_ports(block)
    claims = _list_claims(block)
    lines = [
        *_make_header(config, ports),
        "`default_nettype none",
        "",
        *_declare_module(ports),
        *_declare_assertions(len(claims)),
        *_list_body(block),
        *_check_assertions(claims),
        "endmodule",
        "",
        "`default_nettype wire",
    ]
    text = break_lines("\n".join(lines) + "\n")
    return VerilogDesign(config, text, ports, claims)


def make_waivers() -> str:
    """Configuration file for Verilator with everything in `WAIVERS`."""
    lines = ["`verilator_config"]
    for rule, text, reason in WAIVERS:
        lines += [f"// {reason}", f'lint_off -rule {rule} -file "*{VERILOG_FILE}" -match "{text}"']
    return "\n".join(lines) + "\n"


def _list_claims(block: pyrtl.Block) -> tuple[str, ...]:
    """Texts of the assertions, in the order in which they were made."""
    wires = sorted(block.rtl_assert_dict, key=lambda wire: _get_number(wire.name))
    return tuple(str(block.rtl_assert_dict[wire]) for wire in wires)


def _get_number(name: str) -> int:
    return int(name.removeprefix("assertion"))


def _make_header(config: AcceleratorConfig, ports: tuple[Port, ...]) -> Iterator[str]:
    yield "// FastCar accelerator: cache attentive replay for autoregressive video transformers."
    yield "// Specification: docs/accelerator.md. Generated from rtl/; edit that, not this file."
    yield "//"
    yield "// Parameters:"
    for name, value in config.sizes.items():
        yield f"//   {name:<18} {value}"
    yield "//"
    yield "// Ports: one clock, rising edge; `reset` is synchronous and needed after power-up."
    width = max(len(port.name) for port in ports)
    for port in ports:
        direction = "in " if port.is_input else "out"
        yield f"//   {port.name:<{width}} {direction} {port.num_bits:>4}  {port.meaning}"
    yield ""


def _declare_module(ports: tuple[Port, ...]) -> Iterator[str]:
    yield f"module {MODULE_NAME} ("
    yield "    input  wire clk,"
    for place, port in enumerate(ports):
        direction = "input " if port.is_input else "output"
        comma = "," if place < len(ports) - 1 else ""
        yield f"    {direction} wire {_format_range(port.num_bits)}{port.name}{comma}"
    yield ");"


def _format_range(num_bits: int) -> str:
    return f"[{num_bits - 1}:0] " if num_bits > 1 else ""


def _list_body(block: pyrtl.Block) -> Iterator[str]:
    """Everything between PyRTL's port declarations and its endmodule."""
    text, widths = io.StringIO(), _find_used_bits(block)
    with declaring_operands(block, widths):
        pyrtl.output_to_verilog(text, add_reset=False, block=block)
    lines = _renumber(_narrow(text.getvalue(), widths)).split("\n")
    first = next(place for place, line in enumerate(lines) if line.startswith("module "))
    power_up = dict(_declare_power_up(block))
    for line in lines[first + 1 : lines.index("endmodule")]:
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


@contextmanager
def declaring_operands(block: pyrtl.Block, widths: dict[str, int]) -> Iterator[None]:
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
        if wire in sources
        and sources[wire].op in EXTENDED
        and wire.name.startswith("tmp")
        and len(wire) < widths.get(result.name, len(result))
    }
    for wire, name in renamed.items():
        wire.name = f"{_OPERAND}{name}"
    try:
        yield
    finally:
        for wire, name in renamed.items():
            wire.name = name


def _narrow(text: str, widths: dict[str, int]) -> str:
    """Declare sums and products with these widths."""

    def declare(match: re.Match[str]) -> str:
        name = match[1]
        return f"    wire {_format_range(widths[name])}{name};" if name in widths else match[0]

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


def _declare_assertions(num_assertions: int) -> Iterator[str]:
    if not num_assertions:
        return
    yield ""
    yield "    // Assertions, each 1 in every cycle of a correct system; synthesis drops them."
    for number in range(num_assertions):
        yield f"    wire assertion_{number};"
    names = ", ".join(f"assertion_{number}" for number in reversed(range(num_assertions)))
    yield (
        f"    wire {_format_range(num_assertions)}assertions /* verilator public_flat_rd */ = "
        f"{{{names}}};"
    )


def _check_assertions(claims: tuple[str, ...]) -> Iterator[str]:
    """Simulators stop with the claim; a bit that is not known, before reset, is no failure.

    Yosys does not know $fatal where it reads for proofs and not for synthesis (`-formal`).
    """
    if not claims:
        return
    yield ""
    yield "`ifndef SYNTHESIS"
    yield "`ifndef FORMAL"
    yield "    always @(posedge clk) begin"
    for number, claim in enumerate(claims):
        text = claim.replace("\\", "\\\\").replace('"', "'").replace("%", "%%")
        yield f"        if (!reset && assertion_{number} === 1'b0)"
        yield f'            $fatal(1, "assertion_{number}: {text}");'
    yield "    end"
    yield "`endif"
    yield "`endif"
