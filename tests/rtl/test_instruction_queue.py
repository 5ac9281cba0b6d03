"""Instruction queue: equal to a list, full at its depth, empty after clear."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from fastcar.rtl import instruction_queue
from fastcar.rtl.config import TINY
from fastcar.rtl.instruction_queue import InstructionQueueInputs, make_instruction_queue
from tests.rtl.wires import Bench, build_once, expose, make_inputs

LATENCY = instruction_queue.latency_cycles(TINY)


@build_once
def build(queue_depth: int) -> Bench:
    config = replace(TINY, queue_depth=queue_depth)
    inputs = make_inputs(InstructionQueueInputs, clear=1, valid=1, instruction=128, pop=1)
    expose(make_instruction_queue(config, "unit", inputs))
    return Bench()


steps = st.tuples(st.booleans(), st.booleans(), st.integers(0, 20).map(lambda n: n == 0))


@given(st.sampled_from([2, 4, 8]), st.lists(steps, min_size=20, max_size=60))
def test_equals_a_list(queue_depth: int, schedule: list[tuple[bool, bool, bool]]) -> None:
    """Each instruction is at the head LATENCY_CYCLES after it came, one in two cycles at most."""
    bench, expected = build(queue_depth), deque[tuple[int, int]]()
    free_cycle = 0
    for cycle, (valid, wants_pop, clear) in enumerate(schedule):
        is_head = bool(expected) and cycle >= max(expected[0][0], free_cycle)
        pop = wants_pop and is_head
        bench.step(valid=valid, instruction=cycle + (1 << 120), pop=pop, clear=clear)
        assert bench.read("ready") == (len(expected) < queue_depth)
        assert bench.read("is_empty") == (not expected)
        assert bench.read("head_valid") == is_head
        if is_head:
            assert bench.read("head") == expected[0][1]
        if valid and len(expected) < queue_depth:
            expected.append((cycle + LATENCY, cycle + (1 << 120)))
        if pop:
            expected.popleft()
            free_cycle = cycle + 2
        if clear:
            expected.clear()


def test_latency_is_measured() -> None:
    bench = build(4)
    valid = []
    for cycle in range(LATENCY + 2):
        bench.step(valid=cycle == 0, instruction=7)
        valid.append(bench.read("head_valid"))
    assert valid.index(1) == LATENCY
