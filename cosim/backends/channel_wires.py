"""The wires between a core and its memory channel (docs/accelerator.md, section 4)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MemoryToCore:
    """What a channel puts on the wires in one cycle."""

    read_request_ready: bool
    read_response_valid: bool
    read_response_data: int
    read_response_error: bool
    write_ready: bool
    write_acknowledge_valid: bool
    write_acknowledge_error: bool


@dataclass(frozen=True)
class CoreToMemory:
    """What a core puts on the wires in one cycle."""

    read_request_valid: bool
    read_request_address: int
    read_request_num_beats: int
    read_response_ready: bool
    write_valid: bool
    write_address: int
    write_data: int
