"""The write channel of a core obeys the numbered rules of docs/accelerator.md, section 4.

Assumed of the core: it starts a burst only when the one before is acknowledged (or is, in this
cycle), keeps its word while memory is not ready, and has at most 65,535 beats open. Assumed of
memory: it acknowledges open beats only; of the reset: the first one forgets what is open, and
nothing but a reset does (`rtl/reset.py`). Each assumption has a label in the checker.
"""

from __future__ import annotations

from collections.abc import Iterator

from fastcar.proofs.formal.task import FormalTask
from fastcar.proofs.formal.unit import DESIGN, make_unit
from fastcar.proofs.formal.unit_task import UnitBug, make_unit_task, read_body
from fastcar.rtl.channel import ADDRESS_BITS
from fastcar.rtl.write_channel import WriteChannelInputs, WriteChannelOutputs, make_write_channel

MODULE = "fastcar.rtl.write_channel"
BEAT_BITS = 32
INNER = (
    "unit_num_open_q",
    "unit_has_open_q",
    "unit_has_one_open_q",
    "unit_is_upper_q",
)
DELAYS = dict.fromkeys(("word", "out_valid", "out_address", "out_data", "ready", "reset"), 1)
SHOWN = (
    "reset",
    "start",
    "first_address",
    "word",
    "is_last_word",
    "out_valid",
    "ready",
    "out_address",
    "out_data",
    "acknowledge_valid",
    "num_open",
    "out_is_done",
)
BUGS = (
    UnitBug(
        "the upper beat goes first",
        MODULE,
        "pyrtl.select(is_upper_q, inputs.word[beat_bits:], inputs.word[:beat_bits])",
        "pyrtl.select(is_upper_q, inputs.word[:beat_bits], inputs.word[beat_bits:])",
    ),
    UnitBug(
        "the address moves while memory is not ready",
        MODULE,
        "(is_beat_sent, following_address)",
        "(is_sending_q, following_address)",
    ),
    UnitBug(
        "done while a beat is still to be acknowledged",
        MODULE,
        "has_two_open = num_open_q == 2",
        "has_two_open = num_open_q == 3",
    ),
    UnitBug(
        "reset forgets what memory owes",
        MODULE,
        "(pyrtl.Const(1, 1), is_owed), clear=inputs.forget)",
        "(pyrtl.Const(1, 1), is_owed), clear=inputs.reset)",
    ),
)
UNIT = make_unit(
    lambda inputs: make_write_channel(DESIGN, inputs),
    WriteChannelInputs,
    WriteChannelOutputs,
    {
        "first_address": ADDRESS_BITS,
        "word": 2 * BEAT_BITS,
        "address": ADDRESS_BITS,
        "data": BEAT_BITS,
        "stored": BEAT_BITS,
    },
    missing=("strobe",),
)


def list_tasks() -> Iterator[FormalTask]:
    """The channel for every environment that obeys its rules."""
    yield make_unit_task(
        UNIT,
        "write_channel_checker",
        read_body("write_halves") + read_body("write_channel"),
        name="write channel",
        claim="a beat is kept until it is taken; beats and addresses come in order, none twice; "
        "done with the last acknowledgement",
        configuration="beats of 4 bytes",
        depth_cycles=2,
        argument="the number of open beats equals the checker's own count",
        delays=DELAYS,
        bugs=BUGS,
        shown=SHOWN,
        visible=INNER,
    )
