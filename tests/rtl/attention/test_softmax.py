"""The softmax unit: equal to the reference in every word, sum, reciprocal and cycle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.whole.context import compute_reciprocal
from fastcar.reference.integer.whole.softmax import MAX_VISIBLE_TOKENS, compute_softmax_words
from fastcar.rtl.assertions import ProtocolError
from fastcar.rtl.attention import softmax
from fastcar.rtl.attention.formats import NO_EXPONENT
from tests.rtl.attention.softmax_bench import Found, Segment, get_bench, join_segments

SIZES = [(4, 1), (4, 3), (8, 2), (16, 4)]
"""L and H of the units that are built."""
LARGEST, LOWEST = 2**23 - 1, -(2**23)

bases = st.one_of(
    st.integers(-2000, 2000),
    st.integers(LOWEST, LARGEST),
    st.sampled_from([LOWEST, LARGEST, 0, -1, 255, 256, -256, 16 * 256, 17 * 256 - 1]),
)
spreads = st.sampled_from([0, 1, 300, 4500, 2**24])


@st.composite
def draw_segment(draw: st.DrawFn, size: tuple[int, int], is_fresh: bool, is_final: bool) -> Segment:
    """Words around drawn logits; lanes by chance visible, at least one in the first block."""
    num_lanes, num_heads = size
    num_blocks = draw(st.integers(1, 4))
    shape = num_blocks, num_heads, num_lanes
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    block_bases = draw(st.lists(bases, min_size=num_blocks, max_size=num_blocks))
    noise = generator.integers(-(2**24), 2**24, shape)
    spread = draw(spreads)
    logits = np.array(block_bases)[:, None, None] + noise * spread // 2**24
    visible = generator.random(shape) < draw(st.sampled_from([0.1, 0.5, 1.0]))
    if is_fresh:
        lane = draw(st.integers(0, num_lanes - 1))
        visible[draw(st.integers(0, num_blocks - 1)), :, lane] = True
    num_words = num_blocks * num_heads
    gap = num_lanes + draw(st.sampled_from([0, 0, 1, 9, 30]))
    gaps = [gap] * num_words
    if draw(st.booleans()):
        gaps = [gap + int(more) for more in generator.integers(0, 5, num_words)]
    return Segment(np.clip(logits, LOWEST, LARGEST), visible, gaps, is_fresh, is_final)


@st.composite
def draw_segments(draw: st.DrawFn, size: tuple[int, int]) -> list[Segment]:
    """Instructions of which the first one is fresh."""
    flags = draw(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=4))
    first, *rest = flags
    kinds = [(True, first[1]), *rest]
    return [draw(draw_segment(size, *kind)) for kind in kinds]


def check(segments: Sequence[Segment], found: Found) -> None:
    """Compare the last of instructions that continue each other, the first of them fresh."""
    logits, visible = join_segments(segments)
    last = segments[-1]
    num_blocks, num_heads, num_lanes = last.logits.shape
    expected = compute_softmax_words(logits, visible, num_lanes)
    has_begun = np.maximum.accumulate(visible.reshape(num_heads, -1, num_lanes).any(-1), -1)
    exponents = np.where(has_begun, expected.exponents, NO_EXPONENT)
    for number, word in enumerate(found.words):
        block, head = divmod(number, num_heads)
        place = head, expected.weights.shape[1] - num_blocks + block
        assert word.latency == softmax.latency_cycles(num_lanes)
        assert word.index == number
        assert word.weights == expected.weights[place].tolist()
        assert word.exponent == exponents[place]
    assert found.totals == expected.total.tolist()
    reciprocal, bit_length = compute_reciprocal(expected.total[-1:])
    assert found.last_head[0] == exponents[-1, -1]
    if last.is_final:
        assert found.last_head[1:] == (reciprocal[0], bit_length[0])


def check_tail(segment: Segment, found: Found) -> None:
    """The time of `is_done`: exact for equal gaps in the last block, at most that for others."""
    _, num_heads, num_lanes = segment.logits.shape
    gaps = segment.gaps[-num_heads:-1] or [num_lanes]
    formula = softmax.count_tail_cycles(num_lanes, num_heads, min(gaps), segment.is_final)
    assert found.tail <= formula
    if len(set(gaps)) == 1:
        assert found.tail == formula


@pytest.mark.parametrize("size", SIZES)
@given(st.data())
def test_equals_the_reference_in_every_word_and_cycle(
    size: tuple[int, int], data: st.DataObject
) -> None:
    bench = get_bench(*size)
    segments = data.draw(draw_segments(size))
    bench.step(clear=1)
    first = 0
    for number, segment in enumerate(segments):
        first = number if segment.is_fresh else first
        found = bench.run(segment)
        check(segments[first : number + 1], found)
        check_tail(segment, found)


@given(st.integers(0, 200), st.data())
def test_clear_forgets_what_is_under_way(num_cycles: int, data: st.DataObject) -> None:
    """An instruction that is cut off gives nothing any more, and the next one is right."""
    size = 4, 3
    bench = get_bench(*size)
    bench.step(clear=1)
    begun = data.draw(draw_segment(size, is_fresh=True, is_final=True))
    bench.begin(begun, num_cycles)
    bench.step(clear=1)
    for _ in range(30):
        bench.step(is_final=1)
        assert not bench.read("weights_valid")
        assert not bench.read("is_done")
    following = data.draw(draw_segment(size, is_fresh=True, is_final=True))
    found = bench.run(following)
    check([following], found)
    check_tail(following, found)


@given(st.data())
def test_every_head_is_read_from_its_own_place(data: st.DataObject) -> None:
    size = data.draw(st.sampled_from(SIZES))
    bench = get_bench(*size)
    bench.step(clear=1)
    segment = data.draw(draw_segment(size, is_fresh=True, is_final=True))
    bench.run(segment)
    expected = compute_softmax_words(*join_segments([segment]), size[0])
    reciprocal, bit_length = compute_reciprocal(expected.total)
    for head in data.draw(st.permutations(range(size[1]))):
        exponent = expected.exponents[head, -1]
        assert bench.read_head(head) == (exponent, reciprocal[head], bit_length[head])


def make_equal_keys(size: tuple[int, int], num_blocks: int) -> Segment:
    """Words of keys with the largest weight there is."""
    shape = num_blocks, size[1], size[0]
    logits, visible = np.full(shape, -1), np.ones(shape, np.bool_)
    return Segment(logits, visible, [size[0]] * num_blocks * size[1], is_fresh=True, is_final=True)


def test_sums_of_as_many_keys_as_are_allowed_fit() -> None:
    bench = get_bench(16, 1)
    bench.step(clear=1)
    segment = make_equal_keys((16, 1), MAX_VISIBLE_TOKENS // 16)
    found = bench.run(segment)
    check([segment], found)
    assert found.last_head[2] == 40


def test_refuses_a_sum_that_does_not_fit() -> None:
    bench = get_bench(16, 1)
    bench.step(clear=1)
    with pytest.raises(ProtocolError, match="the sum of the weights fits 40 bits"):
        bench.run(make_equal_keys((16, 1), MAX_VISIBLE_TOKENS // 16 + 2))


def test_refuses_a_word_that_comes_too_early() -> None:
    bench = get_bench(4, 1)
    bench.step(clear=1)
    bench.step(word_valid=1)
    for _ in range(2):
        bench.step()
    with pytest.raises(ProtocolError, match="words of logits at least L cycles apart"):
        bench.step(word_valid=1)


@pytest.mark.parametrize("num_heads", [0, 65])
def test_refuses_numbers_of_heads_that_it_has_no_place_for(num_heads: int) -> None:
    with pytest.raises(ArgumentError, match=f"^num_heads = {num_heads}: must be from 1 to 64$"):
        softmax.count_head_bits(num_heads)
