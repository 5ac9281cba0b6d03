"""The cycles that `rtl/latency.py` states are the ones that the simulated core takes."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.errors import ArgumentError
from fastcar.rtl import latency
from fastcar.rtl.attention.config import AttentionConfig
from fastcar.rtl.config import DEMO, DEMO_DECODER, TINY, TINY_DECODER, AcceleratorConfig
from fastcar.rtl.instruction import Instruction, Opcode, join_options
from tests.examples import examples
from tests.rtl.core_bench import BenchOptions, CoreBench
from tests.rtl.core_programs import (
    draw_instruction,
    list_computed_slot,
    list_replayed_slot,
    make_memory,
)

WIDE = AcceleratorConfig(1, 8, 4, 24, 40, 32)
WIDE_DECODER = replace(WIDE, attention=AttentionConfig(2, 2, 16, max_blocks=4))
ONE_WORD = replace(WIDE, query_size=8, attention=AttentionConfig(1, 1, 8, max_blocks=4))
latencies = st.integers(1, 12)


@pytest.fixture(
    scope="module",
    params=[TINY, WIDE, TINY_DECODER, WIDE_DECODER],
    ids=["tiny", "wide", "tiny decoder", "wide decoder"],
)
def bench(request: pytest.FixtureRequest) -> CoreBench:
    return CoreBench(request.param)


def count_sum(
    config: AcceleratorConfig, program: list[Instruction], read_latency: int, write_latency: int
) -> int:
    return sum(latency.count_cycles(config, i, read_latency, write_latency) for i in program)


@given(st.integers(0, 2**32 - 1), latencies, latencies)
def test_every_instruction_takes_its_cycles(
    bench: CoreBench, seed: int, read_latency: int, write_latency: int
) -> None:
    config, random = bench.config, Random(seed)
    instruction = replace(draw_instruction(config, random), is_last=1)
    bench.reset()
    run = bench.run(
        [instruction],
        make_memory(config, random),
        BenchOptions(read_latency=read_latency, write_latency=write_latency),
    )
    record = run.retirements[0]
    expected = latency.count_cycles(config, instruction, read_latency, write_latency)
    assert record.num_cycles == expected
    assert run.first_accept_cycle == record.start_cycle - latency.START_CYCLES
    assert run.num_mac_beats == latency.count_mac_beats(config, instruction)
    has_read = latency.count_read_beats(config, instruction) > 0
    has_written = latency.count_written_beats(config, instruction) > 0
    assert run.num_read_stalls == (read_latency - 1 if has_read else 0)
    assert run.num_write_stalls == (write_latency - 1 if has_written else 0)


@examples(20)
@given(st.integers(0, 2**32 - 1), latencies, latencies)
def test_a_slot_takes_the_sum_of_its_instructions(
    bench: CoreBench, seed: int, read_latency: int, write_latency: int
) -> None:
    config, random = bench.config, Random(seed)
    first = list_computed_slot(config, random, 0)
    second = list_replayed_slot(config, random, 1)
    bench.reset()
    options = BenchOptions(read_latency=read_latency, write_latency=write_latency)
    run = bench.run(first + second, make_memory(config, random), options)
    expected = [count_sum(config, slot, read_latency, write_latency) for slot in (first, second)]
    assert [record.num_cycles for record in run.retirements] == expected
    assert run.retirements[1].start_cycle == run.retirements[0].end_cycle + 1


@pytest.mark.slow
def test_the_demo_keeps_its_multipliers_busy() -> None:
    """At least 95 % of the cycles of a computed slot, at memory latency 1; a replay takes 66."""
    bench = CoreBench(DEMO)
    bench.reset()
    compute, replay = list_demo_slots()
    run = bench.run(compute + replay, {})
    computed, replayed = run.retirements
    num_products = 3 * DEMO.hidden_words * DEMO.intermediate_size
    assert (computed.num_cycles, num_products) == (8809, 8448)
    assert num_products / computed.num_cycles >= 0.95
    assert replayed.num_cycles == 66


def list_demo_slots() -> tuple[list[Instruction], list[Instruction]]:
    """A computed and a replayed slot of the demo, with every address 0."""
    random = Random(0)
    slots = (list_computed_slot(DEMO, random, 0), list_replayed_slot(DEMO, random, 1))
    compute, replay = (
        [replace(i, address=i.opcode == Opcode.NORM) for i in slot] for slot in slots
    )
    return compute, replay


PAGE = Path(__file__).parents[2] / "docs" / "accelerator.md"
STATED = re.findall(
    r"^\| ([A-Z_, ]+)(?:, ((?:not )?is_\w+))? \| `(a? ?[^`]+)` \|$", PAGE.read_text(), re.M
)
"""Opcodes, an option, and the duration that the page states for them."""


def list_stated() -> list[tuple[Opcode, dict[str, int], str]]:
    """Opcode, options and expression, one by one."""
    stated = []
    for names, condition, expression in STATED:
        options = {}
        if condition:
            options[condition.removeprefix("not ")] = int(not condition.startswith("not "))
        stated += [(Opcode[name.strip()], options, expression) for name in names.split(",")]
    return stated


def test_the_page_states_a_duration_for_every_instruction_of_a_core() -> None:
    stated = [opcode for opcode, *_ in list_stated()]
    assert set(stated) == {opcode for opcode in Opcode if opcode.is_for_core}
    assert (len(stated), stated.count(Opcode.SCORES), stated.count(Opcode.CONTEXT)) == (18, 3, 2)


@pytest.mark.parametrize("config", [TINY_DECODER, DEMO_DECODER, WIDE_DECODER, ONE_WORD])
@pytest.mark.parametrize("rows", [1, 2, 7])
def test_durations_are_those_that_the_page_states(config: AcceleratorConfig, rows: int) -> None:
    assert config.attention is not None
    heads, d = config.attention.num_key_value_heads, config.attention.head_dim
    names = {
        "a": 9,
        "w": rows,
        "c": 5,
        "L": config.num_lanes,
        "t": math.ceil(math.log2(config.num_lanes) / 2),
        "K": heads * d,
        "H_kv": heads,
        "d": d,
        "max": max,
    }
    for opcode, options, expression in list_stated():
        instruction = Instruction(opcode, rows=rows, columns=5, reserved=join_options(**options))
        expected = latency.count_cycles(config, instruction, 9, 9)
        assert eval(expression, {"__builtins__": {}}, names) == expected, expression


def test_refusals() -> None:
    load = Instruction(Opcode.LOAD, rows=1)
    with pytest.raises(ArgumentError, match=r"^read_latency = 0: must be at least 1$"):
        latency.count_cycles(TINY, load, 0, 1)
    with pytest.raises(ArgumentError, match=r"^write_latency = -1: must be at least 1$"):
        latency.count_cycles(TINY, load, 1, -1)
    with pytest.raises(ArgumentError, match=r"^opcode = 4: must be one that a core executes$"):
        latency.count_cycles(TINY, Instruction(Opcode.END), 1, 1)
    with pytest.raises(ArgumentError, match=r"^opcode = 18: must be one that a core executes$"):
        latency.count_cycles(TINY, Instruction(Opcode.STORE_KEY, rows=1), 1, 1)
