"""The bench around the FastCar accelerator: drivers, monitors, memory.

Nothing here knows the sizes of the accelerator: widths and cores are those of the module.

The models are cocotbext-axi's where they fit. Its streams (valid, ready, payload) are the
instruction port, read requests, read responses, writes, acknowledgements and both records; their
pause generators make gaps and stalls. Its sparse memory holds the beats. Its AXI memories do not
fit: a channel has no identifiers, no responses to whole bursts, and strobes only with attention, so
`MemoryChannel` connects streams and memory in a few lines.
"""

from __future__ import annotations

import logging
import random
import warnings
from collections.abc import Iterator
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.task import Task
from cocotb.triggers import ClockCycles, RisingEdge, with_timeout
from cocotbext.axi.sparse_memory import SparseMemory
from cocotbext.axi.stream import define_stream
from fastcar_recording import DECISION, RETIRE, TOKEN

warnings.filterwarnings("ignore", category=DeprecationWarning, module="cocotbext")
CLOCK_NS = 10
LIMIT_CYCLES = 2_000_000
LONG_RESET_CYCLES = 16
"""So long a reset forgets what the memory owes."""
MEMORY_BEATS = 1 << 32

InstructionBus, Instruction, InstructionSource, _, _ = define_stream(
    "Instruction", ["instruction", "instruction_valid", "instruction_ready"]
)
RequestBus, _, _, RequestSink, _ = define_stream(
    "Request", ["valid", "ready", "address", "num_beats"]
)
ResponseBus, Response, ResponseSource, _, _ = define_stream(
    "Response", ["valid", "ready", "data", "error"]
)
WriteBus, _, _, WriteSink, _ = define_stream(
    "Write", ["valid", "ready", "address", "data"], optional_signals=["strobe"]
)
AcknowledgeBus, Acknowledge, AcknowledgeSource, _, _ = define_stream(
    "Acknowledge", ["valid", "error"]
)
DecisionBus, _, _, _, DecisionMonitor = define_stream("Decision", ["valid", *DECISION])
RetireBus, _, _, _, RetireMonitor = define_stream(
    "Retire", ["valid", *RETIRE], optional_signals=[TOKEN]
)


class MemoryChannel:
    """The memory's side of the channel of one core."""

    def __init__(self, dut: Any, core: int, memory: SparseMemory) -> None:
        self.memory = memory
        self.beat_bytes = len(getattr(dut, f"core{core}_write_data")) // 8
        self.has_strobes = hasattr(dut, f"core{core}_write_strobe")
        self.requests, self.responses, self.writes, self.acknowledges = self.streams = (
            RequestSink(RequestBus.from_prefix(dut, f"core{core}_read_request"), dut.clk),
            ResponseSource(ResponseBus.from_prefix(dut, f"core{core}_read_response"), dut.clk),
            WriteSink(WriteBus.from_prefix(dut, f"core{core}_write"), dut.clk),
            AcknowledgeSource(
                AcknowledgeBus.from_prefix(dut, f"core{core}_write_acknowledge"), dut.clk
            ),
        )
        self.tasks: list[Task[None]] = []

    def start(self) -> None:
        """Serve the core; whatever was under way before is forgotten."""
        for task in self.tasks:
            task.cancel()
        self.tasks = [cocotb.start_soon(self.serve_reads()), cocotb.start_soon(self.serve_writes())]

    async def serve_reads(self) -> None:
        """Answer requests beat by beat."""
        while True:
            request = await self.requests.recv()
            first = int(request.address)
            for address in range(first, first + int(request.num_beats)):
                content = self.memory.read(address * self.beat_bytes, self.beat_bytes)
                data = int.from_bytes(content, "little")
                await self.responses.send(Response(data=data, error=0))

    async def serve_writes(self) -> None:
        """Store and acknowledge every beat."""
        while True:
            beat = await self.writes.recv()
            place = int(beat.address) * self.beat_bytes
            content = int(beat.data).to_bytes(self.beat_bytes, "little")
            if self.has_strobes:
                content = self.keep_bytes(place, content, int(beat.strobe))
            self.memory.write(place, content)
            await self.acknowledges.send(Acknowledge(error=0))

    def keep_bytes(self, place: int, content: bytes, strobe: int) -> bytes:
        """The beat as it will be: what is in memory where its bit of the strobe is 0."""
        pairs = zip(self.memory.read(place, self.beat_bytes), content, strict=True)
        return bytes(pair[strobe >> byte & 1] for byte, pair in enumerate(pairs))


