"""The accelerator as Verilog, compiled by Verilator: whole videos in minutes.

The harness runs cycle by cycle in C++ with the memory of the caller, and returns to Python where a
record is to be read. Records, counters and results are those of
`fastcar.cosim.backends.pyrtl_backend`, equal in every cycle, with stalls and gaps as well: the
harness draws from the states of Python's generators.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

from fastcar.cosim.backends.backend import (
    RunRecords,
    RunResult,
    RunSettings,
    Traffic,
    WatchdogError,
    check_run,
)
from fastcar.cosim.backends.memory_model import ChannelError, SharedMemory
from fastcar.cosim.backends.verilator_build import open_library
from fastcar.cosim.backends.verilator_harness import (
    Event,
    make_generator,
    make_structures,
    sort_addresses,
)
from fastcar.cosim.records import GetPort
from fastcar.cosim.verilog.verilog import VerilogDesign, export_verilog
from fastcar.cosim.wave.recording import Recorder, Words, place_signals
from fastcar.rtl.assertions import ProtocolError
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import INSTRUCTION_BITS


class VerilatorBackend:
    """The accelerator compiled by Verilator; implements `fastcar.cosim.backends.backend.Backend`.

    Args:
        config: sizes.
        design: the Verilog, if it is not that of `export_verilog(config)`.
        observer: called after every cycle of a run with what reads the output ports; slow.
        power_up_seed: of the values that registers have before the first reset; 0 = all zero.

    Raises:
        ArgumentError: Verilator or a tool that it needs is missing.
        ToolError: the design could not be built.
    """

    def __init__(
        self,
        config: AcceleratorConfig,
        design: VerilogDesign | None = None,
        observer: Callable[[GetPort], None] | None = None,
        power_up_seed: int = 0,
    ) -> None:
        self.config = config
        self._observer = observer
        self._design = export_verilog(config) if design is None else design
        self._library = open_library(self._design)
        self._settings_type, self._status_type = make_structures(config.num_cores)
        self._handle = ctypes.c_void_p(self._library.fastcar_create(power_up_seed))
        self._ports = self._locate_ports()
        self.reset()

    def __del__(self) -> None:
        handle = getattr(self, "_handle", None)
        if handle is not None:
            self._library.fastcar_destroy(handle)

    def reset(self) -> None:
        """Hold `reset` until what memory owes is forgotten: every run has a memory of its own."""
        self._library.fastcar_reset(self._handle)

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
        words = b"".join(word.to_bytes(INSTRUCTION_BITS // 8, "little") for word in program)
        errors = tuple(
            sort_addresses(addresses)
            for addresses in (settings.channels.read_errors, settings.channels.write_errors)
        )
        rows = None if recorder is None else self._begin(recorder, settings.limit_cycles)
        given = self._make_settings(words, memory, settings, errors, rows)
        self._library.fastcar_start(self._handle, ctypes.byref(given))
        try:
            records = self._run_to_done(settings.limit_cycles, len(program))
        finally:
            status = self._get_status()
            if recorder is not None:
                recorder.num_steps = status.num_steps
        beats = zip(status.num_read_beats, status.num_write_beats, strict=True)
        traffic = [Traffic(*one) for one in beats]
        return records.finish(traffic, status.num_accepted, status.num_steps)

    def _begin(self, recorder: Recorder, limit_cycles: int) -> Words:
        """Rows for the ports, one behind the other in their order, as in the harness."""
        ports = place_signals((port.name, port.num_bits) for port in self._design.ports)
        return recorder.begin(ports, limit_cycles)

    def _make_settings(
        self,
        words: bytes,
        memory: SharedMemory,
        settings: RunSettings,
        errors: tuple[ctypes.Array[ctypes.c_uint32], ...],
        rows: Words | None,
    ) -> Any:
        channels = settings.channels
        given = self._settings_type(
            words,
            len(words) * 8 // INSTRUCTION_BITS,
            settings.limit_cycles,
            settings.gap_probability,
            memory.beats.ctypes.data,
            len(memory.beats),
            channels.latency_cycles,
            channels.stall_probability,
            *(errors[0], len(errors[0])),
            *(errors[1], len(errors[1])),
            int(self._observer is not None),
            None if rows is None else rows.ctypes.data,
            0 if rows is None else len(rows),
        )
        given.generators[0] = make_generator(settings.seed)
        for core in range(self.config.num_cores):
            given.generators[1 + core] = make_generator(f"{channels.seed} core{core}")
        return given

    def _run_to_done(self, limit_cycles: int, num_instructions: int) -> RunRecords:
        records = RunRecords(self.config, self._get)
        while True:
            event = Event(self._library.fastcar_run(self._handle))
            if event & (Event.LIMIT | Event.ASSERTION | Event.VIOLATION):
                self._refuse(event, limit_cycles, num_instructions)
            if event & Event.RECORD:
                records.observe()
            if self._observer is not None:
                self._observer(self._get)
            if event & Event.DONE:
                return records

    def _refuse(self, event: Event, limit_cycles: int, num_instructions: int) -> None:
        status = self._get_status()
        if event & Event.ASSERTION:
            raise ProtocolError(self._design.assertions[status.assertion])
        if event & Event.VIOLATION:
            text = status.text.decode()
            raise ChannelError(f"core{status.core}", status.channel_cycle, status.rule, text)
        raise WatchdogError(limit_cycles, status.num_accepted, num_instructions)

    def _get_status(self) -> Any:
        status = self._status_type()
        self._library.fastcar_get_status(self._handle, ctypes.byref(status))
        return status

    def _get(self, name: str) -> int:
        """Value of an output port in the cycle that ran last."""
        return int.from_bytes(self._ports[name], "little")

    def _locate_ports(self) -> dict[str, memoryview]:
        """The bytes of every output port, where the compiled model keeps them."""
        outputs = [port for port in self._design.ports if not port.is_input]
        located = {}
        for place, port in enumerate(outputs):
            address = self._library.fastcar_locate(self._handle, place)
            array = (ctypes.c_ubyte * port.num_bytes).from_address(address)
            located[port.name] = memoryview(array)
        return located
