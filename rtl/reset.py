"""When a reset forgets what memory owes: the first one after power-up, and a long one.

Source: D-40. Reset clears all but what memory owes (open beats of reads, unacknowledged beats of
writes), for memory answers whatever happened to the accelerator. Before the first reset nothing is
known, and nothing was asked for; a memory that is reset itself owes nothing, and says so by a reset
of LONG_RESET_CYCLES or more.
"""

from __future__ import annotations

import pyrtl

from fastcar.rtl.registers import drive, increment, make_register

LONG_RESET_CYCLES = 16
"""A reset of so many cycles forgets what memory owes."""


def make_forget(reset: pyrtl.WireVector) -> pyrtl.WireVector:
    """1 bit, memory owes nothing: until the first cycle of reset, and from the last of a long one.

    Args:
        reset: 1 bit.
    """
    # State: the one register with a value at power-up, and the cycles that this reset lasts.
    was_reset_q = make_register(1, "was_reset", power_up=0)
    num_cycles_q = make_register((LONG_RESET_CYCLES - 1).bit_length(), "reset_num_cycles")

    # Datapath.
    is_long = reset & (num_cycles_q == LONG_RESET_CYCLES - 1)

    # Control.
    drive(was_reset_q, (reset, 1))
    drive(num_cycles_q, (is_long, num_cycles_q), (reset, increment(num_cycles_q)), clear=~reset)
    return ~was_reset_q | is_long
