"""Tasks about units alone: a frame for checkers of pipelines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastcar.proofs.formal.control import get_range
from fastcar.proofs.formal.design import make_planted
from fastcar.proofs.formal.task import FormalTask, Method, PlantedBug, count_obligations
from fastcar.proofs.formal.unit import DESIGN, Ports, Unit

_WAS_RESET = (
    "reg was_reset = 0;",
    "always @(posedge clk) was_reset <= was_reset | reset;",
)


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
    cut: Ports | None = None,
    seen: Ports | None = None,
) -> str:
    """A checker: module `top` with the unit in it, and a body of its own.

    The body finds the unit's inputs and outputs (`out_<name>`), each wire of `delays` as
    `<name>_before[k]`, its value k cycles before (k = 1 .. the number given), and `age`, the number
    of cycles so far, limited to 255. Where the unit has a reset, `was_reset` says that there was
    one before.

    Args:
        top: name of the module.
        unit: what is checked.
        body: SystemVerilog.
        delays: wires, and how many cycles they are remembered.
        constants: local parameters.
        cut: inner wires of the unit that are inputs of the checker.
        seen: inner wires of the unit that the body reads.
    """
    inputs = {**unit.inputs, **(cut or {})}
    outputs = {f"out_{name}": width for name, width in unit.outputs.items()} | dict(seen or {})
    wires = inputs | outputs
    ports = "".join(f", input wire {get_range(width)}{name}" for name, width in inputs.items())
    pins = ", ".join(f".{name}({name})" for name in ("clk", *inputs, *outputs))
    lines = [
        f"module {top}(input wire clk{ports});",
        *(f"localparam {name} = {value};" for name, value in (constants or {}).items()),
        *(f"wire {get_range(width)}{name};" for name, width in outputs.items()),
        f"{DESIGN} design({pins});",
        "reg [7:0] age = 0;",
        "always @(posedge clk) if (age != 255) age <= age + 1;",
        *(_WAS_RESET if "reset" in unit.inputs else ()),
        *(
            line
            for name, num_cycles in (delays or {}).items()
            for line in _delay(name, wires[name], num_cycles)
        ),
        body.strip("\n"),
        "endmodule",
    ]
    return "\n".join(lines) + "\n"


def _delay(name: str, num_bits: int, num_cycles: int) -> Iterator[str]:
    """A shift register with every value of the last cycles."""
    kind = f"[{num_cycles}:1]{get_range(num_bits)}"
    before = f"{name}_before"
    yield f"reg {kind} {before};"
    earlier = f"{before}[{num_cycles - 1}:1], " if num_cycles > 1 else ""
    yield f"always @(posedge clk) {before} <= {{{earlier}{name}}};"


def read_body(stem: str) -> str:
    """The SystemVerilog beside this file."""
    return (Path(__file__).parent / f"{stem}.sv").read_text(encoding="utf-8")


def make_table_function(name: str, first_index: int, values: Sequence[int]) -> str:
    """A function of SystemVerilog that gives the entries of a table, 0 where there is none."""
    lines = [f"function automatic [31:0] {name}(input [9:0] index);", "case (index)"]
    lines += [f"{first_index + place}: {name} = {value};" for place, value in enumerate(values)]
    return "\n".join([*lines, f"default: {name} = 0;", "endcase", "endfunction"]) + "\n"


def make_unit_task(
    unit: Unit,
    top: str,
    body: str,
    *,
    name: str,
    claim: str,
    configuration: str,
    depth_cycles: int,
    argument: str,
    delays: Mapping[str, int] | None = None,
    constants: Mapping[str, int] | None = None,
    method: Method = Method.INDUCTION,
    bugs: tuple[UnitBug, ...] = (),
    shown: tuple[str, ...] = (),
    free: tuple[str, ...] = (),
    visible: tuple[str, ...] = (),
    memories: tuple[tuple[str, int], ...] = (),
    is_quick: bool = False,
    solver: str = "z3",
    limit_seconds: float = 200,
) -> FormalTask:
    """A task about a unit alone, with a checker of this body, `delays` and `constants`.

    The cuts and what is read beside the outputs (`free`, `visible`) are registers of the unit, and
    every word of `memories` is read, as `<memory>_<i>`. The obligations expected are those that the
    checker's text has. All else is as in `FormalTask`.
    """
    widths = unit.read_register_bits(*free, *visible)
    cut, seen = ({name: widths[name] for name in names} for names in (free, visible))
    for memory, num_words in memories:
        word_bits = unit.read_word_bits(memory)
        seen |= {f"{memory}_{word}": word_bits for word in range(num_words)}
    checker = make_checker(top, unit, body, delays, constants, cut, seen)
    kinds = count_obligations(checker)
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
        num_assertions=kinds["assert"],
        num_assumptions=kinds["assume"],
        num_covers=kinds["cover"],
        cover_depth_cycles=max(12, depth_cycles + 2),
        free=free,
        visible=tuple(name for name in seen),
        memories=memories,
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
