"""Dynamic Resource Scheduling (DRS): commits decisions slot by slot and maps them to cores.

Source: arXiv:2505.14709v1, Index and Mapping Registers; online, ours: no scan follows the last
decision. One decision is committed in a cycle; the commit sets Index and Mapping and moves the
round-robin pointer, which starts at core 0 (D-22).

Latency: a decision that arrives at the score unit in cycle t, with all lower slots committed before
t + 2, is committed in t + 2; Index, Mapping and the valid bit show it from t + 3 on.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.rtl.circuits import CORE_BITS, SLOT_BITS, make_static_core, mark_slot, mask
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.registers import drive, increment, make_register
from fastcar.rtl.slot_view import Commit

NUM_SLOTS_BITS = SLOT_BITS + 1
"""Width of a number of slots, 0 to 32."""


@dataclass(frozen=True)
class SchedulerInputs:
    """What the scheduler reads; all wires are valid in every cycle.

    Attributes:
        reset: 1 bit.
        is_begin: 1 bit; forget all decisions, take over `num_slots` and `is_static`.
        num_slots: 6 bits, 1 to B.
        is_static: 1 bit; Mapping[b] = b mod C.
        is_decided: 1 bit; the slot `head_slot` is decided and may be committed.
        computes: 1 bit; its decision.
        flows: 1 bit; with `is_begin`, the pointer stays where it is (D-48); None: it never does.
    """

    reset: pyrtl.WireVector
    is_begin: pyrtl.WireVector
    num_slots: pyrtl.WireVector
    is_static: pyrtl.WireVector
    is_decided: pyrtl.WireVector
    computes: pyrtl.WireVector
    flows: pyrtl.WireVector | None = None


@dataclass(frozen=True)
class SchedulerOutputs:
    """Registers of the scheduler, and the commit of this cycle.

    Attributes:
        num_slots: 6 bits; slots of the run, 0 before the first BEGIN.
        index: B bits; 1 = compute, counts where `index_valid` is 1.
        index_valid: B bits; committed slots.
        mappings: for each slot 5 bits, the core; counts where the slot computes.
        is_commit: 1 bit; the other wires describe the commit of this cycle.
        commit_slot: 6 bits, a register: the slot that is committed next.
        next_slot: 6 bits, a register: the one after it.
        commit_computes: 1 bit.
        commit_core: 5 bits; the core of the slot: Mapping if it computes, else b mod C.
    """

    num_slots: pyrtl.WireVector
    index: pyrtl.WireVector
    index_valid: pyrtl.WireVector
    mappings: tuple[pyrtl.WireVector, ...]
    is_commit: pyrtl.WireVector
    commit_slot: pyrtl.WireVector
    next_slot: pyrtl.WireVector
    commit_computes: pyrtl.WireVector
    commit_core: pyrtl.WireVector

    def get_commit(self) -> Commit:
        """The commit of this cycle."""
        return Commit(self.is_commit, self.commit_slot, self.commit_computes, self.commit_core)


def make_scheduler(config: AcceleratorConfig, inputs: SchedulerInputs) -> SchedulerOutputs:
    """Build the scheduler in the working block."""
    # State.
    num_slots_q = make_register(NUM_SLOTS_BITS, "scheduler_num_slots")
    is_static_q = make_register(1, "scheduler_is_static")
    commit_slot_q = make_register(NUM_SLOTS_BITS, "scheduler_commit_slot")
    next_slot_q = make_register(NUM_SLOTS_BITS, "scheduler_next_slot")
    is_open_q = make_register(1, "scheduler_is_open")
    pointer_q = make_register(CORE_BITS, "scheduler_pointer")

    # Datapath.
    static_core = make_static_core(config, commit_slot_q[:SLOT_BITS])
    mapped_core = pyrtl.select(is_static_q, static_core, pointer_q)
    is_commit = inputs.is_decided & is_open_q
    is_mapped = is_commit & inputs.computes
    forget = inputs.reset | inputs.is_begin

    # Control.
    drive(num_slots_q, (inputs.is_begin, inputs.num_slots), clear=inputs.reset)
    drive(is_static_q, (inputs.is_begin, inputs.is_static), clear=inputs.reset)
    drive(commit_slot_q, (is_commit, next_slot_q), clear=forget)
    drive(next_slot_q, (forget, 1), (is_commit, increment(next_slot_q)))
    # A flag of the slot, so that a commit does not wait for a comparison.
    is_more_open = next_slot_q != num_slots_q
    drive(
        is_open_q,
        (inputs.is_begin, inputs.num_slots != 0),
        (is_commit, is_more_open),
        clear=inputs.reset,
    )
    is_last_core = pointer_q == config.num_cores - 1
    is_restart = forget
    if inputs.flows is not None:
        is_restart = inputs.reset | inputs.is_begin & ~inputs.flows
    drive(pointer_q, (is_mapped, mask(increment(pointer_q), ~is_last_core)), clear=is_restart)
    return SchedulerOutputs(
        num_slots=num_slots_q,
        index=_make_marks(config, "index", is_mapped, commit_slot_q, forget),
        index_valid=_make_marks(config, "index_valid", is_commit, commit_slot_q, forget),
        mappings=_make_mappings(config, mapped_core, is_mapped, commit_slot_q, inputs.reset),
        is_commit=is_commit,
        commit_slot=commit_slot_q,
        next_slot=next_slot_q,
        commit_computes=inputs.computes,
        commit_core=pyrtl.select(inputs.computes, mapped_core, static_core),
    )


def _make_marks(
    config: AcceleratorConfig,
    name: str,
    enable: pyrtl.WireVector,
    slot: pyrtl.WireVector,
    forget: pyrtl.WireVector,
) -> pyrtl.Register:
    """One bit for each slot, set where `enable` and cleared by `forget`."""
    marks_q = make_register(config.num_slots, f"scheduler_{name}")
    drive(marks_q, (enable, marks_q | mark_slot(config, enable, slot[:SLOT_BITS])), clear=forget)
    return marks_q


def _make_mappings(
    config: AcceleratorConfig,
    core: pyrtl.WireVector,
    enable: pyrtl.WireVector,
    slot: pyrtl.WireVector,
    reset: pyrtl.WireVector,
) -> tuple[pyrtl.Register, ...]:
    """The Mapping Registers; a slot that replays leaves its own as it was."""
    marks = mark_slot(config, enable, slot[:SLOT_BITS])
    mappings_q = []
    for index in range(config.num_slots):
        mapping_q = make_register(CORE_BITS, f"scheduler_mapping{index}")
        drive(mapping_q, (marks[index], core), clear=reset)
        mappings_q.append(mapping_q)
    return tuple(mappings_q)
