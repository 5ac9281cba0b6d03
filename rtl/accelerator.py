"""The accelerator: cores, score unit, scheduler, dispatcher, records and counters.

Source: docs/accelerator.md. One clock, one synchronous reset that recovers everything.

A run begins with the first instruction that is accepted after reset or `done`; cycle 0 is the cycle
in which the dispatcher looks at it. The run ends in the cycle in which END is executed, or after an
error in the first cycle in which the machine is idle; `done` is 1 from the next cycle on, and
`counter_cycles` is then the number of cycles of the run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyrtl

from rtl.circuits import SLOT_BITS, connect
from rtl.config import MAX_SLOTS, AcceleratorConfig
from rtl.core import CoreInputs, CoreOutputs, make_core
from rtl.counters import COUNTER_BITS, make_counters
from rtl.dispatcher import DispatcherInputs, DispatcherOutputs, make_dispatcher
from rtl.error_register import ErrorReport, make_error_register
from rtl.instruction import INSTRUCTION_BITS, split
from rtl.record_port import Retirement, make_order, make_retire_port
from rtl.registers import drive, make_register
from rtl.scheduler import NUM_SLOTS_BITS, SchedulerInputs, SchedulerOutputs, make_scheduler
from rtl.score_unit import Measure, ScoreUnitInputs, ScoreUnitOutputs, make_score_unit

CoreFactory = Callable[[AcceleratorConfig, str, CoreInputs], CoreOutputs]

STATIC_BIT, DISTANCE_BIT = 0, 1
"""Bits of `shift` in BEGIN."""


@dataclass(frozen=True)
class _Wires:
    """Wires that are read before the unit that drives them is built.

    Attributes:
        reset: 1 bit.
        cycle: 48 bits; cycles since the run began.
        stopped: 1 bit; an error was found.
        instruction: 128 bits; the one that the dispatcher looks at.
        is_begin: 1 bit.
        is_threshold: 1 bit.
        is_decide: 1 bit.
        core_valid: for each core 1 bit.
        retire_ready: for each core 1 bit.
        head_slot: 6 bits.
    """

    reset: pyrtl.WireVector
    cycle: pyrtl.WireVector
    stopped: pyrtl.WireVector
    instruction: pyrtl.WireVector
    is_begin: pyrtl.WireVector
    is_threshold: pyrtl.WireVector
    is_decide: pyrtl.WireVector
    core_valid: tuple[pyrtl.WireVector, ...]
    retire_ready: tuple[pyrtl.WireVector, ...]
    head_slot: pyrtl.WireVector


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
        cores = [
            _make_core(config, core_factory, f"core{number}", number, wires)
            for number in range(config.num_cores)
        ]
        score_unit = _make_score_unit(config, cores, wires)
        scheduler = make_scheduler(
            config,
            SchedulerInputs(
                reset=wires.reset,
                is_begin=wires.is_begin,
                num_slots=split(wires.instruction)["rows"][:NUM_SLOTS_BITS],
                is_static=split(wires.instruction)["shift"][STATIC_BIT],
                is_decided=score_unit.is_decided,
                computes=score_unit.computes,
            ),
        )
        connect(wires.head_slot, scheduler.commit_slot)
        is_idle = _make_is_idle(cores, score_unit, scheduler)
        dispatcher = _make_dispatcher(config, cores, score_unit, scheduler, is_idle, wires)
        _connect_dispatcher(dispatcher, wires)
        error = _make_errors(cores, dispatcher, wires)
        clear, is_running = _make_run_state(dispatcher, is_idle, wires)
        _make_counter_outputs(cores, dispatcher, is_running, clear, wires)
        _make_decision_outputs(score_unit, scheduler, clear, wires)
        _make_retire_outputs(cores, clear, wires)
        _make_register_outputs(scheduler, error)
    return block


def _declare_wires(config: AcceleratorConfig) -> _Wires:
    cores = range(config.num_cores)
    return _Wires(
        reset=pyrtl.Input(1, "reset"),
        cycle=pyrtl.WireVector(COUNTER_BITS, "cycle"),
        stopped=pyrtl.WireVector(1, "is_stopped"),
        instruction=pyrtl.WireVector(INSTRUCTION_BITS, "dispatcher_instruction"),
        is_begin=pyrtl.WireVector(1, "dispatcher_is_begin"),
        is_threshold=pyrtl.WireVector(1, "dispatcher_is_threshold"),
        is_decide=pyrtl.WireVector(1, "dispatcher_is_decide"),
        core_valid=tuple(pyrtl.WireVector(1, f"core{k}_instruction_valid") for k in cores),
        retire_ready=tuple(pyrtl.WireVector(1, f"core{k}_retire_ready") for k in cores),
        head_slot=pyrtl.WireVector(NUM_SLOTS_BITS, "scheduler_head_slot"),
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
            cycle=wires.cycle,
            instruction_valid=wires.core_valid[number],
            instruction=wires.instruction,
            read_request_ready=pyrtl.Input(1, f"{name}_read_request_ready"),
            read_response_valid=pyrtl.Input(1, f"{name}_read_response_valid"),
            read_response_data=pyrtl.Input(config.beat_bits, f"{name}_read_response_data"),
            read_response_error=pyrtl.Input(1, f"{name}_read_response_error"),
            write_ready=pyrtl.Input(1, f"{name}_write_ready"),
            write_acknowledge_valid=pyrtl.Input(1, f"{name}_write_acknowledge_valid"),
            write_acknowledge_error=pyrtl.Input(1, f"{name}_write_acknowledge_error"),
            retire_ready=wires.retire_ready[number],
            abort=wires.stopped,
        ),
    )
    for port in (
        "read_request_valid",
        "read_request_address",
        "read_request_num_beats",
        "read_response_ready",
        "write_valid",
        "write_address",
        "write_data",
    ):
        _output(f"{name}_{port}", getattr(core, port))
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
            threshold=pyrtl.concat(fields["multiplier"], fields["address"]),
            measures=[
                Measure(core.decision_valid, core.decision_slot, core.decision_score)
                for core in cores
            ],
            direct_valid=wires.is_decide,
            direct_slot=fields["slot"],
            direct_computes=fields["rows"][0],
            head_slot=wires.head_slot,
        ),
    )


def _make_is_idle(
    cores: Sequence[CoreOutputs], score_unit: ScoreUnitOutputs, scheduler: SchedulerOutputs
) -> pyrtl.WireVector:
    """1 bit: no core works or has a record to give, no decision is on its way to its registers."""
    are_cores_idle = pyrtl.rtl_all(*(core.is_idle for core in cores))
    return are_cores_idle & ~score_unit.is_receiving & ~scheduler.is_commit


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
            is_machine_idle=is_idle,
            is_stopped=wires.stopped,
            num_slots=scheduler.num_slots,
            index=scheduler.index,
            index_valid=scheduler.index_valid,
            mappings=scheduler.mappings,
            is_distance=score_unit.is_distance,
        ),
    )
    _output("instruction_ready", dispatcher.instruction_ready)
    return dispatcher


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
    reports = [
        ErrorReport(core.error_valid, core.error_code, core.error_instruction) for core in cores
    ]
    code = dispatcher.error_code
    reports.append(ErrorReport(code != 0, code, dispatcher.instruction))
    return make_error_register(reports, wires.stopped, wires.reset)


def _make_run_state(
    dispatcher: DispatcherOutputs, is_idle: pyrtl.WireVector, wires: _Wires
) -> tuple[pyrtl.WireVector, pyrtl.WireVector]:
    """Whether counters and orders restart, and whether a run goes on; drives `done`."""
    is_running_q = make_register(1, "is_running")
    done_q = make_register(1, "done")
    is_start = dispatcher.is_accepted & ~is_running_q & ~wires.stopped
    is_finish = dispatcher.is_end | wires.stopped & is_idle
    drive(is_running_q, (is_finish, 0), (is_start, 1), clear=wires.reset)
    drive(done_q, (is_finish, 1), (is_start, 0), clear=wires.reset)
    _output("done", done_q)
    return is_start | wires.reset, is_running_q


def _make_counter_outputs(
    cores: Sequence[CoreOutputs],
    dispatcher: DispatcherOutputs,
    is_running: pyrtl.WireVector,
    clear: pyrtl.WireVector,
    wires: _Wires,
) -> None:
    events = {
        "cycles": is_running,
        "dropped": dispatcher.is_dropped,
        "wait_decision": dispatcher.is_wait_decision,
        "wait_queue": dispatcher.is_wait_queue,
    }
    names = {event: f"counter_{event}" for event in events}
    for number, core in enumerate(cores):
        core_events = {
            "mac_busy": core.is_mac_busy,
            "read_stall": core.is_read_stalled,
            "write_stall": core.is_write_stalled,
            "dispatched": dispatcher.core_valid[number] & core.instruction_ready,
        }
        for event, wire in core_events.items():
            events[f"core{number}_{event}"] = wire
            names[f"core{number}_{event}"] = f"core{number}_counter_{event}"
    counters = make_counters(events, clear)
    connect(wires.cycle, counters["cycles"])
    for event, counter in counters.items():
        _output(names[event], counter)


def _make_decision_outputs(
    score_unit: ScoreUnitOutputs,
    scheduler: SchedulerOutputs,
    clear: pyrtl.WireVector,
    wires: _Wires,
) -> None:
    _output("decision_valid", scheduler.is_commit)
    _output("decision_order", make_order("decision", scheduler.is_commit, clear))
    _output("decision_slot", scheduler.commit_slot[:SLOT_BITS])
    _output("decision_score", score_unit.score)
    _output("decision_computes", scheduler.commit_computes)
    _output("decision_core", scheduler.commit_core)
    _output("decision_cycle", wires.cycle)


def _make_retire_outputs(
    cores: Sequence[CoreOutputs], clear: pyrtl.WireVector, wires: _Wires
) -> None:
    record = make_retire_port(
        [
            Retirement(
                core.retire_valid,
                core.retire_slot,
                core.retire_start_cycle,
                core.retire_end_cycle,
                core.retire_digest,
            )
            for core in cores
        ],
        clear,
    )
    for wire, ready in zip(wires.retire_ready, record.ready, strict=True):
        connect(wire, ready)
    _output("retire_valid", record.valid)
    _output("retire_order", record.order)
    _output("retire_core", record.core)
    _output("retire_slot", record.retirement.slot)
    _output("retire_start_cycle", record.retirement.start_cycle)
    _output("retire_end_cycle", record.retirement.end_cycle)
    _output("retire_digest", record.retirement.digest)


def _make_register_outputs(scheduler: SchedulerOutputs, error: ErrorReport) -> None:
    _output("index_register", scheduler.index.zero_extended(MAX_SLOTS))
    _output("index_valid_register", scheduler.index_valid.zero_extended(MAX_SLOTS))
    for slot, mapping in enumerate(scheduler.mappings):
        _output(f"mapping_register_{slot}", mapping)
    _output("error", error.valid)
    _output("error_code", error.code)
    _output("error_instruction", error.instruction)


def _output(name: str, wire: pyrtl.WireVector) -> None:
    """An output port of the accelerator, as wide as the wire."""
    connect(pyrtl.Output(len(wire), name), wire)
