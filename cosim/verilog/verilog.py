"""The accelerator as Verilog: one module, the same bytes for the same configuration.

PyRTL numbers nameless wires, constants and assertions by counters that go on from design to design
within a process. The export numbers them anew, so that the text depends on the configuration only.
Registers have no initial values: `reset`, held for one cycle, is the only way into a known state.
One register has: whether there was a reset yet (`rtl/reset.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

import pyrtl

from fastcar.cosim.verilog.body import format_range, list_body
from fastcar.cosim.verilog.verilog_lines import break_lines
from fastcar.cosim.verilog.verilog_ports import Port, list_ports
from fastcar.rtl.accelerator import make_accelerator
from fastcar.rtl.config import AcceleratorConfig

MODULE_NAME = "fastcar_accelerator"
VERILOG_FILE = f"{MODULE_NAME}.v"
WAIVER_FILE = f"{MODULE_NAME}.vlt"
LICENSE_TAGS = (
    "SPDX-FileCopyrightText: 2026 FastCar contributors",
    "SPDX-License-Identifier: MIT",
)
"""First lines of what is exported, as comments."""

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


@dataclass(frozen=True)
class VerilogDesign:
    """The exported module.

    Attributes:
        config: sizes.
        text: Verilog.
        ports: all but `clk`, in their order.
        assertions: what each bit of the wire `assertions` claims, from bit 0 up.
        module_name: of the module.
    """

    config: AcceleratorConfig
    text: str
    ports: tuple[Port, ...]
    assertions: tuple[str, ...]
    module_name: str = MODULE_NAME


def export_verilog(
    config: AcceleratorConfig, block: pyrtl.Block | None = None, module_name: str = MODULE_NAME
) -> VerilogDesign:
    """Export the accelerator.

    Args:
        config: sizes.
        block: the accelerator, if it is not that of `make_accelerator(config)`.
        module_name: of the module; the only name that the text gives to the design around it.

    Raises:
        ArgumentError: a port or memory of another block has no meaning, or an operand would mean
            something else in Verilog.
    """
    block = make_accelerator(config) if block is None else block
    ports = list_ports(block)
    claims = _list_claims(block)
    lines = [
        *_make_header(config, ports),
        "`default_nettype none",
        "",
        *_declare_module(module_name, ports),
        *_declare_assertions(len(claims)),
        *list_body(block),
        *_check_assertions(claims),
        "endmodule",
        "",
        "`default_nettype wire",
    ]
    text = break_lines("\n".join(lines) + "\n")
    return VerilogDesign(config, text, ports, claims, module_name)


def make_waivers(module_name: str = MODULE_NAME) -> str:
    """Configuration file for Verilator with everything in `WAIVERS`, for the file of a module."""
    lines = [*(f"// {tag}" for tag in LICENSE_TAGS), "`verilator_config"]
    file = f"{module_name}.v"
    for rule, text, reason in WAIVERS:
        lines += [f"// {reason}", f'lint_off -rule {rule} -file "*{file}" -match "{text}"']
    return "\n".join(lines) + "\n"


def _list_claims(block: pyrtl.Block) -> tuple[str, ...]:
    """Texts of the assertions, in the order in which they were made."""
    wires = sorted(block.rtl_assert_dict, key=lambda wire: _get_number(wire.name))
    return tuple(str(block.rtl_assert_dict[wire]) for wire in wires)


def _get_number(name: str) -> int:
    return int(name.removeprefix("assertion"))


def _make_header(config: AcceleratorConfig, ports: tuple[Port, ...]) -> Iterator[str]:
    yield from (f"// {tag}" for tag in LICENSE_TAGS)
    yield "//"
    yield "// FastCar accelerator: cache attentive replay for autoregressive video transformers."
    yield "// Specification: docs/accelerator.md. Generated from rtl/; edit that, not this file."
    yield f"// Version: fastcar {metadata.version('fastcar')}"
    yield "//"
    yield "// Parameters:"
    for name, value in config.sizes.items():
        yield f"//   {name:<18} {value}"
    yield "//"
    yield "// Ports, their widths in bits; `reset` is needed after power-up."
    width = max(len(port.name) for port in ports)
    yield f"//   {'clk':<{width}} in     1  the only clock, rising edge"
    for port in ports:
        direction = "in " if port.is_input else "out"
        yield f"//   {port.name:<{width}} {direction} {port.num_bits:>4}  {port.meaning}"
    yield ""


def _declare_module(module_name: str, ports: tuple[Port, ...]) -> Iterator[str]:
    yield f"module {module_name} ("
    yield "    input  wire clk,"
    for place, port in enumerate(ports):
        direction = "input " if port.is_input else "output"
        comma = "," if place < len(ports) - 1 else ""
        yield f"    {direction} wire {format_range(port.num_bits)}{port.name}{comma}"
    yield ");"


def _declare_assertions(num_assertions: int) -> Iterator[str]:
    if not num_assertions:
        return
    yield ""
    yield "    // Assertions, each 1 in every cycle of a correct system; synthesis drops them."
    for number in range(num_assertions):
        yield f"    wire assertion_{number};"
    names = ", ".join(f"assertion_{number}" for number in reversed(range(num_assertions)))
    yield (
        f"    wire {format_range(num_assertions)}assertions /* verilator public_flat_rd */ = "
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
