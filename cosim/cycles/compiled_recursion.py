"""The recursion of `fastcar.cosim.cycles.cycle_recursion` for layer steps, as a compiled kernel.

Same terms, same notation, one set of decisions and no attention phase: what a layer step of the
compiler needs. It says how many cycles a run takes and what its cores move, and no more.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fastcar.reference.kernels.compilation import device, kernel

Array = Any

DRAINS, ENDS, DECIDES, RUNS = range(4)
"""Kinds of instructions: BEGIN and THRESHOLD, END, DECIDE, those of a core."""
KIND, PREDICATE, SLOT, IS_LAST, IS_DECIDING, DURATION, READ_BEATS, WRITTEN_BEATS = range(8)
"""Columns of a program."""
ALWAYS, IF_COMPUTE, IF_REPLAY = range(3)
UNSETTLED, UNDECIDED = -1, -2
"""In place of cycles: rounds did not settle, or a slot is needed before it is decided."""

RECORD_CYCLES = 2
DRAIN_CYCLES = 2
"""Twins of the constants of the interpreted recursion; a test holds them equal."""
COMPARE_CYCLES = COMMIT_CYCLES = VISIBLE_CYCLES = OFFER_CYCLES = 1


@device
def _commit(
    arrivals: Array, commits: Array, mappings: Array, computes: Array, state: Array, cores: int
) -> None:
    """Decisions that are next in the order of slots; state: commits, pointer, static."""
    while state[0] < arrivals.shape[0] and arrivals[state[0]] >= 0:
        head = state[0]
        before = commits[head - 1] if head else -1
        commits[head] = max(arrivals[head] + COMPARE_CYCLES, before) + COMMIT_CYCLES
        mappings[head] = head % cores if state[2] else state[1]
        if computes[head]:
            state[1] = (state[1] + 1) % cores
        state[0] += 1


@device
def _find_idle(
    arrivals: Array, commits: Array, num_commits: int, last: Array, ends: Array, taken: Array
) -> int:
    """The first cycle in which nothing is under way; `ends` of -1 is a record that is not yet."""
    busy = -1
    for slot in range(arrivals.shape[0]):
        if arrivals[slot] >= 0:
            busy = max(busy, arrivals[slot] + COMPARE_CYCLES)
        if slot < num_commits:
            busy = max(busy, commits[slot])
    for core in range(last.shape[0]):
        busy = max(busy, last[core])
        for record in range(ends.shape[1]):
            if ends[core, record] >= 0:
                busy = max(busy, taken[core, record])
    return busy + 1


@device
def _arbitrate(ends: Array, settled: Array) -> None:
    """Cycles in which records are taken, one in a cycle, the lowest core first."""
    num_cores, most = ends.shape
    heads = np.zeros(num_cores, np.int64)
    settled[:] = -1
    cycle = 0
    while True:
        chosen, soonest = -1, -1
        for core in range(num_cores):
            if heads[core] < most and ends[core, heads[core]] >= 0:
                offer = ends[core, heads[core]] + OFFER_CYCLES
                if chosen < 0 and offer <= cycle:
                    chosen = core
                if soonest < 0 or offer < soonest:
                    soonest = offer
        if soonest < 0:
            return
        if chosen < 0:
            cycle = soonest
            continue
        settled[chosen, heads[chosen]] = cycle
        heads[chosen] += 1
        cycle += 1


@device
def _choose_core(predicate: int, slot: int, computes: Array, mappings: Array, cores: int) -> int:
    """Where an instruction goes; -1 = it is dropped."""
    if predicate == ALWAYS:
        return slot % cores
    if (predicate == IF_COMPUTE) != computes[slot]:
        return -1
    core: int = mappings[slot] if predicate == IF_COMPUTE else slot % cores
    return core


@device
def _find_record(is_last: bool, taken: Array, num_finished: int) -> int:
    """From which cycle the record of the slot before lets an instruction begin."""
    if is_last and num_finished and taken[num_finished - 1] >= 0:
        record: int = taken[num_finished - 1]
        return record + RECORD_CYCLES
    return 0


@device
def _advance(
    program: Array,
    computes: Array,
    cores: int,
    sizes: Array,
    is_static: bool,
    taken: Array,
    ends: Array,
    moved: Array,
) -> int:
    """One round: cycles of the run for given cycles in which records are taken.

    sizes: depth of the queues, start cycles. `ends` and `moved` are written.
    """
    depth, start = sizes[0], sizes[1]
    num_slots, num_steps = computes.shape[0], program.shape[0]
    firsts = np.zeros((cores, num_steps), np.int64)
    counts, last = np.zeros(cores, np.int64), np.full(cores, -1, np.int64)
    finished = np.zeros(cores, np.int64)
    arrivals, commits = np.full(num_slots, -1, np.int64), np.zeros(num_slots, np.int64)
    mappings, state = np.zeros(num_slots, np.int64), np.zeros(3, np.int64)
    state[2] = 1 if is_static else 0
    ends[:] = -1
    moved[:] = 0
    look, passed = 0, -1
    for index in range(num_steps):
        kind, slot = program[index, KIND], program[index, SLOT]
        if kind <= ENDS:
            passed = max(look, _find_idle(arrivals, commits, state[0], last, ends, taken))
            look = passed + DRAIN_CYCLES
            continue
        passed = look
        look = passed + 1
        if kind == DECIDES:
            arrivals[slot] = passed
            _commit(arrivals, commits, mappings, computes, state, cores)
            continue
        predicate = program[index, PREDICATE]
        if predicate != ALWAYS:
            if slot >= state[0]:
                return UNDECIDED
            passed = max(passed, commits[slot] + VISIBLE_CYCLES)
            look = passed + 1
        core = _choose_core(predicate, slot, computes, mappings, cores)
        if core < 0:
            continue
        if counts[core] >= depth:
            passed = max(passed, firsts[core, counts[core] - depth])
        look = passed + 1
        is_last = program[index, IS_LAST] != 0
        record = _find_record(is_last, taken[core], finished[core])
        first = max(passed + start, last[core] + 1, record)
        firsts[core, counts[core]] = first
        counts[core] += 1
        last[core] = first + program[index, DURATION] - 1
        moved[0] += program[index, READ_BEATS]
        moved[1] += program[index, WRITTEN_BEATS]
        if program[index, IS_DECIDING]:
            arrivals[slot] = last[core]
            _commit(arrivals, commits, mappings, computes, state, cores)
        if is_last:
            ends[core, finished[core]] = last[core]
            finished[core] += 1
    return passed + 1


@kernel(package=Path(__file__).parent)
def count_steps(
    program: Array, decisions: Array, cores: int, sizes: Array, is_static: bool, counted: Array
) -> None:
    """Cycles and beats of a program under many decisions.

    Args:
        program: [instructions, 8] int64, see `KIND` and its neighbours.
        decisions: [K, B] bool, which slots compute.
        cores: C.
        sizes: [2] int64, depth of the queues and start cycles of an instruction.
        is_static: static mapping.
        counted: [K, 3] int64, is written: cycles, beats read, beats written.
    """
    num_slots = decisions.shape[1]
    taken = np.empty((cores, num_slots), np.int64)
    ends, settled = np.empty_like(taken), np.empty_like(taken)
    moved = np.zeros(2, np.int64)
    for number in range(decisions.shape[0]):
        taken[:] = -1
        rounds, cycles = 0, UNSETTLED
        while True:
            cycles = _advance(
                program, decisions[number], cores, sizes, is_static, taken, ends, moved
            )
            _arbitrate(ends, settled)
            if cycles < 0 or np.array_equal(taken, settled):
                break
            if rounds > 1 + max(taken.max(), settled.max()):
                cycles = UNSETTLED
                break
            rounds += 1
            taken[:] = settled
        counted[number, 0] = cycles
        counted[number, 1], counted[number, 2] = moved[0], moved[1]
