"""Retire records: where they begin and end, and what the digest covers."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from random import Random

import pyrtl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.rtl import latency
from fastcar.rtl.config import TINY
from fastcar.rtl.instruction import Buffer, Instruction, Opcode
from fastcar.rtl.retirement import update_digest
from tests.rtl import naive_core
from tests.rtl.core_bench import CoreBench
from tests.rtl.core_programs import list_replayed_slot, list_score, make_memory
from tests.rtl.wires import Bench, build_once

beats = st.integers(0, 2**64 - 1)


@build_once
def build() -> Bench:
    updated = pyrtl.Output(32, "out_digest")
    updated <<= update_digest(pyrtl.Input(32, "digest"), pyrtl.Input(64, "beat"))
    return Bench()


@given(st.integers(0, 2**32 - 1), beats)
def test_update_equals_the_naive_digest(digest: int, beat: int) -> None:
    bench = build()
    bench.step(digest=digest, beat=beat)
    assert bench.read("digest") == naive_core.update_digest(digest, beat, 64)


@given(st.lists(st.integers(0, 2**32 - 1), min_size=2, max_size=31, unique=True))
def test_the_digest_tells_orders_apart(parts: list[int]) -> None:
    """The contract, without a model: two beats exchanged give another digest, unless rotated."""

    def fold(values: list[int]) -> int:
        return reduce(lambda digest, beat: naive_core.update_digest(digest, beat, 32), values, 0)

    exchanged = [parts[1], parts[0], *parts[2:]]
    difference = parts[0] ^ parts[1]
    assert (fold(parts) == fold(exchanged)) == (difference in (0, 2**32 - 1))


@pytest.fixture(scope="module")
def bench() -> CoreBench:
    return CoreBench(TINY)


def test_a_record_begins_after_the_decision(bench: CoreBench) -> None:
    """SCORE belongs to no record; what follows it begins one, also of the same slot."""
    random = Random(7)
    score, slot = list_score(TINY, random, 0), list_replayed_slot(TINY, random, 0)
    bench.reset()
    run = bench.run(score + slot, make_memory(TINY, random))
    assert run.first_accept_cycle is not None
    first = run.first_accept_cycle + latency.START_CYCLES
    score_cycles = sum(latency.count_cycles(TINY, i, 1, 1) for i in score)
    record = run.retirements[0]
    assert record.start_cycle == first + score_cycles
    assert record.num_cycles == sum(latency.count_cycles(TINY, i, 1, 1) for i in slot)


def test_every_slot_has_its_own_digest(bench: CoreBench) -> None:
    """Stores of the slot alone count, from 0 on, also when the slot begins with a STORE."""
    store = Instruction(Opcode.STORE, source=Buffer.X, rows=2, address=3, is_last=1)
    program = [Instruction(Opcode.LOAD, target=Buffer.X, rows=2, address=40), store]
    program += [replace(store, slot=1), replace(store, slot=2)]
    bench.reset()
    run = bench.run(program, make_memory(TINY, Random(1)))
    digests = [record.digest for record in run.retirements]
    assert len(set(digests)) == 1
    assert digests[0] != 0


def test_a_record_does_not_go_on_in_the_next_run(bench: CoreBench) -> None:
    """A run that leaves a slot open is forgotten between the runs, with its stores."""
    store = Instruction(Opcode.STORE, source=Buffer.X, rows=2, address=3)
    last = replace(store, slot=1, is_last=1)
    bench.reset()
    bench.run([store], make_memory(TINY, Random(1)))
    bench.step({"is_running": 0})
    first = bench.cycle
    (record,) = bench.run([last], make_memory(TINY, Random(1))).retirements
    assert record.start_cycle == first + latency.START_CYCLES
    bench.reset()
    (alone,) = bench.run([last], make_memory(TINY, Random(1))).retirements
    assert record.digest == alone.digest
