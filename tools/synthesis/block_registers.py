"""Registers behind multipliers and block RAMs of ECP5 move into these blocks.

Each block has a register at its outputs. The tools of the vendor use it; Yosys maps the block
without it and leaves a flip-flop for every bit outside, at the end of a wire. A register moves only
where nothing can tell: every output of the block that is read goes to one flip-flop and nowhere
else, all of them have the clock of the block and one enable, start at 0 and are never reset, and
neither is the block.

A multiplier that takes a register is named after it from then on, a block RAM keeps its name.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

FLIP_FLOP = "TRELLIS_FF"
ALWAYS = "1"
WIDE = 36
"""Bits of a word of a block RAM that is read through one port and written through the other."""


@dataclass(frozen=True)
class Block:
    """How a type of cell says what its output register does.

    Attributes:
        outputs: names of the outputs, of one bit each.
        clock: name of the clock of the register.
        enables: inputs that enable the register.
        inputs: further inputs and their constants.
        parameters: that switch the register on.
        required: parameters and inputs without which the register would behave otherwise.
    """

    outputs: re.Pattern[str]
    clock: str
    enables: tuple[str, ...]
    inputs: dict[str, str]
    parameters: dict[str, str]
    required: dict[str, str]


BLOCKS = {
    "MULT18X18D": Block(
        outputs=re.compile(r"P\d+"),
        clock="CLK0",
        enables=("CE0",),
        inputs={"RST0": "0"},
        parameters={
            "REG_OUTPUT_CLK": "CLK0",
            "REG_OUTPUT_CE": "CE0",
            "REG_OUTPUT_RST": "RST0",
        },
        required={},
    ),
    "DP16KD": Block(
        outputs=re.compile(r"DO[AB]\d+"),
        clock="CLKB",
        enables=("OCEA", "OCEB"),
        inputs={},
        parameters={"REGMODE_A": "OUTREG", "REGMODE_B": "OUTREG"},
        required={"CLKBMUX": "CLKB", "RSTA": "0", "RSTB": "0"},
    ),
}


@dataclass(frozen=True)
class _Register:
    """Flip-flops that fit into a block: by output of the block the name of the flip-flop."""

    flip_flops: dict[str, str]
    clock: int
    enable: int | str


def absorb_registers(module: Json) -> Counter[str]:
    """Move registers into blocks; changes the module of a netlist for ECP5.

    Returns:
        For each type how many of its blocks took a register.
    """
    readers = _find_readers(module)
    cells, absorbed = module["cells"], Counter[str]()
    for name, cell in list(cells.items()):
        register = _find_register(cell, cells, readers)
        if register is None:
            continue
        _configure(cell, register, cells)
        first = min(register.flip_flops.values())
        for flip_flop in register.flip_flops.values():
            del cells[flip_flop]
        if cell["type"] == "MULT18X18D":  # a block RAM keeps the name of its memory
            cells[first] = cells.pop(name)
        absorbed[cell["type"]] += 1
    return absorbed


def _find_readers(module: Json) -> dict[int, list[tuple[str, str]]]:
    """For each net the inputs (cell, port) that read it; a port of the module counts, too."""
    readers = defaultdict(list)
    for name, cell in module["cells"].items():
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] != "output":
                for bit in bits:
                    readers[bit].append((name, port))
    for name, port in module["ports"].items():
        for bit in port["bits"]:
            readers[bit].append(("", name))
    return readers


def _find_register(
    cell: Json, cells: dict[str, Json], readers: dict[int, list[tuple[str, str]]]
) -> _Register | None:
    """The register behind a block, or None where there is none or it does not fit."""
    block = BLOCKS.get(cell["type"])
    if block is None or not _takes_register(cell, block) or not _has_one_read_port(cell):
        return None
    flip_flops, controls = {}, set()
    for port, bits in cell["connections"].items():
        if not block.outputs.fullmatch(port) or not readers[bits[0]]:
            continue
        [(name, input_name), *others] = readers[bits[0]]
        if others or input_name != "DI" or not _fits(cells.get(name)):
            return None
        flip_flops[port] = name
        controls.add((cells[name]["connections"]["CLK"][0], _get_enable(cells[name])))
    if len(controls) != 1:
        return None
    [(clock, enable)] = controls
    if cell["connections"].get(block.clock, [clock]) != [clock]:
        return None
    return _Register(flip_flops, clock, enable)


def _takes_register(cell: Json, block: Block) -> bool:
    """Whether a block has no register yet, and is as it has to be for one."""
    settings = {name: bits[0] for name, bits in cell["connections"].items()} | cell["parameters"]
    is_used = any(settings.get(name) == value for name, value in block.parameters.items())
    return not is_used and all(settings[name] == value for name, value in block.required.items())


def _has_one_read_port(cell: Json) -> bool:
    """False for a block RAM whose outputs A belong to a port of their own."""
    if cell["type"] != "DP16KD":
        return True
    widths = [int(cell["parameters"][f"DATA_WIDTH_{port}"], 2) for port in "AB"]
    return widths == [WIDE, WIDE]


def _fits(cell: Json | None) -> bool:
    """Whether a reader is a flip-flop that starts at 0 and has no reset; None is a port."""
    if cell is None or cell["type"] != FLIP_FLOP:
        return False
    parameters = cell["parameters"]
    return (
        cell["connections"].get("LSR", ["0"]) == ["0"]
        and parameters["REGSET"] == "RESET"
        and parameters["CLKMUX"] == "CLK"
        and parameters["CEMUX"].strip() in (ALWAYS, "CE")
    )


def _get_enable(flip_flop: Json) -> int | str:
    """Net of the enable, or `ALWAYS`."""
    is_constant = flip_flop["parameters"]["CEMUX"].strip() == ALWAYS
    enable: int | str = ALWAYS if is_constant else flip_flop["connections"]["CE"][0]
    return enable


def _configure(cell: Json, register: _Register, cells: dict[str, Json]) -> None:
    """Let a block do what the flip-flops do."""
    block = BLOCKS[cell["type"]]
    connections = cell["connections"]
    for port, name in register.flip_flops.items():
        connections[port] = cells[name]["connections"]["Q"]
    inputs = {block.clock: register.clock, **block.inputs}
    inputs |= dict.fromkeys(block.enables, register.enable)
    for port, bit in inputs.items():
        connections[port] = [bit]
        cell["port_directions"][port] = "input"
    cell["parameters"].update(block.parameters)
