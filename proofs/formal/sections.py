"""Sections of slots in the exported accelerator with attention: one after the other, none waits on.

Dispatcher, lock and record port are the real ones; cores, their queues and their records are free.
The one assumption is that a core ends nothing but sections that were sent: the record of a slot is
taken only while a section of it is in flight. Sections of a slot are sent in the order in which
they were accepted, because the dispatcher looks at one instruction at a time (`dispatcher.py`);
here, that the next one is not sent, to whatever core, before the record of the one before is taken,
and that it is sent OPEN_CYCLES later if nothing else holds it back.
"""

from __future__ import annotations

from collections.abc import Iterator

from fastcar.proofs.formal.control import name_free_cores, name_visible
from fastcar.proofs.formal.control_task import Bug, ControlProof
from fastcar.proofs.formal.task import FormalTask
from fastcar.rtl.circuits import SLOT_BITS
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.section_lock import OPEN_CYCLES

_MODULE = "fastcar.rtl.section_lock"


def _name_records(config: AcceleratorConfig) -> dict[str, int]:
    return {f"core{core}_retirement_slot_q": SLOT_BITS for core in range(config.num_cores)}


def _name_free(config: AcceleratorConfig) -> dict[str, int]:
    return name_free_cores(config) | _name_records(config)


def _name_visible(config: AcceleratorConfig) -> dict[str, int]:
    ends = {
        f"dispatcher_lock_end{core}_{name}_q": num_bits
        for core in range(config.num_cores)
        for name, num_bits in (("valid_1", 1), ("slot", SLOT_BITS))
    }
    lock = {"dispatcher_lock_closed_q": config.num_slots, "dispatcher_is_closed_q": 1}
    return name_visible(config) | ends | lock


def _declare(config: AcceleratorConfig) -> str:
    """One vector for the records of all cores, and what the lock has of them."""
    cores = list(reversed(range(config.num_cores)))
    lines = [f"localparam OPEN_CYCLES = {OPEN_CYCLES};"]
    for name, wire, kind in (
        ("records", "core{}_retirement_valid_q", ""),
        ("record_slots", "core{}_retirement_slot_q", f"[{SLOT_BITS - 1}:0]"),
        ("ends", "dispatcher_lock_end{}_valid_1_q", ""),
        ("end_slots", "dispatcher_lock_end{}_slot_q", f"[{SLOT_BITS - 1}:0]"),
    ):
        joined = ", ".join(wire.format(core) for core in cores)
        lines.append(f"wire [C-1:0]{kind} {name} = {{{joined}}};")
    found = " | ".join(f"ends[{core}] & (end_slots[{core}] == slot)" for core in cores)
    lines.append(f"wire is_ending = {found};")
    lines.append("wire [31:0] closed = dispatcher_lock_closed_q;")
    return "\n".join(lines) + "\n"


PROOF = ControlProof(
    unit="sections",
    claim="at most one section of a slot is in flight, nothing of the slot is sent beside it, and "
    f"the next one is sent {OPEN_CYCLES} cycles after its record is taken if its predicate and its "
    "queue let it",
    argument="one symbolic slot; the lock's marks are the checker's own count",
    bugs=(),
    attention_bugs=(
        Bug(
            "a record opens every slot",
            _MODULE,
            "kept = closed_q & ~opened",
            "kept = pyrtl.select(opened == 0, closed_q, pyrtl.Const(0, len(closed_q)))",
        ),
        Bug(
            "a slot stays closed",
            _MODULE,
            "kept = closed_q & ~opened",
            "kept = closed_q",
        ),
        Bug(
            "what comes right behind a section passes",
            _MODULE,
            "is_accepted_closed = read_slot(kept, inputs.accepted_slot) | is_own",
            "is_accepted_closed = read_slot(kept, inputs.accepted_slot)",
        ),
        Bug(
            "a closed slot does not wait",
            "fastcar.rtl.dispatcher",
            "is_ready & ~view.is_closed",
            "is_ready",
        ),
    ),
    shown=(
        "reset",
        "instruction_valid",
        "instruction_ready",
        "dispatcher_is_held",
        "held_opcode",
        "held_slot",
        "held_is_last",
        "slot",
        "offered",
        "full",
        "records",
        "num_in_flight",
    ),
    name_free=_name_free,
    name_visible=_name_visible,
    declare=_declare,
    quick_attention_sizes=(1, 4),
    name_solver=lambda num_cores: "bitwuzla",
)


def list_tasks() -> Iterator[FormalTask]:
    """One task for each C and B; queues and decisions are free."""
    return PROOF.list_attention_tasks()
