"""Where values lie in the memory that the machine code works on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyrtl
from numpy.typing import NDArray

from fastcar.cosim.native.netlist import Netlist
from fastcar.cosim.native.sources import Source

WORD_BITS = 64
WORD_BYTES = 8
LIMIT_BYTES = 1 << 30
"""Of all memories together: they are dense, an address that is never used takes its place too."""

STARTS_BYTES = 64
"""Memories, and places of registers, start at multiples of a cache line."""


def count_words(bits: int) -> int:
    """64-bit words that hold a value."""
    return -(-bits // WORD_BITS)


def compute_element_bytes(bits: int) -> int:
    """Of one word of a memory: 1, 2, 4 or 8 bytes, or a multiple of 8."""
    small = [size for size in (1, 2, 4, 8) if bits <= 8 * size]
    return small[0] if small else WORD_BYTES * count_words(bits)


@dataclass(frozen=True)
class Slots:
    """Values in 64-bit words, one after the other.

    Attributes:
        offsets: in words, by wire.
        num_words: where the last one ends.
    """

    offsets: dict[pyrtl.WireVector, int]
    num_words: int


@dataclass(frozen=True)
class MemoryPlace:
    """Where a memory lies.

    Attributes:
        memory: a read-only one or not.
        offset_bytes: of address 0.
        element_bytes: from one address to the next.
        presence_bytes: offset of a byte for each address, 0 where a read-only memory has no data;
            None if it has all.
    """

    memory: pyrtl.MemBlock
    offset_bytes: int
    element_bytes: int
    presence_bytes: int | None

    @property
    def num_addresses(self) -> int:
        """2 to the width of its addresses."""
        return 1 << int(self.memory.addrwidth)


@dataclass(frozen=True)
class Layout:
    """All places.

    Attributes:
        inputs: slots that the caller fills.
        registers: slots that persist, in each of their two places.
        copies: slots behind them, of inputs as they were; none if no group is ever skipped.
        versions: words behind those, by number of the memory: how often it was written.
        place_words: all words of one place.
        destinations: the registers that take over a wire.
        kept: slots of other wires as they were in the last cycle.
        memories: by number of the memory.
        memory_bytes: of all memories.
    """

    inputs: Slots
    registers: Slots
    copies: Slots
    versions: dict[int, int]
    place_words: int
    destinations: dict[pyrtl.WireVector, list[pyrtl.Register]]
    kept: Slots
    memories: dict[int, MemoryPlace]
    memory_bytes: int


def make_layout(
    netlist: Netlist,
    kept: Iterable[pyrtl.WireVector],
    incomplete: Collection[int],
    watched: Sequence[Source] | None = None,
) -> Layout:
    """Give every value its place.

    Args:
        netlist: what is simulated.
        kept: wires, neither inputs nor registers, that can be read after a cycle.
        incomplete: numbers of read-only memories that have no data at some addresses.
        watched: what groups depend on, those that are skipped where it did not change; sources
            that are used together lie together. None: no group is skipped.

    Raises:
        pyrtl.PyrtlError: the memories take more than 1 GiB.
    """
    places, memory_bytes = _place_memories(netlist, incomplete)
    destinations: dict[pyrtl.WireVector, list[pyrtl.Register]] = {}
    for register, source in netlist.registers:
        if source is not None:
            destinations.setdefault(source, []).append(register)
    registers = _place(_sort_by_use([register for register, _ in netlist.registers], watched or ()))
    copies = _place(() if watched is None else netlist.inputs, registers.num_words)
    written = {net.op_param[1].id for net in netlist.writes} if watched is not None else set()
    versions = {number: copies.num_words + place for place, number in enumerate(sorted(written))}
    place_words = copies.num_words + len(versions)
    if watched is not None:
        place_words = _align(place_words)
    return Layout(
        inputs=_place(netlist.inputs),
        registers=registers,
        copies=copies,
        versions=versions,
        place_words=place_words,
        destinations=destinations,
        kept=_place(kept),
        memories=places,
        memory_bytes=memory_bytes,
    )


def check_memory_sizes(netlist: Netlist) -> None:
    """Before contents are computed.

    Raises:
        pyrtl.PyrtlError: the memories take more than 1 GiB.
    """
    _place_memories(netlist, ())


def _sort_by_use(
    registers: Sequence[pyrtl.Register], watched: Sequence[Source]
) -> list[pyrtl.Register]:
    ranks: dict[Source, int] = {}
    for source in watched:
        ranks.setdefault(source, len(ranks))
    return sorted(registers, key=lambda register: ranks.get(register, len(ranks)))


def _place(wires: Iterable[pyrtl.WireVector], first: int = 0) -> Slots:
    offsets, num_words = {}, first
    for wire in wires:
        offsets[wire] = num_words
        num_words += count_words(wire.bitwidth)
    return Slots(offsets, num_words)


def _place_memories(
    netlist: Netlist, incomplete: Collection[int]
) -> tuple[dict[int, MemoryPlace], int]:
    places, end = {}, 0
    for memory in netlist.memories:
        element_bytes = compute_element_bytes(memory.bitwidth)
        offset_bytes = end
        end = _align(end + (element_bytes << memory.addrwidth))
        presence_bytes = end if memory.id in incomplete else None
        if presence_bytes is not None:
            end = _align(end + (1 << memory.addrwidth))
        if end > LIMIT_BYTES:
            raise pyrtl.PyrtlError(
                f'memory "{memory.name}" has 2**{memory.addrwidth} words of {memory.bitwidth} '
                f"bits: all memories together may take {LIMIT_BYTES >> 20} MiB"
            )
        places[memory.id] = MemoryPlace(memory, offset_bytes, element_bytes, presence_bytes)
    return places, end


def allocate(num_words: int) -> NDArray[np.uint64]:
    """Words, all 0, that start where a cache line does."""
    spare = STARTS_BYTES // WORD_BYTES
    words = np.zeros(num_words + spare, np.uint64)
    start = -int(words.ctypes.data) % STARTS_BYTES // WORD_BYTES
    return words[start : start + num_words]


def _align(end: int) -> int:
    return -(-end // STARTS_BYTES) * STARTS_BYTES
