"""Dispatcher: looks at one instruction in a cycle and sends it to a core, drops it or waits.

Source: docs/accelerator.md, sections 2 and 3. A register holds the instruction that is looked at:
`instruction_ready` depends on nothing of its port, and one instruction passes in every cycle. Only
what waits for an idle machine takes a cycle more: whether the machine is idle comes late.

Latency: an instruction that is accepted in cycle t is looked at from t + 1 on; a core queues it in
the cycle in which it is dispatched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyrtl

from fastcar.rtl.assertions import require
from fastcar.rtl.circuits import SLOT_BITS, make_static_core, mark_slot, select_value
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import FLOW_BIT, INSTRUCTION_BITS, split
from fastcar.rtl.instruction_check import (
    ERROR_CODE_BITS,
    CheckInputs,
    ErrorCode,
    InstructionVerdict,
    make_instruction_check,
)
from fastcar.rtl.instruction_form import FORM_BITS, Form, make_form, split_form
from fastcar.rtl.registers import drive, make_register
from fastcar.rtl.section_lock import SectionEnd, SectionLockInputs, make_section_lock
from fastcar.rtl.slot_view import (
    Commit,
    SlotArrays,
    SlotView,
    ViewEvents,
    drive_slot_view,
    make_slot_view,
)


@dataclass(frozen=True)
class DispatcherInputs:
    """What the dispatcher reads; all wires but `instruction` are valid in every cycle.

    Attributes:
        reset: 1 bit.
        instruction_valid: 1 bit.
        instruction: 128 bits, counts where `instruction_valid` is 1.
        core_ready: 1 bit for each core; its queue takes an instruction.
        is_draining: 1 bit; memory owes answers from before a reset: nothing is accepted. Nothing is
            held then, for it begins with a reset.
        is_machine_idle: 1 bit; no core, commit or record is under way.
        is_stopped: 1 bit, a register; after an error nothing is looked at, all input is discarded.
        num_slots: 6 bits; slots of the run.
        index: B bits; 1 = compute.
        index_valid: B bits; decided slots.
        mappings: for each slot 5 bits.
        commit: what the scheduler commits in this cycle.
        is_distance: 1 bit; distances decide in this run.
        section_ends: of every core; None without attention.
    """

    reset: pyrtl.WireVector
    instruction_valid: pyrtl.WireVector
    instruction: pyrtl.WireVector
    core_ready: Sequence[pyrtl.WireVector]
    is_draining: pyrtl.WireVector
    is_machine_idle: pyrtl.WireVector
    is_stopped: pyrtl.WireVector
    num_slots: pyrtl.WireVector
    index: pyrtl.WireVector
    index_valid: pyrtl.WireVector
    mappings: Sequence[pyrtl.WireVector]
    commit: Commit
    is_distance: pyrtl.WireVector
    section_ends: Sequence[SectionEnd] | None = None


@dataclass(frozen=True)
class DispatcherOutputs:
    """What the dispatcher does in this cycle.

    Attributes:
        instruction_ready: 1 bit; depends neither on `instruction_valid` nor on `instruction`.
        is_accepted: 1 bit; an instruction is taken from the port.
        instruction: 128 bits; the one that is looked at.
        fields: its fields by name.
        is_begin: 1 bit; BEGIN is executed.
        is_threshold: 1 bit; THRESHOLD is executed.
        is_decide: 1 bit; DECIDE is executed.
        is_end: 1 bit; END is executed.
        core_valid: 1 bit for each core; the instruction is offered to it.
        is_dropped: 1 bit; the predicate excludes the instruction.
        is_wait_decision: 1 bit; the slot is undecided, or a section of it has not ended.
        is_wait_queue: 1 bit; the queue of the core is full.
        is_error: 1 bit; something is wrong.
        error_code: 4 bits, an `ErrorCode`; counts where `is_error` is 1.
    """

    instruction_ready: pyrtl.WireVector
    is_accepted: pyrtl.WireVector
    instruction: pyrtl.WireVector
    fields: Mapping[str, pyrtl.WireVector]
    is_begin: pyrtl.WireVector
    is_threshold: pyrtl.WireVector
    is_decide: pyrtl.WireVector
    is_end: pyrtl.WireVector
    core_valid: tuple[pyrtl.WireVector, ...]
    is_dropped: pyrtl.WireVector
    is_wait_decision: pyrtl.WireVector
    is_wait_queue: pyrtl.WireVector
    is_error: pyrtl.WireVector
    error_code: pyrtl.WireVector


@dataclass(frozen=True)
class _Route:
    """Where the instruction goes if it is a legal one for a core; each wire 1 bit.

    Attributes:
        is_undecided: its slot has to be decided first.
        is_locked: a section of its slot has to end first.
        is_excluded: its predicate drops it.
        core_valid: for each core, whether it is offered to it.
        is_wanted: it is offered to a core.
        is_dispatched: that core takes it.
    """

    is_undecided: pyrtl.WireVector
    is_locked: pyrtl.WireVector
    is_excluded: pyrtl.WireVector
    core_valid: tuple[pyrtl.WireVector, ...]
    is_wanted: pyrtl.WireVector
    is_dispatched: pyrtl.WireVector


def make_dispatcher(config: AcceleratorConfig, inputs: DispatcherInputs) -> DispatcherOutputs:
    """Build the dispatcher in the working block."""
    # State.
    is_held_q = make_register(1, "dispatcher_is_held")
    is_drained_q = make_register(1, "dispatcher_is_drained")
    instruction_q = make_register(INSTRUCTION_BITS, "dispatcher_instruction")
    form_q = make_register(FORM_BITS, "dispatcher_form")
    verdict_q = InstructionVerdict(
        make_register(1, "dispatcher_is_fitting"), make_register(1, "dispatcher_is_admitted")
    )
    claimed_q = make_register(config.num_slots, "dispatcher_claimed")
    view_q = make_slot_view(has_sections=inputs.section_ends is not None)

    # Datapath.
    fields, form = split(instruction_q), split_form(form_q)
    check_inputs = CheckInputs(form_q, view_q.is_open, inputs.is_distance, view_q.is_claimed)
    verdict, check_code = make_instruction_check(check_inputs)
    # What waited for an idle machine is gone in the cycle after it was executed: the register that
    # says so stands between the state of all cores and what accepts the next instruction.
    is_held = pyrtl.WireVector(1, "dispatcher_is_held")
    is_held <<= is_held_q & ~is_drained_q
    is_looking = is_held & ~inputs.is_stopped
    is_right = verdict_q.is_fitting & verdict_q.is_admitted
    is_same = ~is_looking | (is_right == (verdict.is_fitting & verdict.is_admitted))
    require(inputs.reset | is_same, "an instruction that waits stays right or wrong")
    is_draining_kept = inputs.is_draining & (is_held_q | inputs.is_stopped)
    require(inputs.reset | ~is_draining_kept, "nothing is held while memory owes answers")
    is_legal = is_looking & is_right
    route = _make_route(config, inputs, view_q, form, fields["slot"], is_legal)

    # Control.
    is_settled_q = make_register(1, "dispatcher_is_settled") if inputs.section_ends else None
    begins, follows = _make_waits(inputs, fields, is_settled_q, form)
    is_begin = is_legal & form.is_begin & begins
    is_threshold = is_legal & form.is_threshold & follows
    is_end = is_legal & form.is_end & inputs.is_machine_idle
    is_decide = is_legal & form.is_decide
    is_passed = is_decide | route.is_excluded | route.is_dispatched
    # Nothing is accepted in the cycle of one of these: BEGIN is over before a slot is looked up,
    # and `done` of END is seen for one cycle at least.
    is_drained = is_begin | is_threshold | is_end
    is_free = inputs.is_stopped | ~is_held | is_passed
    instruction_ready = is_free & ~inputs.is_draining
    is_accepted = inputs.instruction_valid & instruction_ready
    is_held_d = is_accepted | ~is_free
    # What decides claims its slot from the first look on: it is replaced only when it passes.
    is_claim = is_legal & form.is_deciding
    claimed_d = claimed_q | mark_slot(config, is_claim, fields["slot"])
    drive(is_held_q, (pyrtl.Const(1, 1), is_held_d), clear=inputs.reset | inputs.is_stopped)
    drive(is_drained_q, (pyrtl.Const(1, 1), is_drained), clear=inputs.reset)
    drive(instruction_q, (is_accepted, inputs.instruction), clear=inputs.reset)
    accepted_form = make_form(config, split(inputs.instruction))
    drive(form_q, (is_accepted, accepted_form))
    drive(claimed_q, (is_claim, claimed_d), clear=inputs.reset | is_begin)
    if is_settled_q is not None:
        open_d = claimed_d & ~inputs.index_valid & ~_mark_commit(config, inputs.commit)
        is_settled_d = inputs.reset | is_begin | (open_d == 0)
        drive(is_settled_q, (pyrtl.Const(1, 1), is_settled_d))
    slots = SlotArrays(
        inputs.num_slots,
        claimed_q,
        inputs.index_valid,
        inputs.index,
        inputs.mappings,
        inputs.commit,
    )
    # For the instruction at the port, before the array shows it; an illegal one ends the run.
    is_claiming = is_held & form.is_deciding
    accepted_slot = split(inputs.instruction)["slot"]
    events = ViewEvents(~is_held | is_passed, is_claiming, accepted_slot, fields["slot"])
    accepted_view = drive_slot_view(view_q, slots, events)
    if view_q.is_closed is not None:
        is_closing = route.is_dispatched & fields["is_last"]
        _drive_lock(config, inputs, view_q.is_closed, events, is_closing)
    verdict_d = _check_accepted(accepted_form, inputs.is_distance, *accepted_view)
    drive(verdict_q.is_fitting, (is_accepted, verdict_d.is_fitting))
    drive(verdict_q.is_admitted, (is_accepted, verdict_d.is_admitted))

    # What nothing under way can decide would wait for ever.
    is_never_decided = route.is_undecided & inputs.is_machine_idle
    never_decided = pyrtl.Const(ErrorCode.NEVER_DECIDED, ERROR_CODE_BITS)
    return DispatcherOutputs(
        instruction_ready=instruction_ready,
        is_accepted=is_accepted,
        instruction=instruction_q,
        fields=fields,
        is_begin=is_begin,
        is_threshold=is_threshold,
        is_decide=is_decide,
        is_end=is_end,
        core_valid=route.core_valid,
        is_dropped=route.is_excluded,
        is_wait_decision=route.is_undecided | route.is_locked,
        is_wait_queue=route.is_wanted & ~route.is_dispatched,
        is_error=is_looking & ~is_right | is_never_decided,
        error_code=pyrtl.select(is_right, never_decided, check_code),
    )


def _check_accepted(
    form: pyrtl.WireVector,
    is_distance: pyrtl.WireVector,
    is_open: pyrtl.WireVector,
    is_claimed: pyrtl.WireVector,
) -> InstructionVerdict:
    """Whether the instruction at the port is legal. What is wrong with it is said a cycle later."""
    verdict, _ = make_instruction_check(CheckInputs(form, is_open, is_distance, is_claimed))
    return verdict


def _make_waits(
    inputs: DispatcherInputs,
    fields: Mapping[str, pyrtl.WireVector],
    is_settled: pyrtl.Register | None,
    form: Form,
) -> tuple[pyrtl.WireVector, pyrtl.WireVector]:
    """1 bit each: what BEGIN waits for is there; what THRESHOLD waits for is there.

    Both wait for an idle machine, but where a BEGIN flows: every decision that is claimed has to be
    committed (`is_settled`, 1 bit), and sections keep slots in order (D-48).
    """
    is_idle = inputs.is_machine_idle
    if is_settled is None:
        return is_idle, is_idle
    flows_q = make_register(1, "dispatcher_flows")
    flows = fields["shift"][FLOW_BIT]
    drive(flows_q, (form.is_begin, flows), clear=inputs.reset)
    return is_idle | flows & is_settled, is_idle | flows_q & is_settled


def _mark_commit(config: AcceleratorConfig, commit: Commit) -> pyrtl.WireVector:
    """B bits: the slot that is committed in this cycle."""
    return mark_slot(config, commit.valid, commit.slot[:SLOT_BITS])


def _drive_lock(
    config: AcceleratorConfig,
    inputs: DispatcherInputs,
    is_closed: pyrtl.Register,
    events: ViewEvents,
    is_closing: pyrtl.WireVector,
) -> None:
    """Whether the slot of the instruction that is looked at is closed."""
    assert inputs.section_ends is not None
    accepted, held = make_section_lock(
        config,
        "dispatcher_lock",
        SectionLockInputs(
            inputs.reset, inputs.section_ends, is_closing, events.slot, events.accepted_slot
        ),
    )
    drive(is_closed, (events.is_free, accepted), (pyrtl.Const(1, 1), held))


def _make_route(
    config: AcceleratorConfig,
    inputs: DispatcherInputs,
    view: SlotView,
    form: Form,
    slot: pyrtl.WireVector,
    is_legal: pyrtl.WireVector,
) -> _Route:
    """Apply the predicate; if-compute goes to core Mapping[b], all others to core b mod C."""
    is_for_core = is_legal & form.is_for_core
    is_decided = form.is_always | view.is_decided
    is_met = form.is_always | (view.computes == form.is_if_compute)
    is_ready = is_for_core & is_decided & is_met
    is_locked = pyrtl.Const(0, 1) if view.is_closed is None else is_ready & view.is_closed
    is_wanted = is_ready if view.is_closed is None else is_ready & ~view.is_closed

    core = pyrtl.select(form.is_if_compute, view.mapped_core, make_static_core(config, slot))
    # No core has a number of more bits than this.
    core = core[: (config.num_cores - 1).bit_length()] if config.num_cores > 1 else pyrtl.Const(0)
    return _Route(
        is_undecided=is_for_core & ~is_decided,
        is_locked=is_locked,
        is_excluded=is_for_core & is_decided & ~is_met,
        core_valid=tuple(is_wanted & (core == number) for number in range(config.num_cores)),
        is_wanted=is_wanted,
        is_dispatched=is_wanted & select_value(inputs.core_ready, core),
    )
