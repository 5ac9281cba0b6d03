"""Beats of STORE_KEY and STORE_VALUE: the low byte of each lane, all in one beat or one by one.

Source: docs/accelerator.md, section 8. A part of the write channel of an accelerator with attention
(D-47). For STORE a beat is a half of the word, as without attention.

Contract: `data`, `strobe` and `address_step` belong to the beat that is offered; `start` in cycle t
means the first beat of the first word, from t + 1 on, and `is_beat_sent` the following one. What
the next beat needs is in registers: the byte of STORE_VALUE is chosen while the one before it is
offered, and the end of a head is a flag.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import or_

import pyrtl

from fastcar.rtl.channel import ADDRESS_BITS
from fastcar.rtl.circuits import mask
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.lanes import ACTIVATION_BITS, split_lanes
from fastcar.rtl.registers import drive, increment, make_register

BYTE_BITS = 8


@dataclass(frozen=True)
class ByteStore:
    """What the instruction says; the wires are registers, or a level of logic behind them.

    Attributes:
        is_key: 1 bit, STORE_KEY.
        is_value: 1 bit, STORE_VALUE.
        lane: 5 bits, the byte of a beat that STORE_VALUE writes; none if the beat does not have it.
        head_beats: d / L, beats of a head in a row.
        head_step: from the last beat of a head to the first one of the next.
    """

    is_key: pyrtl.WireVector
    is_value: pyrtl.WireVector
    lane: pyrtl.WireVector
    head_beats: int
    head_step: int


@dataclass(frozen=True)
class ByteBeats:
    """The beat that is offered.

    Attributes:
        data: L bytes; of STORE_VALUE all of them are the one that is written.
        stored: the same, 0 where the strobe is.
        strobe: register, L bits.
        address_step: 32 bits, from its address to the following one.
        is_following_last: 1 bit, the following beat is the last one of its word.
    """

    data: pyrtl.WireVector
    stored: pyrtl.WireVector
    strobe: pyrtl.Register
    address_step: pyrtl.WireVector
    is_following_last: pyrtl.WireVector


def make_byte_store(
    config: AcceleratorConfig,
    is_key: pyrtl.WireVector,
    is_value: pyrtl.WireVector,
    lane: pyrtl.WireVector,
) -> ByteStore:
    """What the instruction says, with the sizes of a head; the config has an attention phase."""
    assert config.attention is not None
    head_dim = config.attention.head_dim
    head_beats = head_dim // config.num_lanes
    return ByteStore(is_key, is_value, lane, head_beats, head_dim - head_beats + 1)


def make_byte_beats(
    name: str,
    store: ByteStore,
    start: pyrtl.WireVector,
    is_beat_sent: pyrtl.WireVector,
    word: pyrtl.WireVector,
    is_upper: pyrtl.WireVector,
) -> ByteBeats:
    """Build the beats.

    Args:
        name: of the channel.
        store: what the instruction says.
        start: 1 bit.
        is_beat_sent: 1 bit.
        word: L int16.
        is_upper: 1 bit, register; the beat of STORE is the upper half of the word.
    """
    # State.
    lane_bytes = [lane[:BYTE_BITS] for lane in split_lanes(word, ACTIVATION_BITS)]
    num_lanes = len(lane_bytes)
    ahead_q = make_register(num_lanes, f"{name}_lane_ahead")
    byte_ahead_q = make_register(BYTE_BITS, f"{name}_byte_ahead")
    strobe_q = make_register(num_lanes, f"{name}_strobe")

    # Datapath.
    # One bit, that of the lane behind the one that is offered: bit 1 for the first beat of a word.
    following = reduce(or_, (mask(byte, ahead_q[lane]) for lane, byte in enumerate(lane_bytes)))
    single = pyrtl.select(ahead_q[1], lane_bytes[0], byte_ahead_q)
    every = pyrtl.concat_list([single] * num_lanes)
    # One level of logic: the upper bit says whether the beat is one of bytes, the lower one which.
    is_bytes = store.is_key | store.is_value
    choice = pyrtl.concat(is_bytes, pyrtl.select(is_bytes, store.is_value, is_upper))
    num_bits = BYTE_BITS * num_lanes
    lower, upper = word[:num_bits], word[num_bits:]
    data = pyrtl.mux(choice, lower, upper, pyrtl.concat_list(lane_bytes), every)
    lanes = zip(split_lanes(data, BYTE_BITS), strobe_q, strict=True)
    stored = pyrtl.concat_list([mask(byte, is_stored) for byte, is_stored in lanes])
    strobe = [~store.is_value | (store.lane == k) for k in range(num_lanes)]
    is_last_lane = pyrtl.select(store.is_value, ahead_q[-1], ~is_upper)

    # Control.
    rotated = pyrtl.concat(ahead_q[:-1], ahead_q[-1])
    drive(ahead_q, (start, 1 << 1), (is_beat_sent, rotated))
    drive(byte_ahead_q, (is_beat_sent, following))
    drive(strobe_q, (start, pyrtl.concat_list(strobe)))
    return ByteBeats(
        data=data,
        stored=stored,
        strobe=strobe_q,
        address_step=_make_address_step(name, store, start, is_beat_sent),
        is_following_last=store.is_key | is_last_lane,
    )


def _make_address_step(
    name: str, store: ByteStore, start: pyrtl.WireVector, is_beat_sent: pyrtl.WireVector
) -> pyrtl.WireVector:
    """32 bits: 1, behind the last beat of a head of STORE_KEY the way to the next one."""
    is_head_end: pyrtl.WireVector = pyrtl.Const(1, 1)
    if store.head_beats > 1:
        # The flag of the number, so that the address does not wait for a comparison.
        last = store.head_beats - 1
        number_q = make_register(last.bit_length(), f"{name}_head_beat")
        is_head_end_q = make_register(1, f"{name}_is_head_end")
        following = mask(increment(number_q), ~is_head_end_q)
        drive(number_q, (start, 0), (is_beat_sent, following))
        drive(
            is_head_end_q,
            (start, 0),
            (is_beat_sent, ~is_head_end_q & (number_q == last - 1)),
        )
        is_head_end = is_head_end_q
    step = pyrtl.Const(store.head_step, ADDRESS_BITS)
    return pyrtl.select(store.is_key & is_head_end, step, pyrtl.Const(1, ADDRESS_BITS))
