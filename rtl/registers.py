"""Registers with names, and delays: every register of the hardware is made or driven here.

A register's name ends in `_q`. `clear` is a synchronous wire that wins over everything.
"""

from __future__ import annotations

import pyrtl

from fastcar.reference.errors import ArgumentError


def make_register(num_bits: int, name: str, power_up: int | None = None) -> pyrtl.Register:
    """A register `name`_q, to be driven once by `drive`.

    Args:
        num_bits: its width.
        name: without the suffix.
        power_up: its value at power-up, for what has to be known before the first reset; None: any.
    """
    return pyrtl.Register(num_bits, f"{name}_q", reset_value=power_up)


def drive(
    register: pyrtl.Register,
    *cases: tuple[pyrtl.WireVector, pyrtl.WireVector | int],
    clear: pyrtl.WireVector | None = None,
) -> None:
    """Let a register take the value of the first true condition, else keep its own.

    Args:
        register: made by `make_register`.
        cases: (condition, value); a value is unsigned and at most as wide as the register.
        clear: sets the register to 0, before all cases.
    """
    following = register
    for condition, value in reversed(cases):
        following = pyrtl.select(condition, fit(value, len(register)), following)
    if clear is not None:
        following = pyrtl.select(clear, pyrtl.Const(0, len(register)), following)
    register.next <<= following


def fit(value: pyrtl.WireVector | int, num_bits: int) -> pyrtl.WireVector:
    """An unsigned value as a wire of `num_bits`; refuses to lose a bit."""
    wire = pyrtl.Const(value, num_bits) if isinstance(value, int) else value
    if len(wire) > num_bits:
        raise ArgumentError("len(value)", len(wire), f"at most {num_bits}")
    return wire.zero_extended(num_bits)


def increment(wire: pyrtl.WireVector, step: int = 1) -> pyrtl.WireVector:
    """The wire plus a step, modulo 2^bits: a counter that wraps."""
    return (wire + pyrtl.Const(step, len(wire)))[: len(wire)]


def decrement(wire: pyrtl.WireVector) -> pyrtl.WireVector:
    """The wire minus 1, modulo 2^bits."""
    return (wire - 1)[: len(wire)]


def delay(
    wire: pyrtl.WireVector, num_cycles: int, name: str, clear: pyrtl.WireVector | None = None
) -> pyrtl.WireVector:
    """The wire, `num_cycles` later; registers `name`_1_q, `name`_2_q, ..."""
    for stage in range(1, num_cycles + 1):
        register = make_register(len(wire), f"{name}_{stage}")
        drive(register, (pyrtl.Const(1), wire), clear=clear)
        wire = register
    return wire


def latch(wire: pyrtl.WireVector, name: str) -> pyrtl.Register:
    """The wire, one cycle later: register `name`_q."""
    register = make_register(len(wire), name)
    register.next <<= wire
    return register
