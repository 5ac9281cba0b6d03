"""What the loop works on: one tuple of arrays, and where each port lies in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcar.cosim.backends.backend import RunSettings
from fastcar.cosim.backends.memory_model import SharedMemory
from fastcar.cosim.backends.native_loop.recording import list_output_words
from fastcar.cosim.backends.native_loop.twister import make_state
from fastcar.cosim.native import NativeSimulation
from fastcar.cosim.records import DECISION_PORTS, list_retire_ports
from fastcar.cosim.wave.recording import Words
from fastcar.rtl.channel import CHANNEL_PORTS, MAX_OPEN_WRITES, list_channel_ports
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import INSTRUCTION_BITS

NUM_KEPT_RECORDS = 1024
"""Decisions, and retirements, before Python takes them."""

INSTRUCTION_BYTES = INSTRUCTION_BITS // 8
DRIVER_PORTS = ("reset", "instruction_valid", "instruction", "instruction_ready", "done")

CHANNEL_PLACES = np.dtype([(port.name, np.int64) for port in CHANNEL_PORTS])
DRIVER_PLACES = np.dtype([(name, np.int64) for name in DRIVER_PORTS])
"""In words, in the buffer of inputs or of what is kept; NO_PLACE for a port that is not there."""

NO_PLACE = -1

CHANNEL = np.dtype(
    [
        ("cycle", np.int64),
        ("num_read_beats", np.int64),
        ("num_write_beats", np.int64),
        ("read_address", np.int64),
        ("beats_left", np.int64),
        ("response_cycle", np.int64),
        ("has_response", np.bool_),
        ("is_response_error", np.bool_),
        ("is_acknowledging", np.bool_),
        ("first_open", np.int64),
        ("num_open", np.int64),
        ("is_request_held", np.bool_),
        ("held_request_address", np.int64),
        ("held_request_num_beats", np.int64),
        ("is_write_held", np.bool_),
        ("held_write_address", np.int64),
        ("held_write_strobe", np.int64),
    ],
    align=True,
)
"""Members of `MemoryChannel`; its queue of open writes is a ring."""

RUN = np.dtype(
    [
        ("latency_cycles", np.int64),
        ("stall_probability", np.float64),
        ("gap_probability", np.float64),
        ("num_steps", np.int64),
        ("num_accepted", np.int64),
        ("is_offering", np.bool_),
        ("num_decisions", np.int64),
        ("num_retires", np.int64),
        ("violation", np.int64),
        ("core", np.int64),
    ],
    align=True,
)
"""Settings and state of a run: `num_decisions` and `num_retires` wait for Python."""


class Violation(IntEnum):
    """What a core did that breaks a rule of the channels, and the rule."""

    NONE = 0
    REQUEST_CHANGED = 1
    SECOND_REQUEST = 2
    EMPTY_REQUEST = 3
    WRITE_CHANGED = 4
    TOO_MANY_WRITES = 5
    ANSWER_DUE = 6
    STILL_OFFERED = 7


class Wires(NamedTuple):
    """What belongs to the design: the machine code, and where its ports lie.

    Attributes:
        arguments: [6] address of the machine code and of what it works on.
        inputs: words of the inputs.
        input_bytes: the same.
        kept: words of what can be read after a cycle.
        kept_bytes: the same.
        driver: [1] words of the ports of `DRIVER_PORTS`.
        channels: [C] words of the ports of each channel.
        record_valids: [2] words of the valid of decisions and retirements.
        decision: words of the members of a decision.
        retire: words of the members of a retirement.
        registers: [2, words] of the registers, in two places.
        progress: the event of a cycle, and the place of the registers behind it.
        outputs: words of all output ports.
    """

    arguments: NDArray[np.uint64]
    inputs: NDArray[np.uint64]
    input_bytes: NDArray[np.uint8]
    kept: NDArray[np.uint64]
    kept_bytes: NDArray[np.uint8]
    driver: NDArray[np.void]
    channels: NDArray[np.void]
    record_valids: NDArray[np.int64]
    decision: NDArray[np.int64]
    retire: NDArray[np.int64]
    registers: NDArray[np.uint64]
    progress: NDArray[np.uint32]
    outputs: NDArray[np.int64]


class LoopState(NamedTuple):
    """Everything that a run works on, as arrays.

    Attributes:
        wires: of the design.
        run: [1] settings and state.
        channels: [C] state of each channel.
        open_cycles: [C, 65535] when each open write is answered.
        open_errors: [C, 65535] whether by an error.
        responses: [C, beat bytes] what is raised.
        held_writes: [C, beat bytes] what is offered and not taken.
        generators: [1 + C, 625] of the driver and of each channel.
        program: [instructions, 16] bytes.
        beats: [beats, beat bytes] the memory.
        read_errors: addresses, rising.
        write_errors: addresses, rising.
        decisions: [1024, members] that Python did not take yet.
        retires: [1024, members] that Python did not take yet.
        recording: [rows, words] a ring of the newest cycles; no rows: nothing is recorded.
    """

    wires: Wires
    run: NDArray[np.void]
    channels: NDArray[np.void]
    open_cycles: NDArray[np.int64]
    open_errors: NDArray[np.bool_]
    responses: NDArray[np.uint8]
    held_writes: NDArray[np.uint8]
    generators: NDArray[np.uint32]
    program: NDArray[np.uint8]
    beats: NDArray[np.uint8]
    read_errors: NDArray[np.int64]
    write_errors: NDArray[np.int64]
    decisions: NDArray[np.uint64]
    retires: NDArray[np.uint64]
    recording: NDArray[np.uint64]


def make_wires(simulation: NativeSimulation, config: AcceleratorConfig) -> Wires:
    """Where the ports of an accelerator lie."""
    binding = simulation.binding
    locate = binding.locate
    existing = list_channel_ports(config)
    channels = [
        tuple(
            locate(f"core{core}_{port.name}") if port in existing else NO_PLACE
            for port in CHANNEL_PORTS
        )
        for core in range(config.num_cores)
    ]
    return Wires(
        arguments=np.array((binding.address, *binding.arguments), np.uint64),
        inputs=binding.inputs,
        input_bytes=binding.inputs.view(np.uint8),
        kept=binding.kept,
        kept_bytes=binding.kept.view(np.uint8),
        driver=np.array([tuple(locate(name) for name in DRIVER_PORTS)], DRIVER_PLACES),
        channels=np.array(channels, CHANNEL_PLACES),
        record_valids=np.array([locate(f"{kind}_valid") for kind in ("decision", "retire")]),
        decision=np.array([locate(f"decision_{name}") for name in DECISION_PORTS]),
        retire=np.array([locate(f"retire_{name}") for name in list_retire_ports(config)]),
        registers=binding.registers,
        progress=binding.progress,
        outputs=np.array(list_output_words(simulation)),
    )


def make_loop_state(
    wires: Wires,
    program: Sequence[int],
    memory: SharedMemory,
    settings: RunSettings,
    recording: Words | None = None,
) -> LoopState:
    """The state before the first cycle of a run."""
    num_cores, channels = len(wires.channels), settings.channels
    beat_bytes = memory.beats.shape[1]
    words = b"".join(word.to_bytes(INSTRUCTION_BYTES, "little") for word in program)
    run = np.zeros(1, RUN)
    run["latency_cycles"] = channels.latency_cycles
    run["stall_probability"] = channels.stall_probability
    run["gap_probability"] = settings.gap_probability
    seeds: tuple[int | str, ...] = (
        settings.seed,
        *(f"{channels.seed} core{core}" for core in range(num_cores)),
    )
    return LoopState(
        wires=wires,
        run=run,
        channels=np.zeros(num_cores, CHANNEL),
        open_cycles=np.empty((num_cores, MAX_OPEN_WRITES), np.int64),
        open_errors=np.empty((num_cores, MAX_OPEN_WRITES), np.bool_),
        responses=np.zeros((num_cores, beat_bytes), np.uint8),
        held_writes=np.zeros((num_cores, beat_bytes), np.uint8),
        generators=np.array([make_state(seed) for seed in seeds]),
        program=np.frombuffer(words, np.uint8).reshape(-1, INSTRUCTION_BYTES),
        beats=memory.beats,
        read_errors=_sort(channels.read_errors),
        write_errors=_sort(channels.write_errors),
        decisions=np.empty((NUM_KEPT_RECORDS, len(wires.decision)), np.uint64),
        retires=np.empty((NUM_KEPT_RECORDS, len(wires.retire)), np.uint64),
        recording=np.empty((0, 1), np.uint64) if recording is None else recording,
    )


def _sort(addresses: Iterable[int]) -> NDArray[np.int64]:
    """Those that a core can ask for."""
    return np.array(sorted(one for one in addresses if 0 <= one < 1 << 32), np.int64)
