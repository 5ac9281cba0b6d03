"""Counters: cycles of a run, work and stalls; they restart with every run.

Latency: an event of cycle t is counted from t + 1 on.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyrtl

from fastcar.rtl.registers import drive, increment, make_register

COUNTER_BITS = 48
"""Of every number of cycles. 10^14 cycles: 10 days at 300 MHz."""


def make_counters(
    events: Mapping[str, pyrtl.WireVector], restart: pyrtl.WireVector, reset: pyrtl.WireVector
) -> dict[str, pyrtl.Register]:
    """One counter for each event.

    Args:
        events: by the name of the counter, 1 bit; counted where 1.
        restart: 1 bit; the event of this cycle is the first one that counts.
        reset: 1 bit; counters are 0 in the next cycle.

    Returns:
        48-bit registers by the same names.
    """
    return {name: _make_counter(name, event, restart, reset) for name, event in events.items()}


def _make_counter(
    name: str, event: pyrtl.WireVector, restart: pyrtl.WireVector, reset: pyrtl.WireVector
) -> pyrtl.Register:
    count_q = make_register(COUNTER_BITS, f"counters_{name}")
    drive(count_q, (restart, event), (event, increment(count_q)), clear=reset)
    return count_q
