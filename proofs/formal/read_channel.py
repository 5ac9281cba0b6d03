"""The read channel of a core obeys the numbered rules of docs/accelerator.md, section 4.

Assumed of the core: it starts a request only when the one before is answered (or is, in this
cycle), keeps address and number of beats until the request is taken, and asks for a beat at least.
Assumed of memory: it answers open requests only; of the reset: the first one forgets what is open,
and nothing but a reset does (`rtl/reset.py`). Each assumption has a label in the checker.
"""

from __future__ import annotations

from collections.abc import Iterator

from fastcar.proofs.formal.task import FormalTask
from fastcar.proofs.formal.unit import DESIGN, make_unit
from fastcar.proofs.formal.unit_task import UnitBug, make_unit_task, read_body
from fastcar.rtl.channel import ADDRESS_BITS, NUM_BEATS_BITS
from fastcar.rtl.read_channel import ReadChannelInputs, ReadChannelOutputs, make_read_channel

MODULE = "fastcar.rtl.read_channel"
NUM_OPEN = "unit_num_beats_open_q"
BUGS = (
    UnitBug(
        "the request is withdrawn after a cycle",
        MODULE,
        "        (is_requested, 0),",
        "        (is_requesting_q, 0),",
    ),
    UnitBug(
        "one beat too few is taken",
        MODULE,
        "is_more_open = num_beats_open_q != 1",
        "is_more_open = num_beats_open_q != 2",
    ),
    UnitBug(
        "a beat with an error counts as data",
        MODULE,
        "is_beat=is_wanted & ~inputs.response_error",
        "is_beat=is_wanted",
    ),
    UnitBug(
        "a beat from before a reset counts as data",
        MODULE,
        "is_wanted = is_taken & ~is_stale_q",
        "is_wanted = is_taken",
    ),
    UnitBug(
        "reset forgets what memory owes",
        MODULE,
        "(pyrtl.Const(1, 1), is_owed), clear=inputs.forget)",
        "(pyrtl.Const(1, 1), is_owed), clear=inputs.reset)",
    ),
)
UNIT = make_unit(
    lambda inputs: make_read_channel(DESIGN, inputs),
    ReadChannelInputs,
    ReadChannelOutputs,
    {
        "address": ADDRESS_BITS,
        "num_beats": NUM_BEATS_BITS,
        "request_address": ADDRESS_BITS,
        "request_num_beats": NUM_BEATS_BITS,
    },
)


def list_tasks() -> Iterator[FormalTask]:
    """The channel for every environment that obeys its rules."""
    yield make_unit_task(
        UNIT,
        "read_channel_checker",
        read_body("read_channel"),
        name="read channel",
        claim="a request is kept until it is taken and answered by exactly num_beats beats; "
        "nothing is taken without a request; one request is open; after a reset what is open is "
        "taken and dropped",
        configuration="1 to 65,535 beats",
        depth_cycles=2,
        argument="the number of open beats equals the checker's own count",
        delays=dict.fromkeys(
            ("address", "num_beats", "out_request_valid", "request_ready", "reset"), 1
        ),
        bugs=BUGS,
        shown=(
            "reset",
            "start",
            "num_beats",
            "out_request_valid",
            "request_ready",
            "response_valid",
            "out_response_ready",
            "num_open",
            "out_is_beat",
            "out_is_error",
        ),
        visible=(NUM_OPEN,),
        is_quick=True,
    )
