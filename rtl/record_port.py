"""Record ports: decisions as they are committed, retirements one in a cycle, both numbered.

Source: ours. The testbench always accepts. Orders have no gap and restart with every run.

Latency: a decision appears in the cycle of its commit, a retirement in the cycle in which it is
offered if no core of a lower number offers one; the others wait in their cores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyrtl

from fastcar.rtl.circuits import CORE_BITS, select_value
from fastcar.rtl.registers import drive, increment, make_register
from fastcar.rtl.retirement import Retirement

ORDER_BITS = 32


@dataclass(frozen=True)
class RetireRecord:
    """One record; the wires count where `valid` is 1.

    Attributes:
        valid: 1 bit.
        order: 32 bits, from 0 in every run.
        core: 5 bits.
        retirement: of that core.
        ready: for each core 1 bit; its retirement is accepted.
    """

    valid: pyrtl.WireVector
    order: pyrtl.WireVector
    core: pyrtl.WireVector
    retirement: Retirement
    ready: tuple[pyrtl.WireVector, ...]


def make_retire_port(retirements: Sequence[Retirement], clear: pyrtl.WireVector) -> RetireRecord:
    """Build the port of retirements: the core with the lowest number first.

    Args:
        retirements: one for each core.
        clear: 1 bit; the next order is 0.
    """
    # Control.
    ready = [pyrtl.Const(1, 1)]
    for retirement in retirements[:-1]:
        ready.append(ready[-1] & ~retirement.valid)
    core = pyrtl.Const(len(retirements) - 1, CORE_BITS)
    for number in reversed(range(len(retirements) - 1)):
        core = pyrtl.select(retirements[number].valid, pyrtl.Const(number, CORE_BITS), core)
    valid = pyrtl.rtl_any(*(retirement.valid for retirement in retirements))
    tokens = [one.token for one in retirements if one.token is not None]
    chosen = Retirement(
        valid,
        select_value([one.slot for one in retirements], core),
        select_value([one.start_cycle for one in retirements], core),
        select_value([one.end_cycle for one in retirements], core),
        select_value([one.digest for one in retirements], core),
        select_value(tokens, core) if tokens else None,
    )
    return RetireRecord(valid, make_order("retire", valid, clear), core, chosen, tuple(ready))


def make_order(name: str, valid: pyrtl.WireVector, clear: pyrtl.WireVector) -> pyrtl.Register:
    """32 bits: number of records before this one, 0 after `clear`."""
    order_q = make_register(ORDER_BITS, f"record_port_{name}_order")
    drive(order_q, (valid, increment(order_q)), clear=clear)
    return order_q
