"""No deadlock in the exported accelerator: something progresses within a stated number of cycles.

Queues, sequencers, records, scheduler and dispatcher are the real ones; what instructions say and
how scores turn out is free. The one assumption is that memory and datapath are fair: an instruction
that a core executes is done, or its transfers are closed, within LIMIT cycles, for any LIMIT of 32
bits. The bound is then LIMIT cycles without an event, 2 where LIMIT is smaller; an idle machine
progresses at once. Queues have 4 places: the depth enters through counters only, and a full queue
must be reached. With attention it is also assumed that a section that holds the next one of its
slot back is in a core, or its record is being taken; that nothing else holds it back is the claim
of `sections.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from fastcar.proofs.formal.control import name_owed, name_visible
from fastcar.proofs.formal.control_task import Bug, ControlProof
from fastcar.proofs.formal.task import FormalTask
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import INSTRUCTION_BITS, list_opcodes

_FREE = {
    "done_now": ("is_done", 1),
    "transfer_open": ("is_transfer_open", 1),
    "failed": ("is_failed_q", 1),
    "error_now": ("error_valid_q", 1),
    "head": ("queue_head_q", INSTRUCTION_BITS),
    "running_instruction": ("sequencer_instruction_q", INSTRUCTION_BITS),
}
"""Wires of a core that are cut in every accelerator, by the name that the checker gives them."""


MANY_CORES = 8


def _get_free(config: AcceleratorConfig) -> dict[str, tuple[str, int]]:
    """Wires of a core that are cut, by the name that the checker gives them."""
    return _FREE | {"running_marks": ("sequencer_marks_q", max(list_opcodes(config)) + 1)}


def _get_read(config: AcceleratorConfig) -> dict[str, tuple[str, int]]:
    """Wires of a core that are read, by the name that the checker gives them."""
    number_bits = config.queue_depth.bit_length()
    return {
        "starting": ("is_starting", 1),
        "running": ("sequencer_is_running_q", 1),
        "head_valid": ("queue_head_valid_q", 1),
        "next_valid": ("queue_next_valid_q", 1),
        "num_queued": ("queue_num_queued_q", number_bits),
        "num_stored": ("queue_num_stored_q", number_bits),
        "has_any": ("queue_has_any_q", 1),
    }


def _name_free(config: AcceleratorConfig) -> dict[str, int]:
    free = {
        f"core{core}_{name}": num_bits
        for core in range(config.num_cores)
        for name, num_bits in _get_free(config).values()
    }
    decided = {"score_unit_head_is_decided_q": 1, "score_unit_head_computes_q": 1}
    return free | decided | name_owed(config)


def _name_arriving(config: AcceleratorConfig) -> list[str]:
    """Registers that say that a decision arrives, of each core and of DECIDE."""
    return [f"score_unit_decision{source}_valid_q" for source in range(config.num_cores + 1)]


def _name_ends(config: AcceleratorConfig) -> list[str]:
    """Registers that say that a record was taken, of each core; none without attention."""
    if config.attention is None:
        return []
    return [f"dispatcher_lock_end{core}_valid_1_q" for core in range(config.num_cores)]


def _name_visible(config: AcceleratorConfig) -> dict[str, int]:
    return (
        name_visible(config)
        | dict.fromkeys(_name_ends(config), 1)
        | dict.fromkeys(_name_arriving(config), 1)
        | {
            f"core{core}_{name}": num_bits
            for core in range(config.num_cores)
            for name, num_bits in _get_read(config).values()
        }
    )


def _declare(config: AcceleratorConfig) -> str:
    """One vector for each wire of the cores."""
    lines = [
        f"localparam DEPTH = {config.queue_depth};",
        f"wire arriving = {' | '.join(_name_arriving(config))};",
    ]
    if ends := _name_ends(config):
        lines.append(f"wire has_ended = {' | '.join(ends)};")
    for name, (wire, num_bits) in (_get_free(config) | _get_read(config)).items():
        of_cores = [f"core{core}_{wire}" for core in reversed(range(config.num_cores))]
        bits = f"[{num_bits - 1}:0]" if num_bits > 1 else ""
        lines.append(f"wire [C-1:0]{bits} {name} = {{{', '.join(of_cores)}}};")
    return "\n".join(lines) + "\n"


def _name_solver(num_cores: int) -> str:
    """Ages of many cores are sums and comparisons of 32 bits: z3 does not end with eight."""
    return "bitwuzla" if num_cores >= MANY_CORES else "z3"


_SECTIONS = """
always @(posedge clk) if (was_reset) begin
    a_section_is_in_a_core: assume (error | ~dispatcher_is_held | ~is_locked
        | is_busy | retire_valid | has_ended);
    invariant_ended: assert (~has_ended | (stalled == 0));
    waits_for_a_section: cover (~is_busy & is_locked & has_ended & dispatcher_is_held);
end
"""
"""With attention: a section that has not ended is queued, runs, or its record is being taken."""

PROOF = ControlProof(
    unit="progress",
    claim="unless nothing is asked for, something progresses (an instruction is accepted, passes, "
    "starts, ends or is dropped, a decision arrives or is committed, a slot retires, an error "
    "stops) within the longest time that an instruction runs, and within 2 cycles where that is "
    "shorter; an idle machine progresses at once",
    argument="how long nothing progressed is bounded by the age of what runs or waits in each core",
    bugs=(
        Bug(
            "a slot that nothing decides waits for ever",
            "fastcar.rtl.dispatcher",
            "is_never_decided = route.is_undecided & inputs.is_machine_idle",
            "is_never_decided = route.is_undecided & inputs.is_stopped",
        ),
        Bug(
            "an instruction starts only behind another one",
            "fastcar.rtl.sequencer",
            "is_offered = inputs.head_valid & ~inputs.is_dropping",
            "is_offered = inputs.head_valid & ~inputs.is_dropping & is_running_q",
        ),
        Bug(
            "BEGIN waits for a machine that works",
            "fastcar.rtl.dispatcher",
            "is_begin = is_legal & form.is_begin & begins",
            "is_begin = is_legal & form.is_begin & ~begins",
        ),
    ),
    shown=(
        "reset",
        "instruction_valid",
        "instruction_ready",
        "dispatcher_is_held",
        "held_opcode",
        "held_predicate",
        "queued",
        "running",
        "starting",
        "finishing",
        "decision_valid",
        "retire_valid",
        "error",
        "done",
        "LIMIT",
        "stalled",
    ),
    cover_depth_cycles=20,
    queue_depth=4,
    name_free=_name_free,
    name_visible=_name_visible,
    declare=_declare,
    name_solver=_name_solver,
    with_attention=_SECTIONS,
    attention_bugs=(
        Bug(
            "a layer that flows waits for a machine that works",
            "fastcar.rtl.dispatcher",
            "return is_idle | flows & is_settled, is_idle | flows_q & is_settled",
            "return flows & is_settled & ~is_idle, is_idle",
        ),
    ),
)


def list_tasks() -> Iterator[FormalTask]:
    """One task for each C and B."""
    return PROOF.list_tasks()
