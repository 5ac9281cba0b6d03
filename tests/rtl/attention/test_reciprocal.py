"""The reciprocal: equal to the reference, one head after the other."""

from __future__ import annotations

from functools import cache

import numpy as np
import pyrtl
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.integer.whole.context import compute_reciprocal
from fastcar.rtl.attention import reciprocal
from fastcar.rtl.attention.reciprocal import ReciprocalInputs, make_reciprocal
from fastcar.rtl.registers import delay, make_register
from fastcar.rtl.vector_memory import FETCH_CYCLES
from tests.rtl.wires import Bench, build_once, expose

NUM_HEADS = 5


@build_once
def build() -> Bench:
    """The unit with a memory of sums, which is written from outside."""
    head_q, reader_q = make_register(3, "head"), make_register(3, "reader")
    reader_q.next <<= pyrtl.Input(3, "reader")
    totals = pyrtl.MemBlock(40, 3, "totals", asynchronous=False)
    written = pyrtl.MemBlock.EnabledWrite(pyrtl.Input(40, "total"), pyrtl.Input(1, "is_written"))
    totals[pyrtl.Input(3, "written_head")] <<= written
    inputs = ReciprocalInputs(
        clear=pyrtl.Input(1, "clear"),
        is_finished=pyrtl.Input(1, "is_finished"),
        head=head_q,
        total=delay(totals[head_q], FETCH_CYCLES, "total"),
        reader_head=reader_q,
    )
    expose(make_reciprocal("unit", NUM_HEADS, inputs))
    return Bench()


@cache
def list_edges() -> list[int]:
    """Sums at the borders of bit lengths and of divisors."""
    borders = [1 << bits for bits in range(26, 40)]
    near = [one + off for one in borders for off in (-1, 0, 1, (one >> 17) - 1, one >> 17, one - 1)]
    return sorted({total for total in near if 1 << 26 <= total < 1 << 40})


totals = st.one_of(st.integers(1 << 26, (1 << 40) - 1), st.sampled_from(list_edges()))


def run(bench: Bench, sums: list[int], finishes: list[int]) -> int:
    """The cycle of `is_done`, if sums are written one cycle before their heads finish."""
    cycle = 0
    while not cycle or not bench.read("is_done"):
        inputs = {"is_finished": int(cycle in finishes)}
        if cycle + 1 in finishes:
            head = finishes.index(cycle + 1)
            inputs |= {"is_written": 1, "written_head": head, "total": sums[head]}
        bench.step(**inputs)
        cycle += 1
        assert cycle < 400
    return cycle - 1


def read(bench: Bench, head: int) -> tuple[int, int]:
    """R and e of a head."""
    for _ in range(FETCH_CYCLES + 2):
        bench.step(reader=head)
        assert not bench.read("is_done")
    return bench.read("reader_reciprocal"), bench.read("reader_bit_length")


def compute(sums: list[int]) -> list[tuple[int, int]]:
    reciprocals, bit_lengths = compute_reciprocal(np.array(sums))
    return list(zip(reciprocals.tolist(), bit_lengths.tolist(), strict=True))


drawn_sums = st.lists(totals, min_size=NUM_HEADS, max_size=NUM_HEADS)
drawn_gaps = st.lists(
    st.one_of(st.integers(1, 20), st.integers(14, 18)), min_size=NUM_HEADS, max_size=NUM_HEADS
)


@given(st.lists(st.tuples(drawn_sums, drawn_gaps), min_size=1, max_size=2))
def test_equals_the_reference_in_every_head_and_cycle(
    rounds: list[tuple[list[int], list[int]]],
) -> None:
    bench = build()
    bench.step(clear=1)
    for sums, gaps in rounds:
        finishes = [sum(gaps[: head + 1]) for head in range(NUM_HEADS)]
        start = -reciprocal.START_CYCLES
        for finish in finishes:
            start = max(start + reciprocal.START_CYCLES, finish + 1)
        assert run(bench, sums, finishes) == start + reciprocal.DONE_CYCLES
        assert [read(bench, head) for head in range(NUM_HEADS)] == compute(sums)


def test_equals_the_reference_at_every_border() -> None:
    bench, edges = build(), list_edges()
    bench.step(clear=1)
    assert len(edges) > 50
    for first in range(0, len(edges) - NUM_HEADS + 1, NUM_HEADS):
        sums = edges[first : first + NUM_HEADS]
        run(bench, sums, [1 + 16 * head for head in range(NUM_HEADS)])
        assert [read(bench, head) for head in range(NUM_HEADS)] == compute(sums)


def test_clear_forgets_the_heads_that_wait() -> None:
    bench = build()
    bench.step(clear=1)
    for _ in range(NUM_HEADS):
        bench.step(is_finished=1)
    bench.step(clear=1)
    for _ in range(NUM_HEADS * reciprocal.START_CYCLES + reciprocal.DONE_CYCLES):
        bench.step()
        assert not bench.read("is_done")
