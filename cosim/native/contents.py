"""What registers and memories hold before the first cycle, by the rules of `pyrtl.Simulation`."""

from __future__ import annotations

import numbers
import sys
from collections.abc import Mapping

import numpy as np
import pyrtl
from numpy.typing import NDArray
from pyrtl.helperfuncs import infer_val_and_bitwidth

from fastcar.cosim.native.layout import Layout, MemoryPlace
from fastcar.cosim.native.netlist import Netlist


def convert(value: object, bits: int, what: str) -> int:
    """A number as PyRTL takes it for a width: negative ones as two's complement.

    Raises:
        pyrtl.PyrtlError: it does not fit, or is no integer; `what` says which value it is.
    """
    if type(value) is int and 0 <= value < 1 << bits:
        return value
    if type(value) is bool and bits == 1:
        return int(value)
    if not isinstance(value, numbers.Integral):
        raise pyrtl.PyrtlError(f"{what} = {value!r}: it must be an integer")
    try:
        return int(infer_val_and_bitwidth(value, bitwidth=bits).value)
    except pyrtl.PyrtlError as error:
        raise pyrtl.PyrtlError(f"{what} = {value!r}: it must fit in {bits} bits") from error


def compute_register_values(
    netlist: Netlist, given: Mapping[pyrtl.Register, int], default_value: int
) -> dict[pyrtl.Register, int]:
    """First the given value, then the reset value of a register, then the default.

    Raises:
        pyrtl.PyrtlError: a register is not of the block, or a value does not fit.
    """
    known = {register: None for register, _ in netlist.registers}
    for register in given:
        if register not in known:  # Not a list: `==` of wires makes hardware.
            raise pyrtl.PyrtlError(f'register_value_map: "{register}" is no register of the block')
    values = {}
    for register in known:
        value = given.get(register, register.reset_value)
        value = default_value if value is None else value
        values[register] = convert(value, register.bitwidth, f'register "{register.name}"')
    return values


class RomContents:
    """Words of a read-only memory, where it has any.

    Args:
        rom: read as `pyrtl.Simulation` reads it: a sequence, a mapping or a function.
    """

    def __init__(self, rom: pyrtl.RomBlock) -> None:
        self.words: list[int | None] = []
        for address in range(1 << rom.addrwidth):
            try:
                self.words.append(int(rom._get_read_data(address)))
            except pyrtl.PyrtlError:
                self.words.append(None)

    @property
    def is_complete(self) -> bool:
        """Whether every address has data."""
        return None not in self.words


def fill_memories(
    layout: Layout,
    roms: Mapping[int, RomContents],
    given: Mapping[pyrtl.MemBlock, Mapping[int, int]],
    default_value: int,
) -> NDArray[np.uint8]:
    """All memories as bytes.

    Args:
        layout: where they lie.
        roms: contents of the read-only ones, by number.
        given: words of others by address.
        default_value: of all other addresses, cut to the width of the memory.

    Raises:
        pyrtl.PyrtlError: a memory is not of the block or read-only, an address lies outside, a word
            does not fit.
    """
    content = np.zeros(layout.memory_bytes, np.uint8)
    for number, place in layout.memories.items():
        if number in roms:
            _fill_rom(content, place, roms[number])
        elif default_value:
            value = default_value & ((1 << place.memory.bitwidth) - 1)
            size = place.num_addresses * place.element_bytes
            elements = content[place.offset_bytes :][:size].reshape(-1, place.element_bytes)
            elements[:] = np.frombuffer(encode(value, place.element_bytes), np.uint8)
    for memory, words in given.items():
        if memory.id not in layout.memories:
            raise pyrtl.PyrtlError(f'memory_value_map: "{memory.name}" is no memory of the block')
        if isinstance(memory, pyrtl.RomBlock):
            raise pyrtl.PyrtlError(f'memory_value_map: "{memory.name}" is read-only')
        for address, word in words.items():
            write_word(content, layout.memories[memory.id], address, word)
    return content


def write_word(content: NDArray[np.uint8], place: MemoryPlace, address: int, word: int) -> None:
    """Put a word into the bytes of the memories.

    Raises:
        pyrtl.PyrtlError: the address lies outside, or the word does not fit.
    """
    start = locate(place, address)
    value = convert(word, place.memory.bitwidth, f'memory "{place.memory.name}"[{address}]')
    element = np.frombuffer(encode(value, place.element_bytes), np.uint8)
    content[start : start + place.element_bytes] = element


def locate(place: MemoryPlace, address: int) -> int:
    """Offset of an address in bytes.

    Raises:
        pyrtl.PyrtlError: it lies outside.
    """
    if not 0 <= address < place.num_addresses:
        raise pyrtl.PyrtlError(
            f'memory "{place.memory.name}": address {address} is outside, '
            f"they go from 0 to {place.num_addresses - 1}"
        )
    return place.offset_bytes + place.element_bytes * int(address)


def encode(value: int, num_bytes: int) -> bytes:
    """A number as the processor stores it."""
    return value.to_bytes(num_bytes, sys.byteorder)


def _fill_rom(content: NDArray[np.uint8], place: MemoryPlace, rom: RomContents) -> None:
    words = b"".join(encode(word or 0, place.element_bytes) for word in rom.words)
    content[place.offset_bytes :][: len(words)] = np.frombuffer(words, np.uint8)
    if place.presence_bytes is not None:
        presence = [word is not None for word in rom.words]
        content[place.presence_bytes :][: len(presence)] = presence
