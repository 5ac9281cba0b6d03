"""Output ports of the accelerator: counters, records, registers and the first error.

Source: docs/accelerator.md, sections 3 and 5. Nothing here decides anything: every function drives
ports, and the wires that cores read from them.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyrtl

from fastcar.rtl.circuits import SLOT_BITS, connect, mask
from fastcar.rtl.config import MAX_SLOTS
from fastcar.rtl.core_ports import CoreOutputs
from fastcar.rtl.counters import make_counters
from fastcar.rtl.dispatcher import DispatcherOutputs
from fastcar.rtl.error_register import ErrorReport
from fastcar.rtl.record_port import make_order, make_retire_port
from fastcar.rtl.scheduler import SchedulerOutputs
from fastcar.rtl.score_unit import ScoreUnitOutputs


def make_output(name: str, wire: pyrtl.WireVector) -> None:
    """An output port of the accelerator, as wide as the wire."""
    connect(pyrtl.Output(len(wire), name), wire)


def make_counter_outputs(
    cores: Sequence[CoreOutputs],
    dispatcher: DispatcherOutputs,
    is_running: pyrtl.WireVector,
    restart_and_reset: tuple[pyrtl.WireVector, pyrtl.WireVector],
    cycle: pyrtl.WireVector,
) -> None:
    """Counters of the run; that of its cycles drives `cycle` (48 bits), too."""
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
    counters = make_counters(events, *restart_and_reset)
    connect(cycle, counters["cycles"])
    for event, counter in counters.items():
        make_output(names[event], counter)


def make_decision_outputs(
    score_unit: ScoreUnitOutputs,
    scheduler: SchedulerOutputs,
    clear: pyrtl.WireVector,
    cycle: pyrtl.WireVector,
) -> None:
    """The record of the commit of this cycle."""
    make_output("decision_valid", scheduler.is_commit)
    make_output("decision_order", make_order("decision", scheduler.is_commit, clear))
    make_output("decision_slot", scheduler.commit_slot[:SLOT_BITS])
    make_output("decision_score", score_unit.score)
    make_output("decision_computes", scheduler.commit_computes)
    make_output("decision_core", scheduler.commit_core)
    make_output("decision_cycle", cycle)


def make_retire_outputs(
    cores: Sequence[CoreOutputs],
    clear: pyrtl.WireVector,
    retire_ready: Sequence[pyrtl.WireVector],
) -> None:
    """The record of a slot that a core has finished; drives the cores' `retire_ready`."""
    record = make_retire_port([core.retirement for core in cores], clear)
    for wire, ready in zip(retire_ready, record.ready, strict=True):
        connect(wire, ready)
    make_output("retire_valid", record.valid)
    make_output("retire_order", record.order)
    make_output("retire_core", record.core)
    for member in ("slot", "start_cycle", "end_cycle", "digest", "token"):
        wire = getattr(record.retirement, member)
        if wire is not None:
            make_output(f"retire_{member}", wire)


def make_register_outputs(scheduler: SchedulerOutputs, error: ErrorReport) -> None:
    """Index and Mapping Registers, and the error."""
    make_output("index_register", scheduler.index.zero_extended(MAX_SLOTS))
    make_output("index_valid_register", scheduler.index_valid.zero_extended(MAX_SLOTS))
    for slot, mapping in enumerate(scheduler.mappings):
        make_output(f"mapping_register_{slot}", mapping)
    make_output("error", error.valid)
    make_output("error_code", mask(error.code, error.valid))
    make_output("error_instruction", error.instruction)
