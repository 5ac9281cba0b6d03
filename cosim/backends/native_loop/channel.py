"""Channel of one core; twin of `fastcar.cosim.backends.memory_model.MemoryChannel`.

Every draw of the generator stands where the twin draws.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcar.cosim.backends.native_loop.state import NO_PLACE, LoopState, Violation
from fastcar.cosim.backends.native_loop.twister import fill, is_below
from fastcar.reference.kernels.compilation import bare_device
from fastcar.rtl.channel import MAX_OPEN_WRITES

Array = Any
Number = Any
_WORD_BYTES = 8
_NONE = Violation.NONE.value
_REQUEST_CHANGED, _WRITE_CHANGED = Violation.REQUEST_CHANGED.value, Violation.WRITE_CHANGED.value
_SECOND_REQUEST, _EMPTY_REQUEST = Violation.SECOND_REQUEST.value, Violation.EMPTY_REQUEST.value
_TOO_MANY_WRITES = Violation.TOO_MANY_WRITES.value
_ALL_BYTES = -1
"""The strobe of a channel that has none."""
_ANSWER_DUE, _STILL_OFFERED = Violation.ANSWER_DUE.value, Violation.STILL_OFFERED.value


@bare_device
def drive_channel(state: LoopState, core: int) -> None:
    """What the memory puts on the wires in this cycle."""
    channel, places, inputs = state.channels[core], state.wires.channels[core], state.wires.inputs
    generator, stall = state.generators[1 + core], state.run[0].stall_probability
    _prepare_response(state, core)
    is_due = channel.num_open > 0 and (channel.cycle >= state.open_cycles[core, channel.first_open])
    channel.is_acknowledging = is_due and not is_below(generator, stall)
    start, num_bytes = _WORD_BYTES * places.read_response_data, state.responses.shape[1]
    if channel.has_response:
        for byte in range(num_bytes):
            state.wires.input_bytes[start + byte] = state.responses[core, byte]
    else:
        fill(generator, state.wires.input_bytes, start, num_bytes)
    inputs[places.read_response_valid] = channel.has_response
    inputs[places.read_response_error] = channel.is_response_error or not channel.has_response
    inputs[places.read_request_ready] = not is_below(generator, stall)
    inputs[places.write_ready] = not is_below(generator, stall)
    inputs[places.write_acknowledge_valid] = channel.is_acknowledging
    inputs[places.write_acknowledge_error] = (
        state.open_errors[core, channel.first_open] if channel.is_acknowledging else True
    )


@bare_device
def _prepare_response(state: LoopState, core: int) -> None:
    """Raise the next beat if it is due; one that is raised stays (rule 2)."""
    channel, generator = state.channels[core], state.generators[1 + core]
    is_due = channel.beats_left > 0 and channel.cycle >= channel.response_cycle
    if channel.has_response or not is_due:
        return
    if is_below(generator, state.run[0].stall_probability):
        return
    address, response = channel.read_address, state.responses[core]
    channel.has_response = True
    channel.is_response_error = _is_refused(address, state.read_errors, state.beats)
    if channel.is_response_error:
        fill(generator, response, 0, len(response))
        return
    for byte in range(len(response)):
        response[byte] = state.beats[address, byte]


@bare_device
def _is_refused(address: int, errors: Array, beats: Array) -> Number:
    """An address that is to fail, or behind the memory."""
    if address >= len(beats):
        return True
    if len(errors) == 0:
        return False
    place = np.searchsorted(errors, address)
    return place < len(errors) and errors[place] == address


@bare_device
def observe_channel(state: LoopState, core: int) -> Number:
    """Take what the core did in this cycle; the rule it broke."""
    channel, places = state.channels[core], state.wires.channels[core]
    if channel.is_acknowledging:
        channel.first_open = (channel.first_open + 1) % MAX_OPEN_WRITES
        channel.num_open -= 1
    if channel.has_response and state.wires.kept[places.read_response_ready]:
        channel.has_response = False
        channel.read_address += 1
        channel.beats_left -= 1
        channel.num_read_beats += 1
    violation = _observe_request(state, core)
    if violation == _NONE:
        violation = _observe_write(state, core)
    if violation == _NONE:
        channel.cycle += 1
    return violation


@bare_device
def _observe_request(state: LoopState, core: int) -> Number:
    channel, places, kept = state.channels[core], state.wires.channels[core], state.wires.kept
    is_offered = kept[places.read_request_valid] != 0
    address = np.int64(kept[places.read_request_address])
    num_beats = np.int64(kept[places.read_request_num_beats])
    if channel.is_request_held and (
        not is_offered
        or address != channel.held_request_address
        or num_beats != channel.held_request_num_beats
    ):
        return _REQUEST_CHANGED
    is_taken = is_offered and state.wires.inputs[places.read_request_ready] != 0
    channel.is_request_held = is_offered and not is_taken
    channel.held_request_address, channel.held_request_num_beats = address, num_beats
    if not is_taken:
        return _NONE
    if channel.beats_left > 0:
        return _SECOND_REQUEST
    if num_beats < 1:
        return _EMPTY_REQUEST
    channel.read_address, channel.beats_left = address, num_beats
    channel.response_cycle = channel.cycle + state.run[0].latency_cycles
    return _NONE


@bare_device
def _observe_write(state: LoopState, core: int) -> Number:
    channel, places = state.channels[core], state.wires.channels[core]
    is_offered = state.wires.kept[places.write_valid] != 0
    address = np.int64(state.wires.kept[places.write_address])
    start, held = _WORD_BYTES * places.write_data, state.held_writes[core]
    strobe = _get_strobe(state, core)
    if channel.is_write_held:
        is_same = is_offered and address == channel.held_write_address
        is_same = is_same and strobe == channel.held_write_strobe
        for byte in range(len(held)):
            is_same = is_same and state.wires.kept_bytes[start + byte] == held[byte]
        if not is_same:
            return _WRITE_CHANGED
    is_taken = is_offered and state.wires.inputs[places.write_ready] != 0
    channel.is_write_held = is_offered and not is_taken
    if channel.is_write_held:
        channel.held_write_address, channel.held_write_strobe = address, strobe
        for byte in range(len(held)):
            held[byte] = state.wires.kept_bytes[start + byte]
    if not is_taken:
        return _NONE
    if channel.num_open >= MAX_OPEN_WRITES:
        return _TOO_MANY_WRITES
    is_error = _is_refused(address, state.write_errors, state.beats)
    if not is_error:
        _write_beat(state.beats[address], state.wires.kept_bytes, start, strobe)
    last = (channel.first_open + channel.num_open) % MAX_OPEN_WRITES
    state.open_cycles[core, last] = channel.cycle + state.run[0].latency_cycles
    state.open_errors[core, last] = is_error
    channel.num_open += 1
    channel.num_write_beats += 1
    return _NONE


@bare_device
def _write_beat(beat: Array, content: Array, start: int, strobe: int) -> None:
    """Store the bytes of a beat whose strobe is 1."""
    for byte in range(len(beat)):
        if strobe == _ALL_BYTES or strobe >> byte & 1:
            beat[byte] = content[start + byte]


@bare_device
def _get_strobe(state: LoopState, core: int) -> Number:
    """A bit for each byte of a beat; all of them where the channel has no strobe (D-47)."""
    place = state.wires.channels[core].write_strobe
    if place == NO_PLACE:
        return np.int64(_ALL_BYTES)
    return np.int64(state.wires.kept[place])


@bare_device
def check_closed(channel: Array) -> Number:
    """The rule that a core breaks which is done while a transfer is open, or was not accepted."""
    if channel.beats_left > 0 or channel.num_open > 0:
        return _ANSWER_DUE
    if channel.is_request_held or channel.is_write_held:
        return _STILL_OFFERED
    return _NONE
