"""After reset, what is observable does not depend on the state before it: two copies of the design.

Both copies of the exported accelerator begin in any two states, are reset for one cycle, and then
see the same inputs. Compared are all outputs of control and protocol; a payload is compared where
its valid is 1. Values of the datapath are not: no reset clears scratchpads, sums or what is made of
them, so a program that stores what it never wrote would see them. The decisions that SCORE and
DISTANCE make of such values are cut and are the same in both copies. What reset does not clear is
what memory owes (D-40): assumed is that it is the same for both copies behind the reset, whatever
it is; whether it is the first reset is free. Nothing is assumed of memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastcar.cosim.verilog.verilog import MODULE_NAME, export_verilog
from fastcar.proofs.formal.control import export_anew, export_once
from fastcar.proofs.formal.design import make_planted
from fastcar.proofs.formal.task import FormalTask, Method, PlantedBug
from fastcar.rtl.config import AcceleratorConfig

CONFIG = AcceleratorConfig(1, 4, 2, 4, 4, 4, 2)
"""One core, four lanes, two slots, one word in each buffer, two queued instructions."""
TOP = "reset_checker"
DRAINING = "is_draining"
DEPTH_CYCLES = 6
COVER_CYCLES = 11
"""A request to memory is first seen beyond the bound of the proof."""

VALUES = ("decision_score", "core0_write_data", "retire_digest")
"""Outputs of the datapath."""
PAYLOADS = {
    "decision_": "decision_valid",
    "retire_": "retire_valid",
    "core0_read_request_": "core0_read_request_valid",
    "core0_write_": "core0_write_valid",
}
"""Prefix of a payload, and the output that says whether it counts."""
FREE = {"score_unit_head_computes_q": 1, "was_reset_q": 1}
OWED = {
    "core0_read_num_beats_open_q": 16,
    "core0_read_is_answering_q": 1,
    "core0_read_is_stale_q": 1,
    "core0_write_num_open_q": 16,
    "core0_write_has_open_q": 1,
    "core0_write_has_one_open_q": 1,
    "core0_write_is_stale_q": 1,
    "reset_num_cycles_q": 4,
}
"""Registers that a reset of one cycle does not clear, and their widths."""
BUGS = (
    (
        "reset forgets the error register",
        "fastcar.rtl.error_register",
        "for report in reports)), 1), clear=reset)",
        "for report in reports)), 1))",
    ),
    (
        "reset leaves a read request standing",
        "fastcar.rtl.read_channel",
        "        (is_requested, 0),\n        clear=inputs.reset,",
        "        (is_requested, 0),",
    ),
)


def list_tasks() -> Iterator[FormalTask]:
    """Two copies of the smallest accelerator."""
    checker, num_assertions = make_checker()
    yield FormalTask(
        name="reset",
        claim="control, protocol, counters and records after one cycle of reset do not depend on "
        "the state before it, but on what memory owes; nothing is accepted or asked for until it "
        "owes nothing",
        configuration="C = 1, L = 4, B = 2, two copies",
        make_design=partial(export_once, CONFIG),
        design_top=MODULE_NAME,
        checker=checker,
        top=TOP,
        method=Method.BMC,
        depth_cycles=DEPTH_CYCLES,
        num_assertions=num_assertions,
        num_assumptions=1,
        num_covers=5,
        cover_depth_cycles=COVER_CYCLES,
        free=tuple(FREE),
        visible=(*OWED, DRAINING),
        bugs=tuple(
            PlantedBug(name, make_planted(partial(export_anew, CONFIG), module, old, new), 4)
            for name, module, old, new in BUGS
        ),
        shown=("reset", "instruction_valid", "instruction", "one_error", "other_error"),
        argument="bounded: within it instructions are accepted, checked and dispatched, and errors "
        "shown; longer runs, memory requests of them and values of the datapath are open",
        solver="bitwuzla",
    )


def make_checker() -> tuple[str, int]:
    """The checker, and its number of assertions."""
    ports = export_verilog(CONFIG).ports
    inputs = {port.name: port.num_bits for port in ports if port.is_input} | FREE
    outputs = {port.name: port.num_bits for port in ports if not port.is_input}
    seen = outputs | OWED | {DRAINING: 1}
    driven = ", ".join(f"input wire [{width - 1}:0] {name}" for name, width in inputs.items())
    lines = [f"module {TOP}(input wire clk, {driven});"]
    for copy, instance in (("one", "design"), ("other", "copy")):
        lines += [f"wire [{width - 1}:0] {copy}_{name};" for name, width in seen.items()]
        pins = [f".{name}({name})" for name in ("clk", *inputs)]
        pins += [f".{name}({copy}_{name})" for name in seen]
        lines.append(f"{MODULE_NAME} {instance}({', '.join(pins)});")
    lines += [
        "reg was_reset = 0;",
        "always @(posedge clk) was_reset <= was_reset | reset;",
        "reg was_reset_before = 0;",
        "always @(posedge clk) was_reset_before <= was_reset;",
        "always @(posedge clk) begin",
        "if (was_reset && !was_reset_before) memory_owes_the_same: assume "
        f"({' && '.join(f'one_{name} == other_{name}' for name in OWED)});",
        f"if (was_reset) nothing_while_memory_owes: assert (!one_{DRAINING} || "
        "!one_instruction_ready && !one_core0_read_request_valid && !one_core0_write_valid);",
    ]
    compared = [name for name in outputs if name not in VALUES]
    lines += [f"if (was_reset) same_{name}: assert ({_compare(name)});" for name in compared]
    lines += [
        "a_request: cover (was_reset && one_core0_read_request_valid);",
        f"an_old_answer: cover (was_reset && one_{DRAINING} && core0_read_response_valid);",
        f"drained: cover (was_reset && instruction_valid && one_{DRAINING});",
        "an_error: cover (was_reset && one_error);",
        "a_run_ends: cover (was_reset && one_done);",
        "end",
        "endmodule",
    ]
    return "\n".join(lines) + "\n", len(compared) + 1


def _compare(name: str) -> str:
    """Both copies show the same; a payload counts where it is valid."""
    is_same = f"one_{name} == other_{name}"
    for prefix, valid in PAYLOADS.items():
        is_own = name.startswith(prefix) and name != valid
        if is_own and not name.endswith(("_order", "_ready")):
            return f"!one_{valid} || {is_same}"
    return is_same
