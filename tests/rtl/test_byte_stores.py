"""STORE_KEY and STORE_VALUE of a core against the naive one, with the opcodes around them."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.rtl import latency
from fastcar.rtl.config import TINY_DECODER, AcceleratorConfig
from fastcar.rtl.instruction import Buffer, Instruction, Opcode, encode, get_buffer_words
from fastcar.rtl.instruction_check import ErrorCode
from fastcar.rtl.instruction_form import STORE_BYTE_OPCODES
from tests.examples import examples
from tests.rtl.core_bench import BenchOptions, CoreBench
from tests.rtl.core_programs import (
    LONG_HEADS,
    draw_instruction,
    list_loads,
    make_memory,
    store_bytes,
)
from tests.rtl.naive_core import NaiveCore
from tests.rtl.test_core import check_equal, options


@pytest.fixture(scope="module", params=[TINY_DECODER, LONG_HEADS], ids=["tiny", "long heads"])
def bench(request: pytest.FixtureRequest) -> CoreBench:
    """One core for all tests of this file: it must recover from whatever ran before."""
    return CoreBench(request.param)


def run_naive(
    config: AcceleratorConfig, program: list[Instruction], memory: dict[int, int]
) -> NaiveCore:
    naive = NaiveCore(config, dict(memory))
    for instruction in program:
        naive.execute(instruction)
    return naive


def list_stores(config: AcceleratorConfig, random: Random, count: int) -> list[Instruction]:
    """Stores of bytes from every buffer, each a slot of its own."""
    program = []
    for _ in range(count):
        source = random.choice(list(Buffer))
        rows = random.randint(1, get_buffer_words(config, source))
        opcode = random.choice(STORE_BYTE_OPCODES)
        program.append(store_bytes(config, random, opcode, source, rows, 1, is_last=1))
    return program


seeds = st.integers(0, 2**32 - 1)


@examples(40)
@given(options, st.integers(1, 12))
def test_any_sequence_equals_the_naive_core(
    bench: CoreBench, options: BenchOptions, num_instructions: int
) -> None:
    config, random = bench.config, Random(options.seed + 1)
    program = list_loads(config, random) + list_stores(config, random, 2)
    program += [draw_instruction(config, random) for _ in range(num_instructions)]
    check_equal(bench, program + list_stores(config, random, 2), options)


def test_keys_and_values_stand_where_the_contract_says(bench: CoreBench) -> None:
    """Blocks of L tokens: keys by head, token and part, values by head and dimension."""
    config = bench.config
    attention = config.attention
    assert attention is not None
    lanes, key_size, head_dim = config.num_lanes, attention.key_size, attention.head_dim
    words, token, keys, values = key_size // lanes, 3, 512, 768
    random, memory = Random(3), make_memory(config, Random(4))
    program = [
        Instruction(Opcode.LOAD, target=Buffer.Y, rows=words, address=16),
        Instruction(
            Opcode.STORE_KEY,
            source=Buffer.Y,
            rows=words,
            address=keys + token * head_dim // lanes,
        ),
        replace(
            store_bytes(config, random, Opcode.STORE_VALUE, Buffer.Y, words),
            address=values,
            reserved=token << 10,
        ),
    ]
    bench.reset()
    before = dict(memory)
    numbers = [
        before[16 + k // (lanes // 2)] >> 16 * (k % (lanes // 2)) & 255 for k in range(key_size)
    ]
    bench.run(program, memory, BenchOptions())
    for number in range(key_size):
        head, dimension = divmod(number, head_dim)
        place = head * head_dim + token * (head_dim // lanes) + dimension // lanes
        beat = memory[keys + place]
        assert beat >> 8 * (dimension % lanes) & 255 == numbers[number]
        others = before[values + number] & ~(255 << 8 * token)
        assert memory[values + number] == others | numbers[number] << 8 * token
    changed = {address for address in memory if memory[address] != before[address]}
    assert changed <= {*range(keys, keys + key_size), *range(values, values + key_size)}
    assert len([address for address in changed if address < values]) <= words


@examples(15)
@given(seeds, st.integers(0, 120), st.sampled_from(["reset", "abort"]))
def test_whatever_ends_a_burst_the_next_run_is_whole(
    bench: CoreBench, seed: int, cycle: int, ending: str
) -> None:
    config, random = bench.config, Random(seed)
    program = list_stores(config, random, 3)
    memory = make_memory(config, Random(seed))
    naive = run_naive(config, list_loads(config, Random(seed)) + program, memory)
    bench.reset()
    bench.run(list_loads(config, Random(seed)), dict(memory))
    limits = {f"{ending}_cycle": cycle}
    run = bench.run(program, memory, BenchOptions(seed=seed, stall_probability=0.3, **limits))
    records = [(record.slot, record.digest) for record in run.retirements]
    assert records == naive.retired[: len(records)]
    check_equal(bench, list_loads(config, random) + program, BenchOptions(seed=seed))


@examples(15)
@given(seeds, st.data())
def test_a_write_error_is_reported_once_and_nothing_follows(
    bench: CoreBench, seed: int, data: st.DataObject
) -> None:
    config, random = bench.config, Random(seed)
    program = list_stores(config, random, 3)
    counts = [latency.count_written_beats(config, one) for one in program]
    beat = data.draw(st.integers(0, sum(counts) - 1))
    owner = next(k for k in range(3) if beat < sum(counts[: k + 1]))
    bench.reset()
    options = BenchOptions(seed=seed, stall_probability=0.2, write_error_beat=beat)
    run = bench.run(program, make_memory(config, random), options)
    assert run.errors == [(ErrorCode.MEMORY_WRITE, encode(program[owner]))]
    assert len(run.retirements) == owner
    check_equal(bench, list_loads(config, random) + program, BenchOptions(seed=seed))
