"""The memory channel of a core, described once: wires, Verilog and testbenches take it from here.

Source: docs/accelerator.md, section 4, which has the rules of the channel. It is four streams: read
requests and write beats go to memory, responses and acknowledgements come back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import pyrtl

from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import FIELD_BITS

Wire = TypeVar("Wire")

ADDRESS_BITS = FIELD_BITS["address"]
NUM_BEATS_BITS = 16
MAX_OPEN_WRITES = 65_535


@dataclass(frozen=True)
class MemoryToCore(Generic[Wire]):
    """What memory puts on the wires: the wires themselves, or their numbers in one cycle."""

    read_request_ready: Wire
    read_response_valid: Wire
    read_response_data: Wire
    read_response_error: Wire
    write_ready: Wire
    write_acknowledge_valid: Wire
    write_acknowledge_error: Wire


@dataclass(frozen=True)
class CoreToMemory(Generic[Wire]):
    """What a core puts on the wires: the wires themselves, or their numbers in one cycle.

    `read_response_ready` depends on registers alone. `write_strobe` is None without attention.
    """

    read_request_valid: Wire
    read_request_address: Wire
    read_request_num_beats: Wire
    read_response_ready: Wire
    write_valid: Wire
    write_address: Wire
    write_data: Wire
    write_strobe: Wire | None = None


@dataclass(frozen=True)
class ChannelPort:
    """One port of a channel.

    Attributes:
        name: member of `MemoryToCore` or `CoreToMemory`.
        num_bits: its width; None: that of a beat.
        meaning: one line.
        is_for_attention: whether only an accelerator with an attention phase has it (D-47); its
            width is then the number of bytes of a beat.
    """

    name: str
    num_bits: int | None
    meaning: str
    is_for_attention: bool = False

    @property
    def is_from_memory(self) -> bool:
        """Whether memory drives it."""
        return self.name in MemoryToCore.__dataclass_fields__

    def count_bits(self, config: AcceleratorConfig) -> int:
        """Its width in one accelerator."""
        if self.is_for_attention:
            return config.beat_bytes
        return config.beat_bits if self.num_bits is None else self.num_bits


CHANNEL_PORTS = (
    ChannelPort("read_request_valid", 1, "a read is asked for"),
    ChannelPort("read_request_ready", 1, "memory accepts it"),
    ChannelPort("read_request_address", ADDRESS_BITS, "of the first beat, in beats"),
    ChannelPort("read_request_num_beats", NUM_BEATS_BITS, "1 or more"),
    ChannelPort("read_response_valid", 1, "memory answers with one beat"),
    ChannelPort("read_response_ready", 1, "the core takes it"),
    ChannelPort("read_response_data", None, "byte 0 in the lowest bits"),
    ChannelPort("read_response_error", 1, "the beat is not valid; its data is ignored"),
    ChannelPort("write_valid", 1, "a beat is to be written"),
    ChannelPort("write_ready", 1, "memory accepts it"),
    ChannelPort("write_address", ADDRESS_BITS, "in beats"),
    ChannelPort("write_data", None, "byte 0 in the lowest bits"),
    ChannelPort("write_strobe", None, "bit k: byte k of the beat is written", True),
    ChannelPort("write_acknowledge_valid", 1, "the oldest open write is done"),
    ChannelPort("write_acknowledge_error", 1, "it has failed"),
)
"""In the order in which the exported module has them, those of attention among them."""


def list_channel_ports(config: AcceleratorConfig) -> tuple[ChannelPort, ...]:
    """The ports that a channel of this accelerator has.

    >>> from fastcar.rtl.config import TINY, TINY_DECODER
    >>> len(list_channel_ports(TINY)), len(list_channel_ports(TINY_DECODER))
    (14, 15)
    """
    has_attention = config.attention is not None
    return tuple(port for port in CHANNEL_PORTS if has_attention or not port.is_for_attention)


def make_channel_inputs(
    config: AcceleratorConfig, prefix: str = ""
) -> MemoryToCore[pyrtl.WireVector]:
    """Input ports for what memory drives; names begin with `prefix`."""
    ports = (port for port in list_channel_ports(config) if port.is_from_memory)
    return MemoryToCore(
        **{port.name: pyrtl.Input(port.count_bits(config), prefix + port.name) for port in ports}
    )