class Bench:
    """Everything around the accelerator.

    Attributes:
        instructions: driver of the instruction port.
        decisions: monitor of the decision records.
        retires: monitor of the retire records.
        memory: of all cores, in bytes.
        channels: one for each core.
    """

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        logging.getLogger(f"cocotb.{dut._name}").setLevel(logging.WARNING)
        Clock(dut.clk, CLOCK_NS, unit="ns").start()
        self.instructions = InstructionSource(InstructionBus.from_entity(dut), dut.clk)
        self.decisions = DecisionMonitor(DecisionBus.from_prefix(dut, "decision"), dut.clk)
        self.retires = RetireMonitor(RetireBus.from_prefix(dut, "retire"), dut.clk)
        self.beat_bytes = len(dut.core0_write_data) // 8
        self.memory = SparseMemory(MEMORY_BEATS * self.beat_bytes)
        num_cores = sum(1 for core in range(32) if hasattr(dut, f"core{core}_write_data"))
        self.channels = [MemoryChannel(dut, core, self.memory) for core in range(num_cores)]
        self.streams = [
            *(self.instructions, self.decisions, self.retires),
            *(stream for channel in self.channels for stream in channel.streams),
        ]

    async def reset_alone(self) -> None:
        """One cycle of `reset`, of which the memory knows nothing: it answers what it was asked.

        The instruction port is ready when it has; until then old writes may still be under way.
        """
        self.dut.reset.value = 1
        ours = (self.instructions, self.decisions, self.retires)
        for stream in ours:
            stream.assert_reset(True)
            stream.clear()
        await RisingEdge(self.dut.clk)
        self.dut.reset.value = 0
        for stream in ours:
            stream.clear()
            stream.assert_reset(False)
        await RisingEdge(self.dut.clk)
        while self.dut.instruction_ready.value != 1:
            await RisingEdge(self.dut.clk)

    async def reset(self) -> None:
        """A long `reset`, of the memory as well: what is under way on any port is forgotten."""
        self.dut.reset.value = 1
        for stream in self.streams:
            stream.assert_reset(True)
            stream.clear()
        await ClockCycles(self.dut.clk, LONG_RESET_CYCLES)
        self.dut.reset.value = 0
        for stream in self.streams:
            stream.clear()
            stream.assert_reset(False)
        for channel in self.channels:
            channel.start()

    def stall(self, probability: float, seed: int) -> None:
        """Pause every stream that can be paused in random cycles."""
        for place, stream in enumerate(self.streams):
            if hasattr(stream, "set_pause_generator"):
                stream.set_pause_generator(draw_pauses(probability, f"{seed} {place}"))

    def fill_memory(self, beats: dict[int, int]) -> None:
        """Write beats."""
        for address, beat in beats.items():
            content = beat.to_bytes(self.beat_bytes, "little")
            self.memory.write(address * self.beat_bytes, content)

    async def run(self, program: list[int]) -> None:
        """Send a program and wait until the run is done."""
        for word in program:
            self.instructions.send_nowait(Instruction(instruction=word))
        await with_timeout(self.instructions.wait(), CLOCK_NS * LIMIT_CYCLES, "ns")
        await ClockCycles(self.dut.clk, 2)
        for _ in range(LIMIT_CYCLES):
            if self.dut.done.value == 1:
                return
            await RisingEdge(self.dut.clk)
        raise TimeoutError(f"not done after {LIMIT_CYCLES} cycles")


def draw_pauses(probability: float, seed: str) -> Iterator[bool]:
    """Random pauses of one stream."""
    generator = random.Random(seed)
    while True:
        yield generator.random() < probability
