"""A puppet in place of the accelerator: every instruction says what its ports do in its cycle.

It has the ports of the tiny accelerator, with attention or without, and no state, so that a program
can do on the memory channels whatever a broken core would do. Without an instruction it is quiet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field

import pyrtl

from fastcar.rtl.accelerator import make_accelerator
from fastcar.rtl.assertions import require
from fastcar.rtl.channel import list_channel_ports
from fastcar.rtl.config import TINY, AcceleratorConfig
from fastcar.rtl.instruction import INSTRUCTION_BITS

CLAIM = "the puppet breaks no assertion"
_CORE_FIELDS = (
    ("read_request_valid", 1),
    ("read_request_address", 4),
    ("read_request_num_beats", 3),
    ("read_response_ready", 1),
    ("write_valid", 1),
    ("write_address", 4),
    ("write_data", 8),
    ("write_strobe", 4),
)
_COMMON_FIELDS = (
    ("breaks_assertion", 1),
    ("done", 1),
    ("decision_valid", 1),
    ("decision_order", 3),
    ("decision_score", 48),
    ("retire_valid", 1),
    ("retire_order", 3),
    ("error", 1),
)


@dataclass(frozen=True)
class CoreMove:
    """What one core drives in one cycle."""

    read_request_valid: int = 0
    read_request_address: int = 0
    read_request_num_beats: int = 0
    read_response_ready: int = 0
    write_valid: int = 0
    write_address: int = 0
    write_data: int = 0
    write_strobe: int = 15


@dataclass(frozen=True)
class Move:
    """What the puppet drives in one cycle."""

    breaks_assertion: int = 0
    done: int = 0
    decision_valid: int = 0
    decision_order: int = 0
    decision_score: int = 0
    retire_valid: int = 0
    retire_order: int = 0
    error: int = 0
    cores: tuple[CoreMove, ...] = field(default=(CoreMove(),) * TINY.num_cores)


def encode_moves(moves: Iterable[Move], config: AcceleratorConfig = TINY) -> list[int]:
    """The program that makes the puppet do the moves."""
    return [_encode(config, move) for move in moves]


def _encode(config: AcceleratorConfig, move: Move) -> int:
    values = [*astuple(move)[: len(_COMMON_FIELDS)]]
    for core in move.cores:
        values += astuple(core)[: len(_list_core_fields(config))]
    word = position = 0
    for (_, num_bits), value in zip(_list_fields(config), values, strict=True):
        assert 0 <= value < 1 << num_bits
        word |= value << position
        position += num_bits
    return word


def _list_core_fields(config: AcceleratorConfig) -> list[tuple[str, int]]:
    """Those whose ports the accelerator has."""
    existing = [port.name for port in list_channel_ports(config)]
    return [(name, num_bits) for name, num_bits in _CORE_FIELDS if name in existing]


def _list_fields(config: AcceleratorConfig) -> list[tuple[str, int]]:
    """Name of the port, and width, of every field from bit 0 up."""
    fields = [*_COMMON_FIELDS]
    for core in range(TINY.num_cores):
        fields += [(f"core{core}_{name}", num_bits) for name, num_bits in _list_core_fields(config)]
    return fields


def make_puppet(config: AcceleratorConfig = TINY) -> pyrtl.Block:
    """The puppet with the ports of a tiny accelerator; ports without a field are 0."""
    model = make_accelerator(config)
    outputs = model.wirevector_subset(pyrtl.Output) - set(model.rtl_assert_dict)
    widths = {wire.name: len(wire) for wire in sorted(outputs, key=str)}
    block = pyrtl.Block()
    with pyrtl.set_working_block(block):
        inputs = {
            wire.name: pyrtl.Input(len(wire), wire.name)
            for wire in sorted(model.wirevector_subset(pyrtl.Input), key=str)
        }
        driven = _split(config, inputs)
        require(~driven.pop("breaks_assertion"), CLAIM)
        driven["instruction_ready"] = pyrtl.Const(1)
        for name, num_bits in widths.items():
            wire = driven.pop(name, pyrtl.Const(0))
            port = pyrtl.Output(num_bits, name)
            port <<= wire.zero_extended(num_bits)
        assert not driven, driven
    return block


def _split(
    config: AcceleratorConfig, inputs: Mapping[str, pyrtl.WireVector]
) -> dict[str, pyrtl.WireVector]:
    """Fields of the instruction by the name of their port; 0 without an instruction."""
    is_offered = inputs["instruction_valid"] & ~inputs["reset"]
    word = pyrtl.select(is_offered, inputs["instruction"], pyrtl.Const(0, INSTRUCTION_BITS))
    driven: dict[str, pyrtl.WireVector] = {}
    position = 0
    for name, num_bits in _list_fields(config):
        driven[name] = word[position : position + num_bits]
        position += num_bits
    return driven
