"""Dynamic Resource Scheduling (DRS): which core computes which slot of the batch.

Source: arXiv:2505.14709v1. The Index Register holds one bit for each slot of the batch (0 = replay,
1 = compute), one Mapping Register for each names the core that runs it; the slots that compute are
dealt round-robin. Ours: the deal begins at core 0 for every set of decisions and follows the order
of the slots, so the mapping is a pure function of the flags, however scores were finished (D-22).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import NewType

import numpy as np

from fastcar.reference.arrays import BoolArray
from fastcar.reference.errors import ArgumentError

MAX_SLOTS = 32
"""Bits of the Index Register, and number of Mapping Registers."""

MAX_CORES = 32
"""More cores than slots could never all work."""

SlotIndex = NewType("SlotIndex", int)
"""Slot of the batch, from 0."""

CoreIndex = NewType("CoreIndex", int)
"""Core, from 0."""


class Dispatch(Enum):
    """How slots are mapped to cores."""

    DYNAMIC = "dynamic"
    """DRS: the computing slots in turn."""
    STATIC = "static"
    """Slot b to core b mod C, whatever replays; for comparison."""


@dataclass(frozen=True)
class Schedule:
    """What one set of decisions makes the cores do.

    Attributes:
        num_cores: C.
        index_word: the Index Register; bit b is 1 where slot b computes.
        mapping: for every slot its core, None where it replays (its Mapping Register is not
            written and nothing may read it).
    """

    num_cores: int
    index_word: int
    mapping: tuple[CoreIndex | None, ...]

    @cached_property
    def queues(self) -> tuple[tuple[SlotIndex, ...], ...]:
        """For every core the slots it computes, in the order in which it gets them."""
        queues: list[list[SlotIndex]] = [[] for _ in range(self.num_cores)]
        for slot, core in enumerate(self.mapping):
            if core is not None:
                queues[core].append(SlotIndex(slot))
        return tuple(tuple(queue) for queue in queues)

    @property
    def loads(self) -> tuple[int, ...]:
        """Number of slots each core computes."""
        return tuple(len(queue) for queue in self.queues)

    @property
    def num_rounds(self) -> int:
        """Slots that the busiest core computes one after the other."""
        return max(self.loads)


def compute_schedule(
    computes: BoolArray, num_cores: int, dispatch: Dispatch = Dispatch.DYNAMIC
) -> Schedule:
    """Map the computing slots to cores, as if the decisions came in one by one.

    Args:
        computes: [B] bool, 1 to 32 slots; False = replay.
        num_cores: C, 1 to 32.
        dispatch: dynamic (DRS) or static.

    Raises:
        ArgumentError: a size or the type of the flags is outside its limit.

    >>> schedule = compute_schedule(np.array([True, False, True, True]), num_cores=2)
    >>> schedule.mapping, schedule.queues, schedule.num_rounds
    ((0, None, 1, 0), ((0, 3), (2,)), 2)
    >>> compute_schedule(np.array([True, False, True, True]), 2, Dispatch.STATIC).mapping
    (0, None, 0, 1)
    """
    index_word = pack_index_word(computes)
    check_num_cores(num_cores)
    mapping: list[CoreIndex | None] = []
    pointer = CoreIndex(0)
    for slot in range(len(computes)):
        is_computing = bool(computes[slot])
        core = pointer
        if dispatch is Dispatch.STATIC:
            core = get_static_core(SlotIndex(slot), num_cores)
        mapping.append(core if is_computing else None)
        pointer = get_next_pointer(pointer, is_computing, num_cores)
    return Schedule(num_cores, index_word, tuple(mapping))


def get_next_pointer(pointer: CoreIndex, is_computing: bool, num_cores: int) -> CoreIndex:
    """Round-robin pointer after a decision: the next core if the slot computes, else unmoved.

    >>> [get_next_pointer(CoreIndex(p), True, num_cores=3) for p in range(3)]
    [1, 2, 0]
    """
    if not is_computing:
        return pointer
    return CoreIndex(0 if pointer == num_cores - 1 else pointer + 1)


def get_static_core(slot: SlotIndex, num_cores: int) -> CoreIndex:
    """Core of a slot when no decision counts: b mod C."""
    return CoreIndex(slot % num_cores)


def pack_index_word(computes: BoolArray) -> int:
    """The Index Register of flags [B].

    >>> bin(pack_index_word(np.array([True, False, True, True])))
    '0b1101'
    """
    if computes.dtype != np.bool_:
        raise ArgumentError("computes", computes.dtype.name, "bool")
    if computes.ndim != 1:
        raise ArgumentError("computes", computes.shape, "one flag per slot")
    check_num_slots(len(computes))
    return sum(1 << slot for slot in range(len(computes)) if computes[slot])


def unpack_index_word(index_word: int, num_slots: int) -> BoolArray:
    """The flags [B] of an Index Register; the inverse of `pack_index_word`.

    >>> unpack_index_word(0b1101, num_slots=4).tolist()
    [True, False, True, True]
    """
    check_num_slots(num_slots)
    if not 0 <= index_word < 1 << num_slots:
        raise ArgumentError("index_word", index_word, f"from 0 to {(1 << num_slots) - 1}")
    return np.array([bool(index_word >> slot & 1) for slot in range(num_slots)])


def check_num_slots(num_slots: int) -> None:
    """Refuse a number of slots that the Index Register has no bits for."""
    if not 1 <= num_slots <= MAX_SLOTS:
        raise ArgumentError("num_slots", num_slots, f"from 1 to {MAX_SLOTS}")


def check_num_cores(num_cores: int) -> None:
    """Refuse a number of cores that a Mapping Register cannot name."""
    if not 1 <= num_cores <= MAX_CORES:
        raise ArgumentError("num_cores", num_cores, f"from 1 to {MAX_CORES}")
