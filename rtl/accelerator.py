"""The accelerator: cores, score unit, scheduler, dispatcher, records and counters.

Source: docs/accelerator.md. One clock, one synchronous reset that recovers everything; what memory
owes from before it is taken and dropped before the first instruction is accepted (D-40).

A run begins with the first instruction that is accepted after reset or `done`; cycle 0 is the cycle
in which the dispatcher looks at it. The run ends in the cycle in which END is executed, or after an
error in the first cycle in which the machine is idle; `done` is 1 from the next cycle on, and
`counter_cycles` is then the number of cycles of the run. Counters keep their values until the next
run; from its second cycle on they show that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyrtl

from fastcar.rtl.accelerator_outputs import (
    make_counter_outputs,
    make_decision_outputs,
    make_output,
    make_register_outputs,
    make_retire_outputs,
)
from fastcar.rtl.channel import make_channel_inputs
from fastcar.rtl.circuits import connect
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.core import make_core
from fastcar.rtl.core_ports import CoreInputs, CoreOutputs
from fastcar.rtl.counters import COUNTER_BITS
from fastcar.rtl.dispatcher import DispatcherInputs, DispatcherOutputs, make_dispatcher
from fastcar.rtl.error_register import ErrorReport, make_error_register
from fastcar.rtl.instruction import (
    DISTANCE_BIT,
    FLOW_BIT,
    INSTRUCTION_BITS,
    STATIC_BIT,
    join_value,
    split,
)
from fastcar.rtl.registers import drive, latch, make_register
from fastcar.rtl.reset import make_forget
from fastcar.rtl.scheduler import NUM_SLOTS_BITS, SchedulerInputs, SchedulerOutputs, make_scheduler
from fastcar.rtl.score_unit import ScoreUnitInputs, ScoreUnitOutputs, make_score_unit
from fastcar.rtl.section_lock import SectionEnd

CoreFactory = Callable[[AcceleratorConfig, str, CoreInputs], CoreOutputs]


@dataclass(frozen=True)
class _Wires:
    """Wires that are read before the unit that drives them is built.

    Attributes:
        reset: 1 bit.
        forget: 1 bit; memory owes nothing.
        is_draining: 1 bit; memory owes answers from before a reset.
        is_running: 1 bit, a register; a run goes on.
        cycle: 48 bits; cycles since the run began.
        stopped: 1 bit; an error was found.
        instruction: 128 bits; the one that the dispatcher looks at.
        is_begin: 1 bit.
        is_threshold: 1 bit.
        is_decide: 1 bit.
        core_valid: for each core 1 bit.
        retire_ready: for each core 1 bit.
        head_slot: 6 bits.
        next_slot: 6 bits.
        is_commit: 1 bit.
    """

    reset: pyrtl.WireVector
    forget: pyrtl.WireVector
    is_draining: pyrtl.WireVector
    is_running: pyrtl.Register
    cycle: pyrtl.WireVector
    stopped: pyrtl.WireVector
    instruction: pyrtl.WireVector
    is_begin: pyrtl.WireVector
    is_threshold: pyrtl.WireVector
    is_decide: pyrtl.WireVector
    core_valid: tuple[pyrtl.WireVector, ...]
    retire_ready: tuple[pyrtl.WireVector, ...]
    head_slot: pyrtl.WireVector
    next_slot: pyrtl.WireVector
    is_commit: pyrtl.WireVector


def make_accelerator(
    config: AcceleratorConfig, core_factory: CoreFactory = make_core
) -> pyrtl.Block:
    """Build the accelerator in a block of its own.

    Args:
        config: sizes.
        core_factory: builds one core, named `core{k}`.
    """
    block = pyrtl.Block()
    with pyrtl.set_working_block(block):
        wires = _declare_wires(config)
        connect(wires.forget, make_forget(wires.reset))
        cores = [
            _make_core(config, core_factory, f"core{number}", number, wires)
            for number in range(config.num_cores)
        ]
        score_unit = _make_score_unit(config, cores, wires)
        begin_options = split(wires.instruction)["shift"]
        scheduler = make_scheduler(
            config,
            SchedulerInputs(
                reset=wires.reset,
                is_begin=wires.is_begin,
                num_slots=split(wires.instruction)["rows"][:NUM_SLOTS_BITS],
                is_static=begin_options[STATIC_BIT],
                is_decided=score_unit.is_decided,
                computes=score_unit.computes,
                flows=None if config.attention is None else begin_options[FLOW_BIT],
            ),
        )
        connect(wires.is_draining, pyrtl.rtl_any(*(core.is_draining for core in cores)))
        connect(wires.head_slot, scheduler.commit_slot)
        connect(wires.next_slot, scheduler.next_slot)
        connect(wires.is_commit, scheduler.is_commit)
        # A core that measures is not idle; its decision arrives, then it is committed in its turn.
        is_deciding = score_unit.is_arriving | scheduler.is_commit
        is_idle = pyrtl.rtl_all(*(core.is_idle for core in cores)) & ~is_deciding
        dispatcher = _make_dispatcher(config, cores, score_unit, scheduler, is_idle, wires)
        _connect_dispatcher(dispatcher, wires)
        error = _make_errors(cores, dispatcher, wires)
        restart = _make_run_state(dispatcher, is_idle, wires)
        clear = restart | wires.reset
        make_counter_outputs(
            cores, dispatcher, wires.is_running, (restart, wires.reset), wires.cycle
        )
        make_decision_outputs(score_unit, scheduler, clear, wires.cycle)
        make_retire_outputs(cores, clear, wires.retire_ready)
        make_register_outputs(scheduler, error)
    return block


def _declare_wires(config: AcceleratorConfig) -> _Wires:
    cores = range(config.num_cores)
    return _Wires(
        reset=pyrtl.Input(1, "reset"),
        forget=pyrtl.WireVector(1, "is_forgetting"),
        is_draining=pyrtl.WireVector(1, "is_draining"),
        is_running=make_register(1, "is_running"),
        cycle=pyrtl.WireVector(COUNTER_BITS, "cycle"),
        stopped=pyrtl.WireVector(1, "is_stopped"),
        instruction=pyrtl.WireVector(INSTRUCTION_BITS, "dispatcher_instruction"),
        is_begin=pyrtl.WireVector(1, "dispatcher_is_begin"),
        is_threshold=pyrtl.WireVector(1, "dispatcher_is_threshold"),
        is_decide=pyrtl.WireVector(1, "dispatcher_is_decide"),
        core_valid=tuple(pyrtl.WireVector(1, f"core{k}_instruction_valid") for k in cores),
        retire_ready=tuple(pyrtl.WireVector(1, f"core{k}_retire_ready") for k in cores),
        head_slot=pyrtl.WireVector(NUM_SLOTS_BITS, "scheduler_head_slot"),
        next_slot=pyrtl.WireVector(NUM_SLOTS_BITS, "scheduler_next_slot"),
        is_commit=pyrtl.WireVector(1, "scheduler_is_commit"),
    )


def _make_core(
    config: AcceleratorConfig, core_factory: CoreFactory, name: str, number: int, wires: _Wires
) -> CoreOutputs:
    """One core with its memory channel on ports of the accelerator."""
    core = core_factory(
        config,
        name,
        CoreInputs(
            reset=wires.reset,
            forget=wires.forget,
            cycle=wires.cycle,
            instruction_valid=wires.core_valid[number],
            instruction=wires.instruction,
            memory=make_channel_inputs(config, f"{name}_"),
            retire_ready=wires.retire_ready[number],
            abort=wires.stopped,
            is_running=wires.is_running,
        ),
    )
    for port, wire in vars(core.memory).items():
        if wire is not None:
            make_output(f"{name}_{port}", wire)
    return core


def _make_score_unit(
    config: AcceleratorConfig, cores: Sequence[CoreOutputs], wires: _Wires
) -> ScoreUnitOutputs:
    fields = split(wires.instruction)
    return make_score_unit(
        config,
        ScoreUnitInputs(
            reset=wires.reset,
            is_begin=wires.is_begin,
            is_distance=fields["shift"][DISTANCE_BIT],
            is_threshold=wires.is_threshold,
            threshold=join_value(fields),
            measures=[core.measure for core in cores],
            direct_valid=wires.is_decide,
            direct_slot=fields["slot"],
            direct_computes=fields["rows"][0],
            head_slot=wires.head_slot,
            next_slot=wires.next_slot,
            is_commit=wires.is_commit,
        ),
    )


def _make_dispatcher(
    config: AcceleratorConfig,
    cores: Sequence[CoreOutputs],
    score_unit: ScoreUnitOutputs,
    scheduler: SchedulerOutputs,
    is_idle: pyrtl.WireVector,
    wires: _Wires,
) -> DispatcherOutputs:
    dispatcher = make_dispatcher(
        config,
        DispatcherInputs(
            reset=wires.reset,
            instruction_valid=pyrtl.Input(1, "instruction_valid"),
            instruction=pyrtl.Input(INSTRUCTION_BITS, "instruction"),
            core_ready=[core.instruction_ready for core in cores],
            is_draining=wires.is_draining,
            is_machine_idle=is_idle,
            is_stopped=wires.stopped,
            num_slots=scheduler.num_slots,
            index=scheduler.index,
            index_valid=scheduler.index_valid,
            mappings=scheduler.mappings,
            commit=scheduler.get_commit(),
            is_distance=score_unit.is_distance,
            section_ends=_find_section_ends(config, cores, wires),
        ),
    )
    make_output("instruction_ready", dispatcher.instruction_ready)
    return dispatcher


def _find_section_ends(
    config: AcceleratorConfig, cores: Sequence[CoreOutputs], wires: _Wires
) -> list[SectionEnd] | None:
    """Records that are taken, where slots have more than one section."""
    if config.attention is None:
        return None
    return [
        SectionEnd(core.retirement.valid & ready, core.retirement.slot)
        for core, ready in zip(cores, wires.retire_ready, strict=True)
    ]


def _connect_dispatcher(dispatcher: DispatcherOutputs, wires: _Wires) -> None:
    connect(wires.instruction, dispatcher.instruction)
    connect(wires.is_begin, dispatcher.is_begin)
    connect(wires.is_threshold, dispatcher.is_threshold)
    connect(wires.is_decide, dispatcher.is_decide)
    for wire, valid in zip(wires.core_valid, dispatcher.core_valid, strict=True):
        connect(wire, valid)


def _make_errors(
    cores: Sequence[CoreOutputs], dispatcher: DispatcherOutputs, wires: _Wires
) -> ErrorReport:
    last = ErrorReport(dispatcher.is_error, dispatcher.error_code, dispatcher.instruction)
    reports = [*(core.error for core in cores), last]
    return make_error_register(reports, wires.stopped, wires.reset)


def _make_run_state(
    dispatcher: DispatcherOutputs, is_idle: pyrtl.WireVector, wires: _Wires
) -> pyrtl.WireVector:
    """1 bit, first cycle of a run (register): counters and orders restart; drives `done`, too."""
    done_q = make_register(1, "done")
    is_start = dispatcher.is_accepted & ~wires.is_running & ~wires.stopped
    is_finish = dispatcher.is_end | wires.stopped & is_idle
    drive(wires.is_running, (is_finish, 0), (is_start, 1), clear=wires.reset)
    drive(done_q, (is_finish, 1), (is_start, 0), clear=wires.reset)
    make_output("done", done_q)
    return latch(is_start & ~wires.reset, "is_first_cycle")
