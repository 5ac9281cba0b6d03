"""Numbers in the memory that the machine code works on, as Python reads and writes them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, MutableMapping

import numpy as np
import pyrtl
from numpy.typing import NDArray

from fastcar.cosim.native.contents import locate, write_word
from fastcar.cosim.native.layout import WORD_BYTES, MemoryPlace, Slots, count_words


class SlotValues:
    """Values of wires in 64-bit words, by name: the hash of a wire is a call of Python.

    Args:
        slots: where each lies.
        words: an array that holds them; a new one if it is not given.

    Attributes:
        words: all of them.
        address: of the first.
    """

    def __init__(self, slots: Slots, words: NDArray[np.uint64] | None = None) -> None:
        self.words = np.zeros(max(1, slots.num_words), np.uint64) if words is None else words
        self.address = int(self.words.ctypes.data)
        self._short = self.words.data
        self._bytes = self.words.view(np.uint8).data
        self._sizes = {
            str(wire.name): (offset, count_words(wire.bitwidth))
            for wire, offset in slots.offsets.items()
        }

    def __contains__(self, name: object) -> bool:
        return name in self._sizes

    def locate(self, name: str) -> int:
        """The first of its words."""
        return self._sizes[name][0]

    def __getitem__(self, name: str) -> int:
        offset, num_words = self._sizes[name]
        if num_words == 1:
            return int(self._short[offset])
        start = WORD_BYTES * offset
        return int.from_bytes(self._bytes[start : start + WORD_BYTES * num_words], sys.byteorder)

    def __setitem__(self, name: str, value: int) -> None:
        offset, num_words = self._sizes[name]
        if num_words == 1:
            self._short[offset] = value
            return
        start, size = WORD_BYTES * offset, WORD_BYTES * num_words
        self._bytes[start : start + size] = value.to_bytes(size, sys.byteorder)


class MemoryContents(MutableMapping[int, int]):
    """A memory of a running simulation: all addresses, each with its word.

    Args:
        content: bytes of all memories.
        place: of this one.
        on_change: called where a word is assigned.
    """

    def __init__(
        self, content: NDArray[np.uint8], place: MemoryPlace, on_change: Callable[[], None]
    ) -> None:
        self._content, self._place, self._on_change = content, place, on_change

    def __len__(self) -> int:
        return self._place.num_addresses

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self)))

    def __getitem__(self, address: int) -> int:
        try:
            start = locate(self._place, address)
        except pyrtl.PyrtlError as error:
            raise KeyError(address) from error
        return int.from_bytes(
            self._content[start : start + self._place.element_bytes].tobytes(), sys.byteorder
        )

    def __setitem__(self, address: int, word: int) -> None:
        if isinstance(self._place.memory, pyrtl.RomBlock):
            raise pyrtl.PyrtlError(f'memory "{self._place.memory.name}" is read-only')
        write_word(self._content, self._place, address, word)
        self._on_change()

    def __delitem__(self, address: int) -> None:
        raise pyrtl.PyrtlError(f'memory "{self._place.memory.name}": no address can be removed')

    def __repr__(self) -> str:
        return f"<memory {self._place.memory.name}: {len(self)} words>"
