"""Write channel of a core: beats with addresses, acknowledged one by one.

Source: docs/accelerator.md, section 4. Contract: `start` in cycle t offers the first beat in cycle
t + 1 and one beat in every cycle in which memory is ready; `is_done` is 1 in the cycle of the last
acknowledgement. `stop` ends the burst after the beat that is offered.

With a `ByteStore` the beats are those of `rtl/byte_beats.py`, and have strobes. A word takes two
cycles at least (`rtl/datapath.py`): one of STORE_KEY, which is one beat, is offered in its second.

A reset withdraws the beat that is not taken yet; acknowledgements that memory owes are dropped
after it, and until then `is_stale` is 1 and nothing may start (D-40).
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.rtl.assertions import require, require_stable
from fastcar.rtl.byte_beats import ByteStore, make_byte_beats
from fastcar.rtl.channel import ADDRESS_BITS, MAX_OPEN_WRITES
from fastcar.rtl.registers import decrement, drive, increment, make_register

MAX_OPEN_BITS = MAX_OPEN_WRITES.bit_length()


@dataclass(frozen=True)
class WriteChannelInputs:
    """Wires into the unit.

    Attributes:
        reset: 1 bit.
        forget: 1 bit, memory owes nothing.
        start: 1 bit.
        first_address: 32 bits, in beats, valid with `start`.
        stop: 1 bit.
        word: 2 L bytes: the word that is sent, lower beat first, from the cycle after `start` on.
        is_last_word: 1 bit, it is the last one of the burst.
        ready: 1 bit, from memory.
        acknowledge_valid: 1 bit, from memory.
        acknowledge_error: 1 bit, from memory.
    """

    reset: pyrtl.WireVector
    forget: pyrtl.WireVector
    start: pyrtl.WireVector
    first_address: pyrtl.WireVector
    stop: pyrtl.WireVector
    word: pyrtl.WireVector
    is_last_word: pyrtl.WireVector
    ready: pyrtl.WireVector
    acknowledge_valid: pyrtl.WireVector
    acknowledge_error: pyrtl.WireVector


@dataclass(frozen=True)
class WriteChannelOutputs:
    """Wires out of the unit.

    Attributes:
        valid: 1 bit, to memory, with address (32 bits) and data (a beat).
        address: see valid.
        data: see valid.
        stored: the data, 0 where nothing is written.
        strobe: see valid; L bits, None without a `ByteStore`.
        is_sending: 1 bit, a burst is under way.
        is_beat_sent: 1 bit, a beat is taken in this cycle.
        is_word_sent: 1 bit, the last beat of the word is taken in this cycle.
        is_done: 1 bit, the last beat of the burst is acknowledged, without error.
        is_error: 1 bit, an acknowledgement carries an error.
        is_open: 1 bit, a burst is under way or a beat not yet acknowledged.
        is_stale: 1 bit, a register; memory owes acknowledgements of beats from before a reset.
        is_stalled: 1 bit, memory is waited for in this cycle.
    """

    valid: pyrtl.WireVector
    address: pyrtl.WireVector
    data: pyrtl.WireVector
    stored: pyrtl.WireVector
    strobe: pyrtl.WireVector | None
    is_sending: pyrtl.WireVector
    is_beat_sent: pyrtl.WireVector
    is_word_sent: pyrtl.WireVector
    is_done: pyrtl.WireVector
    is_error: pyrtl.WireVector
    is_open: pyrtl.WireVector
    is_stale: pyrtl.WireVector
    is_stalled: pyrtl.WireVector


def make_write_channel(
    name: str, inputs: WriteChannelInputs, store: ByteStore | None = None
) -> WriteChannelOutputs:
    """Build the channel; `store` tells of the instructions of attention, if the core has them."""
    # State.
    is_sending_q = make_register(1, f"{name}_is_sending")
    is_upper_q = make_register(1, f"{name}_is_upper")
    address_q = make_register(ADDRESS_BITS, f"{name}_address")
    num_open_q = make_register(MAX_OPEN_BITS, f"{name}_num_open")
    has_open_q = make_register(1, f"{name}_has_open")
    has_one_open_q = make_register(1, f"{name}_has_one_open")
    is_stale_q = make_register(1, f"{name}_is_stale")
    valid = is_sending_q if store is None else make_register(1, f"{name}_is_offering")

    # Datapath.
    beat_bits = len(inputs.word) // 2
    data = pyrtl.select(is_upper_q, inputs.word[beat_bits:], inputs.word[:beat_bits])
    is_beat_sent = valid & inputs.ready
    is_word_sent = is_beat_sent & is_upper_q
    is_end = is_beat_sent & inputs.stop | is_word_sent & inputs.is_last_word
    is_acknowledged = inputs.acknowledge_valid & has_open_q
    is_last_acknowledged = ~is_sending_q & is_acknowledged & has_one_open_q
    is_more, is_less = is_beat_sent & ~is_acknowledged, is_acknowledged & ~is_beat_sent
    is_first_last: pyrtl.WireVector | int = 0
    is_following_last, following_address = ~is_upper_q, increment(address_q)
    stored, strobe = data, None
    if store is not None:
        beats = make_byte_beats(name, store, inputs.start, is_beat_sent, inputs.word, is_upper_q)
        data, stored, strobe = beats.data, beats.stored, beats.strobe
        is_first_last, is_following_last = store.is_key, beats.is_following_last
        following_address = (address_q + beats.address_step)[:ADDRESS_BITS]
        is_end = is_end | is_sending_q & ~valid & inputs.stop
        drive(
            valid,
            (inputs.start, ~store.is_key),
            (is_end, 0),
            (is_sending_q, ~(is_beat_sent & store.is_key)),
            clear=inputs.reset,
        )

    # Control.
    drive(
        is_sending_q,
        (inputs.start, 1),
        (is_end, 0),
        clear=inputs.reset,
    )
    # The last beat of its word is the upper one of STORE.
    drive(
        is_upper_q,
        (inputs.start, is_first_last),
        (is_beat_sent, is_following_last),
        clear=inputs.reset,
    )
    drive(address_q, (inputs.start, inputs.first_address), (is_beat_sent, following_address))
    drive(
        num_open_q,
        (is_more, increment(num_open_q)),
        (is_less, decrement(num_open_q)),
        clear=inputs.forget,
    )
    # Flags of the number, so that the end of an instruction does not wait for a comparison.
    has_two_open = num_open_q == 2
    is_owed = pyrtl.WireVector(1, f"{name}_is_owed")
    is_owed <<= is_more | pyrtl.select(is_less, ~has_one_open_q, has_open_q)
    drive(has_open_q, (pyrtl.Const(1, 1), is_owed), clear=inputs.forget)
    drive(has_one_open_q, (is_more, ~has_open_q), (is_less, has_two_open), clear=inputs.forget)
    is_stale_d = is_owed & (inputs.reset | is_stale_q)
    drive(is_stale_q, (pyrtl.Const(1, 1), is_stale_d), clear=inputs.forget)

    # Assertions.
    payload = pyrtl.concat(address_q, data)
    if strobe is not None:
        payload = pyrtl.concat(payload, strobe)
    _require_rules(name, inputs, valid, payload, num_open_q)
    is_awaiting = has_open_q & ~is_stale_q
    is_awaited = ~is_sending_q & is_awaiting & ~is_last_acknowledged
    return WriteChannelOutputs(
        valid=valid,
        address=address_q,
        data=data,
        stored=stored,
        strobe=strobe,
        is_sending=is_sending_q,
        is_beat_sent=is_beat_sent,
        is_word_sent=is_word_sent,
        is_done=is_last_acknowledged & ~inputs.acknowledge_error & ~is_stale_q,
        is_error=is_acknowledged & inputs.acknowledge_error & ~is_stale_q,
        is_open=is_sending_q | is_awaiting,
        is_stale=is_stale_q,
        is_stalled=(valid & ~inputs.ready) | is_awaited,
    )


def _require_rules(
    name: str,
    inputs: WriteChannelInputs,
    valid: pyrtl.WireVector,
    payload: pyrtl.WireVector,
    num_open: pyrtl.WireVector,
) -> None:
    require_stable(f"{name}_beat", inputs.reset, valid, inputs.ready, payload)
    is_surplus = inputs.acknowledge_valid & (num_open == 0)
    require(inputs.reset | ~is_surplus, f"rule 5: {name} is acknowledged once for every beat")
    is_full = num_open == MAX_OPEN_WRITES
    require(
        inputs.reset | ~(is_full & valid & inputs.ready & ~inputs.acknowledge_valid),
        f"rule 5: {name} has at most 65,535 beats open",
    )
