"""No instruction uses a word that a buffer reads in the cycle in which it is written.

Block RAM does not say what such a read finds. Here it finds the complement, and nothing changes.
"""

from __future__ import annotations

from random import Random
from typing import Any

import pyrtl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.cosim.native import NativeSimulation
from fastcar.rtl.config import TINY, AcceleratorConfig
from fastcar.rtl.instruction import Buffer
from fastcar.rtl.vector_memory import FETCH_CYCLES
from tests.examples import examples
from tests.rtl.core_bench import BenchOptions, CoreBench
from tests.rtl.core_programs import (
    draw_instruction,
    list_computed_slot,
    list_distance,
    list_loads,
    list_replayed_slot,
    list_score,
)
from tests.rtl.poison import poison_collisions
from tests.rtl.test_core import check_equal, options
from tests.rtl.test_vector_memory import make_unit
from tests.rtl.wires import Bench

ONE_WORD = AcceleratorConfig(1, 4, 4, 4, 4, 4)
"""The word that an instruction writes last is the first one that the next one reads."""


BUFFERS = tuple(f"_{buffer.name.lower()}" for buffer in Buffer)
"""How the names of the buffers end."""


def make_poisoned(**arguments: Any) -> NativeSimulation:
    """The simulation of the working block with poisoned collisions."""
    assert poison_collisions(pyrtl.working_block(), BUFFERS) == 7
    return NativeSimulation(**arguments)


@pytest.fixture(scope="module", params=[TINY, ONE_WORD], ids=["tiny", "one_word"])
def bench(request: pytest.FixtureRequest) -> CoreBench:
    return CoreBench(request.param, make_poisoned)


@examples(4)
@given(options)
def test_slots_do_not_use_poisoned_words(bench: CoreBench, options: BenchOptions) -> None:
    random, program = Random(options.seed), []
    for slot, list_slot in enumerate((list_distance, list_computed_slot, list_replayed_slot)):
        program += list_slot(bench.config, random, slot)
    program += list_score(bench.config, random, 3) + list_replayed_slot(bench.config, random, 3)
    check_equal(bench, program, options)


@examples(10)
@given(options, st.integers(1, 15))
def test_no_legal_sequence_uses_poisoned_words(
    bench: CoreBench, options: BenchOptions, num_instructions: int
) -> None:
    random = Random(options.seed)
    program = list_loads(bench.config, random)
    program += [draw_instruction(bench.config, random) for _ in range(num_instructions)]
    program += list_replayed_slot(bench.config, random, 1)
    check_equal(bench, program, options)


def test_the_poison_is_found_by_what_reads_too_early() -> None:
    """The buffers alone: a word that is read while it is written is poisoned for this read only."""
    pyrtl.reset_working_block()
    make_unit()
    assert poison_collisions(pyrtl.working_block(), BUFFERS) == 7
    bench = Bench()
    written = {"enable": 1, "buffer": int(Buffer.X), "index": 0, "word": 5, "is_flowing": 1}
    found = []
    for inputs in (written, *[{"is_flowing": 1}] * (FETCH_CYCLES + 1)):
        bench.step(**inputs)
        found.append(bench.read("X"))
    assert found[FETCH_CYCLES:] == [(1 << TINY.word_bits) - 1, 5]
