"""The accelerator and all that stands around it as machine code, by pip alone.

Records, counters, results and refusals are those of `fastcar.cosim.backends.pyrtl_backend`, equal
in every cycle, with stalls and gaps as well: the loop draws from the states of Python's generators.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyrtl
from numpy.typing import NDArray

from fastcar.cosim.backends.backend import (
    RunRecords,
    RunResult,
    RunSettings,
    Traffic,
    WatchdogError,
    check_run,
)
from fastcar.cosim.backends.memory_model import SharedMemory
from fastcar.cosim.backends.native_loop.loop import Stop, run_cycles
from fastcar.cosim.backends.native_loop.recording import list_signals
from fastcar.cosim.backends.native_loop.refusals import make_channel_error
from fastcar.cosim.backends.native_loop.state import LoopState, make_loop_state, make_wires
from fastcar.cosim.native import NativeSimulation
from fastcar.cosim.records import DECISION_PORTS, GetPort, list_retire_ports
from fastcar.cosim.wave.recording import Recorder
from fastcar.rtl.accelerator import make_accelerator
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.reset import LONG_RESET_CYCLES

SLICE_CYCLES = 1 << 16
"""Cycles before Python sees signals again: less than a second."""


class NativeBackend:
    """The accelerator in machine code; implements `fastcar.cosim.backends.backend.Backend`.

    Args:
        config: sizes.
        block: the accelerator to simulate, if it is not that of `make_accelerator(config)`.
        observer: called after every cycle of a run with what reads the output ports; slow.
    """

    def __init__(
        self,
        config: AcceleratorConfig,
        block: pyrtl.Block | None = None,
        observer: Callable[[GetPort], None] | None = None,
    ) -> None:
        self.config = config
        self.block = make_accelerator(config) if block is None else block
        self._observer = observer
        self.simulation = NativeSimulation(tracer=None, block=self.block)
        self._wires = make_wires(self.simulation, config)
        self._quiet = {wire.name: 0 for wire in self.block.wirevector_subset(pyrtl.Input)}
        self.reset()

    def reset(self) -> None:
        """Hold `reset` until what memory owes is forgotten: every run has a memory of its own."""
        self.simulation.run(LONG_RESET_CYCLES, {**self._quiet, "reset": 1})

    def run(
        self,
        program: Sequence[int],
        memory: SharedMemory,
        settings: RunSettings | None = None,
        recorder: Recorder | None = None,
    ) -> RunResult:
        """Run a program until `done`; see `fastcar.cosim.backends.backend.Backend.run`."""
        settings = RunSettings() if settings is None else settings
        check_run(program, memory, self.config)
        self.simulation.hold({**self._quiet, "reset": 0})
        rows = None
        if recorder is not None:
            rows = recorder.begin(list_signals(self.simulation), settings.limit_cycles)
        state = make_loop_state(self._wires, program, memory, settings, rows)
        records, run = RunRecords(self.config, self.simulation.inspect), state.run[0]
        try:
            self._run_to_done(state, records, settings.limit_cycles)
        finally:
            if recorder is not None:
                recorder.num_steps = int(run["num_steps"])
        traffic = [
            Traffic(int(channel["num_read_beats"]), int(channel["num_write_beats"]))
            for channel in state.channels
        ]
        return records.finish(traffic, int(run["num_accepted"]), int(run["num_steps"]))

    def _run_to_done(self, state: LoopState, records: RunRecords, limit_cycles: int) -> None:
        slice_cycles = SLICE_CYCLES if self._observer is None else 1
        run = state.run[0]
        while True:
            num_before = int(run["num_steps"])
            if num_before >= limit_cycles:
                raise WatchdogError(limit_cycles, int(run["num_accepted"]), len(state.program))
            stop = Stop(run_cycles(state, min(slice_cycles, limit_cycles - num_before)))
            self.simulation.settle()
            if stop is Stop.VIOLATION:
                raise make_channel_error(state, self.simulation.inspect)
            _take_records(self.config, state, records)
            if self._observer is not None:
                self._observer(self.simulation.inspect)
            if stop is Stop.DONE:
                return


def _take_records(config: AcceleratorConfig, state: LoopState, records: RunRecords) -> None:
    """What the loop copied, as records."""
    run = state.run[0]
    for row in state.decisions[: run["num_decisions"]]:
        records.observe(_read(row, "decision", DECISION_PORTS))
    for row in state.retires[: run["num_retires"]]:
        records.observe(_read(row, "retire", list_retire_ports(config)))
    run["num_decisions"] = run["num_retires"] = 0


def _read(row: NDArray[np.uint64], kind: str, members: Sequence[str]) -> GetPort:
    """The ports of one record, and that the other kind had none."""
    names = (f"{kind}_{member}" for member in members)
    values = {f"{kind}_valid": 1, **dict(zip(names, row.tolist(), strict=True))}
    return lambda name: values.get(name, 0)
