"""The seven buffers of a core: synchronous memories of words, one read and one write port each.

Contract: the read index of cycle t gives the word in cycle t + FETCH_CYCLES, with everything
written before t (a register behind every block RAM, D-23). X, N, H, Y and K share one read index,
G and P have their own. Where `is_flowing` is 0, words on their way wait. One word is written in
every cycle; what a read finds that meets a write to the same word is not used by any instruction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType

import pyrtl

from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import FIELD_BITS, Buffer, get_buffer_words
from fastcar.rtl.registers import drive, make_register

FETCH_CYCLES = 2
"""Register of the block RAM, and one behind it: logic behind a block RAM would be too slow."""
TABLE_CYCLES = FETCH_CYCLES + 1
"""One register more in front of a multiplier, to which the way from a block RAM is long."""


@dataclass(frozen=True)
class WritePort:
    """The write port of all buffers.

    Attributes:
        enable: 1 bit.
        buffer: 3 bits, `Buffer`.
        index: as wide as `count_index_bits`.
        word: L int16.
    """

    enable: pyrtl.WireVector
    buffer: pyrtl.WireVector
    index: pyrtl.WireVector
    word: pyrtl.WireVector


@dataclass(frozen=True)
class VectorMemoryInputs:
    """Wires into the unit.

    Attributes:
        operand_index: register of `count_index_bits`, read index of X, N, H, Y and K.
        gate_index: register, of G.
        parameter_index: register, of P.
        is_flowing: 1 bit, words on their way go on.
        write_port: see there.
    """

    operand_index: pyrtl.Register
    gate_index: pyrtl.Register
    parameter_index: pyrtl.Register
    is_flowing: pyrtl.WireVector
    write_port: WritePort


def make_open_write_port(config: AcceleratorConfig, name: str) -> WritePort:
    """A write port that is not driven yet; `connect_write_port` drives it."""
    return WritePort(
        enable=pyrtl.WireVector(1, f"{name}_enable"),
        buffer=pyrtl.WireVector(FIELD_BITS["target"], f"{name}_buffer"),
        index=pyrtl.WireVector(count_index_bits(config), f"{name}_index"),
        word=pyrtl.WireVector(config.word_bits, f"{name}_word"),
    )


def connect_write_port(port: WritePort, driver: WritePort) -> None:
    """Drive every wire of a port by the same wire of another one."""
    for member in fields(WritePort):
        wire = getattr(port, member.name)
        wire <<= getattr(driver, member.name)


def count_index_bits(config: AcceleratorConfig) -> int:
    """Width of an index, and of a number of words, of the largest buffer."""
    return max(get_buffer_words(config, buffer) for buffer in Buffer).bit_length()


def make_vector_memory(
    config: AcceleratorConfig, name: str, inputs: VectorMemoryInputs
) -> dict[Buffer, pyrtl.WireVector]:
    """Build the memories; gives the word that each of them has read."""
    port = inputs.write_port
    own_index = {Buffer.G: inputs.gate_index, Buffer.P: inputs.parameter_index}
    words = {}
    for buffer in Buffer:
        num_words = get_buffer_words(config, buffer)
        address_bits = max(1, (num_words - 1).bit_length())
        memory = pyrtl.MemBlock(
            config.word_bits,
            address_bits,
            f"{name}_{buffer.name.lower()}",
            asynchronous=False,
            max_write_ports=1,
        )
        # No index exceeds the capacity: a larger number of rows is refused before dispatch.
        read_index = own_index.get(buffer, inputs.operand_index)
        is_written = port.enable & (port.buffer == int(buffer))
        memory[port.index[:address_bits]] <<= pyrtl.MemBlock.EnabledWrite(port.word, is_written)
        word = memory[read_index[:address_bits]]
        for stage in range(1, FETCH_CYCLES + 1):
            word_q = make_register(config.word_bits, f"{name}_{buffer.name.lower()}_{stage}")
            drive(word_q, (inputs.is_flowing, word))
            word = word_q
        words[buffer] = word
    return words


def select_word(
    words: dict[Buffer, pyrtl.WireVector],
    buffer: pyrtl.WireVector,
    others: Mapping[int, pyrtl.WireVector] = MappingProxyType({}),
) -> pyrtl.WireVector:
    """The word of one buffer, or of `others` by their numbers; 0 for a number that neither has."""
    zero = pyrtl.Const(0, len(words[Buffer.X]))
    by_number = {int(number): word for number, word in words.items()} | dict(others)
    return pyrtl.mux(buffer, *(by_number.get(n, zero) for n in range(1 << FIELD_BITS["source"])))
