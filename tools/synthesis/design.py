"""What is synthesised: the exported Verilog, its memories, and a wrapper that registers its ports.

The ports are far more than a package has pins. The wrapper shifts all inputs in through one pin,
and all outputs, captured in one cycle, out through another: every path into or out of the design
begins or ends in a register beside it, so that pins set no timing and nothing is optimised away.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pyrtl

from fastcar.cosim.verilog.memories import MemoryKind, get_kind
from fastcar.cosim.verilog.owners import Owner, make_owned_block
from fastcar.cosim.verilog.verilog import MODULE_NAME, export_verilog
from fastcar.cosim.verilog.verilog_lines import join_lines
from fastcar.cosim.verilog.verilog_ports import Port
from fastcar.rtl.config import AcceleratorConfig

WRAPPER_NAME, INSTANCE_NAME = "registered_ports", "design"
STATEMENT = re.compile(r"^ +(?:assign )?(\w+)(?:\[[^\]]*\])? <?= ")
"""A statement of the Verilog; the group is the net that it drives."""


@dataclass(frozen=True)
class Memory:
    """One memory of the design.

    Attributes:
        name: the same in PyRTL and in Verilog.
        kind: what it is for.
        num_words: entries.
        word_bits: width.
    """

    name: str
    kind: MemoryKind
    num_words: int
    word_bits: int


@dataclass(frozen=True)
class Design:
    """A configuration, ready for synthesis.

    Attributes:
        config: sizes.
        verilog: the exported module, each statement on one line, without the comments in front.
        wrapper: module `WRAPPER_NAME` around it.
        traced: the exported module, but with a statement of its own for every net, and nameless
            nets named after their owners.
        memories: by name.
        owners: of every memory, and every net that a statement drives, by name.
    """

    config: AcceleratorConfig
    verilog: str
    wrapper: str
    traced: str
    memories: tuple[Memory, ...]
    owners: dict[str, Owner]

    def find_statements(self) -> dict[int, tuple[str, Owner]]:
        """Statements of `traced` that drive nets: line from 1 on, net, owner."""
        lines = enumerate(self.traced.splitlines(), start=1)
        found = ((number, STATEMENT.match(line)) for number, line in lines)
        return {
            number: (match[1], self.owners[match[1]])
            for number, match in found
            if match and match[1] in self.owners
        }


def make_design(config: AcceleratorConfig) -> Design:
    """Export a configuration, wrap it, and trace every net to its unit."""
    exported = export_verilog(config)
    block, owners = make_owned_block(config)
    verilog, traced = (
        drop_header(join_lines(one.text)) for one in (exported, export_verilog(config, block))
    )
    wrapper = make_wrapper(exported.ports)
    return Design(config, verilog, wrapper, traced, list_memories(block), owners)


def drop_header(text: str) -> str:
    """The module alone: a result is kept for the design, not for the version in its comments."""
    return text[text.index("`default_nettype none") :]


def list_memories(block: pyrtl.Block) -> tuple[Memory, ...]:
    """All memories of a block, by name.

    Raises:
        ArgumentError: the name of one does not say what it is for.
    """
    found = {net.op_param[1] for net in block.logic_subset("m@")}
    memories = [Memory(one.name, get_kind(one), 1 << one.addrwidth, one.bitwidth) for one in found]
    return tuple(sorted(memories, key=lambda memory: memory.name))


def make_wrapper(ports: tuple[Port, ...]) -> str:
    """Verilog of the wrapper.

    Four pins: `clk`; `serial_in`, into the inputs; `capture`, which takes all outputs at once; and
    `serial_out`, the first of them.
    """
    inputs = [port for port in ports if port.is_input]
    outputs = [port for port in ports if not port.is_input]
    num_inputs, num_outputs = (sum(port.num_bits for port in one) for one in (inputs, outputs))
    lines = [
        f"module {WRAPPER_NAME} (input clk, input serial_in, input capture, output serial_out);",
        f"    reg [{num_inputs - 1}:0] port_in;",
        f"    reg [{num_outputs - 1}:0] port_out;",
        f"    wire [{num_outputs - 1}:0] result;",
        "    reg capture_q;",
        "    always @(posedge clk) begin",
        "        capture_q <= capture;",
        "        port_in <= {port_in, serial_in};",
        "        port_out <= capture_q ? result : port_out >> 1;",
        "    end",
        "    assign serial_out = port_out[0];",
        f"    {MODULE_NAME} {INSTANCE_NAME} (",
        "        .clk(clk)",
        *_connect("port_in", inputs),
        *_connect("result", outputs),
        "    );",
        "endmodule",
    ]
    return "\n".join(lines) + "\n"


def _connect(vector: str, ports: list[Port]) -> list[str]:
    """Connections of ports to a vector, the first port in its lowest bits."""
    lines, low = [], 0
    for port in ports:
        lines.append(f"        , .{port.name}({vector}[{low + port.num_bits - 1}:{low}])")
        low += port.num_bits
    return lines
