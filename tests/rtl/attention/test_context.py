"""The context unit: equal to the reference's shifted sums, position by position."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyrtl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.cosim.native import NativeSimulation
from fastcar.reference.arrays import Int64Array
from fastcar.reference.integer.whole.context import accumulate_context
from fastcar.reference.integer.whole.softmax import SoftmaxWords, compute_softmax_words
from fastcar.rtl.assertions import ProtocolError
from fastcar.rtl.attention import context
from fastcar.rtl.attention.context import ContextInputs, count_position_bits, make_context
from tests.rtl.poison import poison_collisions
from tests.rtl.wires import expose, make_inputs, to_signed

WIDTHS = {"clear": 1, "sum_valid": 1, "sum": 48, "is_first": 1, "is_last": 1, "drop": 17}
MASK = (1 << 48) - 1
SHAPES = [(4, 1, 1, 8), (4, 2, 1, 4), (8, 2, 2, 8), (16, 4, 2, 16)]
"""L, H, H_kv and d; K = H_kv d positions."""


class ContextBench:
    """One unit of K positions; it keeps its accumulators from test to test."""

    def __init__(self, num_positions: int) -> None:
        block = pyrtl.Block()
        with pyrtl.set_working_block(block, no_sanity_check=True):
            bits = count_position_bits(num_positions)
            expose(make_context("unit", make_inputs(ContextInputs, position=bits, **WIDTHS)))
        assert poison_collisions(block) == 1
        self.simulation: Any = NativeSimulation(tracer=None, block=block)
        self.idle = dict.fromkeys([*WIDTHS, "position"], 0)

    def step(self, **inputs: int) -> int | None:
        """One cycle; the accumulator that is complete in it."""
        self.simulation.step(self.idle | inputs)
        if not self.simulation.inspect("out_value_valid"):
            return None
        return to_signed(int(self.simulation.inspect("out_value")), 48)

    def restart(self) -> None:
        """Forget what is under way, also what a failed assertion has left."""
        self.step(clear=1)


@cache
def _build(num_positions: int) -> ContextBench:
    return ContextBench(num_positions)


def get_bench(num_positions: int) -> ContextBench:
    """The unit of so many positions, built once, with nothing under way."""
    bench = _build(num_positions)
    bench.restart()
    return bench


@dataclass(frozen=True)
class Sums:
    """What one query head of each key head gives to the unit, in its order.

    Attributes:
        sums: [blocks, K] sum p v of each word and position.
        drops: [blocks, K] M - M of the word.
    """

    sums: Int64Array
    drops: Int64Array


def run(bench: ContextBench, sums: Sums, gaps: list[int]) -> list[int]:
    """Results of sums given in order, with so many idle cycles before each of a cycle of gaps."""
    results = []
    num_blocks, num_positions = sums.sums.shape
    schedule: list[dict[str, int]] = []
    for number in range(sums.sums.size):
        block, position = divmod(number, num_positions)
        schedule += [{"sum": 3, "position": position}] * gaps[number % len(gaps)]
        schedule.append(
            {
                "sum_valid": 1,
                "sum": int(sums.sums[block, position]) & MASK,
                "drop": int(sums.drops[block, position]),
                "is_first": int(block == 0),
                "is_last": int(block == num_blocks - 1),
                "position": position,
            }
        )
    for inputs in [*schedule, *[{}] * context.LATENCY_CYCLES]:
        value = bench.step(**inputs)
        if value is not None:
            results.append(value)
    return results


def make_sums(words: SoftmaxWords, values: Int64Array, query: int) -> Sums:
    """Sums of the query heads `query` of each group.

    Args:
        words: of H heads.
        values: [H_kv, keys, d].
        query: below H / H_kv.
    """
    num_key_heads, _, head_dim = values.shape
    group = words.weights[0].reshape(num_key_heads, -1, *words.weights.shape[2:])[:, query]
    exponents = words.exponents[0].reshape(num_key_heads, -1, words.exponents.shape[2])[:, query]
    blocks = values.reshape(num_key_heads, group.shape[1], -1, head_dim)
    sums = np.einsum("hwl,hwld->whd", group, blocks)
    drops = np.repeat((exponents[:, -1:] - exponents).T[:, :, None], head_dim, axis=2)
    return Sums(sums.reshape(len(sums), -1), drops.reshape(len(sums), -1))


@pytest.mark.parametrize("shape", SHAPES)
@given(
    st.lists(st.integers(-(2**15), 2**15 - 1), min_size=1, max_size=5),
    st.sampled_from([0, 500, 9000]),
    st.integers(0, 2**32),
    st.lists(st.integers(0, 3), min_size=1, max_size=5),
)
def test_equals_the_reference_at_every_position(
    shape: tuple[int, int, int, int], octaves: list[int], spread: int, seed: int, gaps: list[int]
) -> None:
    """Blocks of keys whose logits lie around drawn octaves, and any values."""
    num_lanes, num_heads, num_key_heads, head_dim = shape
    generator = np.random.default_rng(seed)
    num_keys = len(octaves) * num_lanes
    noise = generator.integers(-spread, spread + 1, (1, num_heads, num_keys))
    logits = np.clip(256 * np.repeat(octaves, num_lanes) + noise, -(2**23), 2**23 - 1)
    words = compute_softmax_words(logits, np.ones(num_keys, np.bool_), num_lanes)
    values = generator.integers(-127, 128, (1, num_key_heads, num_keys, head_dim)).astype(np.int8)
    expected = accumulate_context(words, values)[0].reshape(num_key_heads, -1, head_dim)
    bench = get_bench(num_key_heads * head_dim)
    for query in range(num_heads // num_key_heads):
        sums = make_sums(words, values[0].astype(np.int64), query)
        assert run(bench, sums, gaps) == expected[:, query].reshape(-1).tolist()


word_sums = st.one_of(
    st.integers(-(2**28), 2**28), st.integers(-3, 3), st.sampled_from([-(2**32), 2**32 - 1])
)
"""Six of them fit the accumulator without a shift."""
drops = st.one_of(st.integers(0, 50), st.integers(0, 2**17 - 1), st.sampled_from([62, 63, 64]))


def accumulate(terms: list[tuple[int, int]]) -> list[int | None]:
    """What the last of some sums of one position gives, the first of them there anew."""
    bench, results = get_bench(8), []
    for number, (word_sum, drop) in enumerate(terms):
        ends = {"is_first": int(number == 0), "is_last": int(number == len(terms) - 1)}
        results = [bench.step(sum_valid=1, sum=word_sum & MASK, drop=drop, position=5, **ends)]
        results += [bench.step() for _ in range(context.LATENCY_CYCLES)]
    return results


@given(st.lists(st.tuples(word_sums, drops), min_size=1, max_size=6))
def test_rounds_every_sum_downwards_before_it_is_added(terms: list[tuple[int, int]]) -> None:
    """The contract, without the reference."""
    expected = sum((word_sum << 11) >> min(drop, 63) for word_sum, drop in terms)
    assert accumulate(terms) == [*[None] * context.LATENCY_CYCLES, expected]


@given(st.integers(-(2**36), 2**36 - 1), drops)
def test_takes_every_sum_of_37_bits(word_sum: int, drop: int) -> None:
    expected = (word_sum << 11) >> min(drop, 63)
    assert accumulate([(word_sum, drop)]) == [*[None] * context.LATENCY_CYCLES, expected]


@pytest.mark.parametrize("distance", range(1, context.RETURN_CYCLES))
def test_refuses_a_position_that_returns_too_early(distance: int) -> None:
    bench = get_bench(8)
    bench.step(sum_valid=1, position=3, is_first=1)
    for other in range(distance - 1):
        bench.step(sum_valid=1, position=4 + other, is_first=1)
    with pytest.raises(ProtocolError, match="a position returns when it has been written"):
        bench.step(sum_valid=1, position=3)


def test_takes_a_position_that_returns_as_early_as_allowed() -> None:
    bench, results = get_bench(8), []
    for cycle in range(3 * context.RETURN_CYCLES):
        round_number, position = divmod(cycle, context.RETURN_CYCLES)
        ends = {"is_first": int(round_number == 0), "is_last": int(round_number == 2)}
        results.append(bench.step(sum_valid=1, sum=1 + cycle, position=position, **ends))
    results += [bench.step() for _ in range(context.LATENCY_CYCLES)]
    expected = [3 * (1 + place + context.RETURN_CYCLES) << 11 for place in range(4)]
    assert [value for value in results if value is not None] == expected


def test_refuses_a_sum_that_does_not_fit() -> None:
    with pytest.raises(ProtocolError, match="sums of p v fit 37 bits"):
        get_bench(8).step(sum_valid=1, sum=1 << 36)


def test_refuses_an_accumulator_that_does_not_fit() -> None:
    bench = get_bench(8)
    largest = {"sum_valid": 1, "sum": 2**36 - 1, "position": 1}
    bench.step(is_first=1, **largest)
    for _ in range(context.RETURN_CYCLES - 1):
        bench.step()
    bench.step(**largest)
    for _ in range(context.ADD_CYCLES - 1):
        bench.step()
    with pytest.raises(ProtocolError, match="contexts fit 48 bits"):
        bench.step()


def test_clear_forgets_what_is_under_way() -> None:
    bench = get_bench(8)
    for position in range(context.LATENCY_CYCLES):
        bench.step(sum_valid=1, is_first=1, is_last=1, sum=1, position=position)
    bench.step(clear=1)
    assert [bench.step() for _ in range(context.LATENCY_CYCLES)] == [None] * context.LATENCY_CYCLES
