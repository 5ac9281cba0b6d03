"""Units of the datapath alone: their ports, and a frame for checkers of pipelines.

Each unit is built by the function of `rtl` that builds it in the accelerator, with primary inputs
and outputs around it, and exported like the accelerator.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyrtl

from proofs.formal.design import export_unit, make_planted
from proofs.formal.task import FormalTask, Method, PlantedBug
from reference.errors import ArgumentError

DESIGN = "unit"
"""Module of every exported unit, and prefix of its registers."""

_OBLIGATION = re.compile(r"\b\w+: (assert|assume|cover) ?\(")

Ports = Mapping[str, int]
"""Names and widths."""


@dataclass(frozen=True)
class Unit:
    """A unit alone.

    Attributes:
        build: builds it in the working block; gives its outputs by name.
        inputs: of `build`, which finds them by name among its arguments.
        outputs: as wide as what `build` gives.
    """

    build: Callable[[dict[str, pyrtl.WireVector]], dict[str, pyrtl.WireVector]]
    inputs: Ports
    outputs: Ports

    def export(self) -> str:
        """Its Verilog."""
        block = pyrtl.Block()
        with pyrtl.set_working_block(block):
            wires = {name: pyrtl.Input(width, name) for name, width in self.inputs.items()}
            for name, wire in self.build(dict(wires)).items():
                output = pyrtl.Output(self.outputs[name], f"out_{name}")
                output <<= wire
        return export_unit(block, DESIGN)

    def read_register_bits(self, *names: str) -> dict[str, int]:
        """Widths of registers, as exported.

        Raises:
            ArgumentError: there is no such register.
        """
        text = self.export()
        widths = {}
        for name in names:
            found = re.search(rf"^ *reg(?:\[(\d+):0\])? {name};", text, re.MULTILINE)
            if found is None:
                raise ArgumentError("register", name, f"one of the unit {DESIGN}")
            widths[name] = int(found[1] or 0) + 1
        return widths


@dataclass(frozen=True)
class UnitBug:
    """A bug to be planted in a module of `rtl`: words, module, text that stands there once, new."""

    name: str
    module: str
    old: str
    new: str


def make_checker(
    top: str,
    unit: Unit,
    body: str,
    delays: Mapping[str, int] | None = None,
    constants: Mapping[str, int] | None = None,
    extra: Mapping[str, tuple[str, int]] | None = None,
) -> str:
    """A checker: module `top` with the unit in it, and a body of its own.

    The body finds the unit's inputs and outputs (`out_<name>`), each input of `delays` as
    `<name>_before[k]`, its value k cycles before (k = 1 .. the number given), and `age`, the number
    of cycles so far, limited to 255.

    Args:
        top: name of the module.
        unit: what is checked.
        body: SystemVerilog.
        delays: inputs, and how many cycles they are remembered.
        constants: local parameters.
        extra: cut or visible wires of the unit: "input" or "output", and width.
    """
    extra = extra or {}
    driven = {name: width for name, (kind, width) in extra.items() if kind == "input"}
    inputs = {**unit.inputs, **driven}
    outputs = {f"out_{name}": width for name, width in unit.outputs.items()}
    outputs |= {name: width for name, (kind, width) in extra.items() if kind == "output"}
    ports = "".join(f", input wire {_get_range(width)}{name}" for name, width in inputs.items())
    pins = ", ".join(f".{name}({name})" for name in ("clk", *inputs, *outputs))
    lines = [
        f"module {top}(input wire clk{ports});",
        *(f"localparam {name} = {value};" for name, value in (constants or {}).items()),
        *(f"wire {_get_range(width)}{name};" for name, width in outputs.items()),
        f"{DESIGN} design({pins});",
        "reg [7:0] age = 0;",
        "always @(posedge clk) if (age != 255) age <= age + 1;",
        *(
            line
            for name, num_cycles in (delays or {}).items()
            for line in _delay(name, inputs[name], num_cycles)
        ),
        body.strip("\n"),
        "endmodule",
    ]
    return "\n".join(lines) + "\n"


def _delay(name: str, num_bits: int, num_cycles: int) -> Iterator[str]:
    """A shift register with every value of the last cycles."""
    kind = f"[{num_cycles}:1]{_get_range(num_bits)}"
    before = f"{name}_before"
    yield f"reg {kind} {before};"
    earlier = f"{before}[{num_cycles - 1}:1], " if num_cycles > 1 else ""
    yield f"always @(posedge clk) {before} <= {{{earlier}{name}}};"


def _get_range(num_bits: int) -> str:
    return f"[{num_bits - 1}:0] " if num_bits > 1 else ""


def count(checker: str, kind: str) -> int:
    """Obligations of one kind (assert, assume, cover) in a checker.

    >>> count("  narrow: assert (a < 8);", "assert")
    1
    """
    return _OBLIGATION.findall(checker).count(kind)


def read_body(stem: str) -> str:
    """The SystemVerilog beside this file."""
    return (Path(__file__).parent / f"{stem}.sv").read_text(encoding="utf-8")


def make_unit_task(
    unit: Unit,
    checker: str,
    top: str,
    *,
    name: str,
    claim: str,
    configuration: str,
    depth_cycles: int,
    argument: str,
    method: Method = Method.INDUCTION,
    bugs: tuple[UnitBug, ...] = (),
    shown: tuple[str, ...] = (),
    free: tuple[str, ...] = (),
    visible: tuple[str, ...] = (),
    is_quick: bool = False,
    solver: str = "bitwuzla",
    limit_seconds: float = 200,
) -> FormalTask:
    """A task about a unit alone; the obligations expected are those that the checker's text has."""
    return FormalTask(
        name=name,
        claim=claim,
        configuration=configuration,
        make_design=unit.export,
        design_top=DESIGN,
        checker=checker,
        top=top,
        method=method,
        depth_cycles=depth_cycles,
        num_assertions=count(checker, "assert"),
        num_assumptions=count(checker, "assume"),
        num_covers=count(checker, "cover"),
        cover_depth_cycles=max(12, depth_cycles + 2),
        free=free,
        visible=visible,
        bugs=tuple(
            PlantedBug(
                bug.name,
                make_planted(unit.export, bug.module, bug.old, bug.new),
                max(8, depth_cycles + 2),
            )
            for bug in bugs
        ),
        shown=shown,
        argument=argument,
        is_quick=is_quick,
        limit_seconds=limit_seconds,
        solver=solver,
    )
