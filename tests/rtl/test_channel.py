"""The description of a channel: every wire of both sides once, as wide as its unit makes it."""

from __future__ import annotations

from dataclasses import fields

from fastcar.rtl.channel import CHANNEL_PORTS, CoreToMemory, MemoryToCore
from fastcar.rtl.config import TINY


def test_every_wire_is_described_once() -> None:
    names = [port.name for port in CHANNEL_PORTS]
    assert len(names) == len(set(names))
    for side, is_from_memory in ((MemoryToCore, True), (CoreToMemory, False)):
        described = [port.name for port in CHANNEL_PORTS if port.is_from_memory == is_from_memory]
        assert described == [member.name for member in fields(side)]


def test_data_is_as_wide_as_a_beat() -> None:
    widths = {port.name: port.count_bits(TINY) for port in CHANNEL_PORTS}
    assert widths["read_response_data"] == widths["write_data"] == TINY.beat_bits
    assert widths["read_request_address"] == widths["write_address"] == 32
