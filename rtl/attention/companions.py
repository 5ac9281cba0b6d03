"""What goes with a word of logits from unit to unit."""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.rtl.registers import drive, make_register


@dataclass(frozen=True)
class Companions:
    """Wires that belong to one word.

    Attributes:
        head: number of its head.
        word_index: given back with the weights.
        is_restart: 1 bit, first word of a head that starts anew.
        is_last_block: 1 bit, last word of its head.
    """

    head: pyrtl.WireVector
    word_index: pyrtl.WireVector
    is_restart: pyrtl.WireVector
    is_last_block: pyrtl.WireVector


def keep(name: str, event: pyrtl.WireVector, value: pyrtl.WireVector) -> pyrtl.Register:
    """Register `name`_q that takes the value at an event (1 bit)."""
    register = make_register(len(value), name)
    drive(register, (event, value))
    return register


def keep_all(name: str, event: pyrtl.WireVector, companions: Companions) -> Companions:
    """Registers that take all companions at an event (1 bit)."""
    kept = {
        member: keep(f"{name}_{member}", event, value) for member, value in vars(companions).items()
    }
    return Companions(**kept)
