"""The memory outside the accelerator: one array of beats, and one channel for each core.

Source: docs/accelerator.md, section 4. A channel is driven at the start of a cycle (`drive`: what
the memory puts on its wires) and observed at its end (`observe`: what the core did). It refuses
whatever breaks a rule of section 4; its own valid and ready depend on nothing of the same cycle.

Timing without stalls: a request accepted in cycle t is answered from t + latency on, one beat in a
cycle; a write accepted in t is acknowledged in t + latency, and read back by requests accepted
after t. Wires that are not valid carry noise.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.errors import ArgumentError
from fastcar.rtl.assertions import ProtocolError
from fastcar.rtl.channel import MAX_OPEN_WRITES, CoreToMemory, MemoryToCore


class ChannelError(ProtocolError):
    """A core broke a rule of docs/accelerator.md, section 4; `rule` is its number."""

    def __init__(self, channel: str, cycle: int, rule: int, text: str) -> None:
        self.rule = rule
        super().__init__(f"{channel}, cycle {cycle}: breaks rule {rule}: {text}")


class SharedMemory:
    """Beats that all cores read and write.

    Attributes:
        beats: [num_beats, beat_bytes] uint8.
    """

    def __init__(self, num_beats: int, beat_bytes: int) -> None:
        for name, value in (("num_beats", num_beats), ("beat_bytes", beat_bytes)):
            if value < 1:
                raise ArgumentError(name, value, "at least 1")
        self.beats: NDArray[np.uint8] = np.zeros((num_beats, beat_bytes), np.uint8)

    def __contains__(self, address: int) -> bool:
        return 0 <= address < len(self.beats)

    def read_beat(self, address: int) -> int:
        """One beat as the number on the wires, byte 0 in the lowest bits."""
        return int.from_bytes(self.beats[address].tobytes(), "little")

    def write_beat(self, address: int, value: int, strobe: int | None = None) -> None:
        """Store the number on the wires.

        Args:
            address: in beats.
            value: byte 0 in the lowest bits.
            strobe: bit k says whether byte k is stored; None: all are.
        """
        num_bytes = self.beats.shape[1]
        content = np.frombuffer(value.to_bytes(num_bytes, "little"), np.uint8)
        if strobe is None:
            self.beats[address] = content
            return
        is_stored = [bool(strobe >> byte & 1) for byte in range(num_bytes)]
        self.beats[address, is_stored] = content[is_stored]

    def write_bytes(self, address: int, content: bytes) -> None:
        """Store bytes from the start of a beat on; the last beat is padded with zeros."""
        num_bytes = self.beats.shape[1]
        num_beats = -(-len(content) // num_bytes)
        if address < 0 or address + num_beats > len(self.beats):
            raise ArgumentError("address", address, f"so that {num_beats} beats fit the memory")
        padded = content.ljust(num_beats * num_bytes, b"\0")
        self.beats[address : address + num_beats] = np.frombuffer(padded, np.uint8).reshape(
            num_beats, num_bytes
        )

    def read_bytes(self, address: int, num_bytes: int) -> bytes:
        """Bytes from the start of a beat on."""
        num_beats = -(-num_bytes // self.beats.shape[1])
        if address < 0 or address + num_beats > len(self.beats):
            raise ArgumentError("address", address, f"so that {num_beats} beats are in the memory")
        return self.beats[address : address + num_beats].tobytes()[:num_bytes]


@dataclass(frozen=True)
class ChannelSettings:
    """How the memory answers.

    Attributes:
        latency_cycles: from a request or write to its first answer, 1 or more.
        stall_probability: with which every ready is 0, and every answer waits, in a cycle.
        seed: of stalls and noise.
        read_errors: addresses whose response carries `error`.
        write_errors: addresses whose acknowledgement carries `error`; nothing is written there.
    """

    latency_cycles: int = 1
    stall_probability: float = 0.0
    seed: int = 0
    read_errors: frozenset[int] = field(default_factory=frozenset)
    write_errors: frozenset[int] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        if self.latency_cycles < 1:
            raise ArgumentError("latency_cycles", self.latency_cycles, "at least 1")
        if not 0 <= self.stall_probability < 1:
            raise ArgumentError(
                "stall_probability", self.stall_probability, "at least 0 and below 1"
            )


class MemoryChannel:
    """Channel of one core.

    Attributes:
        num_read_beats: transferred so far.
        num_write_beats: transferred so far.
    """

    def __init__(self, name: str, memory: SharedMemory, settings: ChannelSettings) -> None:
        self.name, self.memory, self.settings = name, memory, settings
        self.num_read_beats = self.num_write_beats = 0
        self._random = random.Random(f"{settings.seed} {name}")
        self._beat_bits = 8 * memory.beats.shape[1]
        self._cycle = 0
        self._read_address = self._beats_left = self._response_cycle = 0
        self._response: tuple[int, bool] | None = None
        self._open_writes: deque[tuple[int, bool]] = deque()  # Cycle of the answer, error.
        self._driven: MemoryToCore[int] | None = None
        self._held_request: tuple[int, int] | None = None
        self._held_write: tuple[int, ...] | None = None

    @property
    def is_open(self) -> bool:
        """Whether a request or a write waits for an answer."""
        return self._beats_left > 0 or bool(self._open_writes)

    def check_closed(self) -> None:
        """Refuse a core that is done while a transfer is open, or was never accepted.

        Raises:
            ChannelError: naming the channel.
        """
        if self.is_open:
            self._refuse(4, "done while an answer is due")
        if self._held_request is not None or self._held_write is not None:
            self._refuse(2, "done while a transfer is offered")

    def drive(self) -> MemoryToCore[int]:
        """What the memory puts on the wires in this cycle."""
        self._prepare_response()
        is_acknowledged = self._is_acknowledge_due()
        data, read_error = self._response or (self._random.getrandbits(self._beat_bits), True)
        self._driven = MemoryToCore(
            read_request_ready=not self._is_stalled(),
            read_response_valid=self._response is not None,
            read_response_data=data,
            read_response_error=read_error,
            write_ready=not self._is_stalled(),
            write_acknowledge_valid=is_acknowledged,
            write_acknowledge_error=self._open_writes[0][1] if is_acknowledged else True,
        )
        return self._driven

    def observe(self, core: CoreToMemory[int]) -> None:
        """Take what the core did in this cycle; raises ChannelError if it broke a rule."""
        if self._driven is None:
            raise ArgumentError("observe", "called twice", "preceded by drive")
        if self._driven.write_acknowledge_valid:
            self._open_writes.popleft()
        if self._response is not None and core.read_response_ready:
            self._response = None
            self._read_address += 1
            self._beats_left -= 1
            self.num_read_beats += 1
        self._observe_request(core, self._driven.read_request_ready)
        self._observe_write(core, self._driven.write_ready)
        self._driven = None
        self._cycle += 1

    def withdraw(self) -> None:
        """Behind the `observe` of a cycle of reset: what was offered and not taken is gone (D-40).

        What was taken is answered as ever.
        """
        self._held_request = self._held_write = None

    def _prepare_response(self) -> None:
        """Raise the next beat if it is due; one that is raised stays (rule 2)."""
        is_due = self._beats_left > 0 and self._cycle >= self._response_cycle
        if self._response is not None or not is_due or self._is_stalled():
            return
        address = self._read_address
        if address in self.settings.read_errors or address not in self.memory:
            self._response = self._random.getrandbits(self._beat_bits), True
        else:
            self._response = self.memory.read_beat(address), False

    def _is_acknowledge_due(self) -> bool:
        return (
            bool(self._open_writes)
            and self._cycle >= self._open_writes[0][0]
            and not self._is_stalled()
        )

    def _is_stalled(self) -> bool:
        probability = self.settings.stall_probability
        return probability > 0 and self._random.random() < probability

    def _observe_request(self, core: CoreToMemory[int], is_ready: int) -> None:
        request = core.read_request_address, core.read_request_num_beats
        offered = request if core.read_request_valid else None
        self._check_held("read request", self._held_request, offered)
        self._held_request = None if is_ready else offered
        if offered is None or not is_ready:
            return
        if self._beats_left:
            self._refuse(4, f"a second request while {self._beats_left} beats are open")
        if request[1] < 1:
            self._refuse(4, "a request of 0 beats")
        self._read_address, self._beats_left = request
        self._response_cycle = self._cycle + self.settings.latency_cycles

    def _observe_write(self, core: CoreToMemory[int], is_ready: int) -> None:
        address = core.write_address
        strobe = core.write_strobe
        beat = (address, core.write_data) if strobe is None else (address, core.write_data, strobe)
        offered = beat if core.write_valid else None
        self._check_held("write", self._held_write, offered)
        self._held_write = None if is_ready else offered
        if offered is None or not is_ready:
            return
        if len(self._open_writes) >= MAX_OPEN_WRITES:
            self._refuse(5, f"more than {MAX_OPEN_WRITES} writes are open")
        is_error = address in self.settings.write_errors or address not in self.memory
        if not is_error:
            self.memory.write_beat(address, core.write_data, strobe)
        self._open_writes.append((self._cycle + self.settings.latency_cycles, is_error))
        self.num_write_beats += 1

    def _check_held(
        self, what: str, held: tuple[int, ...] | None, offered: tuple[int, ...] | None
    ) -> None:
        if held is not None and offered != held:
            self._refuse(2, f"{what} {held} became {offered} before its transfer")

    def _refuse(self, rule: int, text: str) -> None:
        raise ChannelError(self.name, self._cycle, rule, text)
