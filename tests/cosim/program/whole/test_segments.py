"""Segments cover exactly the visible keys, and contexts that do not fit are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fastcar.cosim.program.whole.scores import find_tapped
from fastcar.cosim.program.whole.segments import Segment, check_context, list_segments
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.whole.cache import make_visible_runs
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.rtl.attention.config import AttentionConfig
from fastcar.rtl.config import TINY_DECODER

sparses = st.one_of(st.none(), st.builds(SparseAttention, st.integers(1, 40), st.integers(0, 20)))


@given(st.integers(0, 99), sparses, st.sampled_from([4, 8, 16]))
@example(9, SparseAttention(8, 2), 4)  # the window begins right behind the sinks
@example(10, SparseAttention(8, 2), 4)
def test_segments_are_the_words_of_the_reference(
    position: int, sparse: SparseAttention | None, num_lanes: int
) -> None:
    runs = make_visible_runs(np.array([position]), sparse, num_lanes)
    words: list[list[int]] = []
    for first in range(0, len(runs.keys), num_lanes):
        word = slice(first, first + num_lanes)
        seen = runs.keys[word][runs.visible[0, word]].tolist()
        if seen:
            words.append(seen)
    found = []
    for one in list_segments(position, sparse, num_lanes):
        for block in range(one.first_block, one.last_block + 1):
            first = one.first_lane if block == one.first_block else 0
            last = one.last_lane if block == one.last_block else num_lanes - 1
            found.append([block * num_lanes + lane for lane in range(first, last + 1)])
    assert found == words


def test_aligned_key_is_tapped_where_its_block_is_streamed() -> None:
    sinks, window = Segment(0, 2, 0, 3), Segment(1, 300, 0, 3)
    assert find_tapped((sinks, window), 0) is sinks
    assert find_tapped((sinks, window), 300) is window
    assert find_tapped((window,), 300 - 255) is window
    assert find_tapped((window,), 300 - 256) is None
    assert find_tapped((sinks, Segment(5, 2, 0, 0)), 3) is None


@given(st.integers(1, 120), sparses)
def test_most_blocks_of_any_token_are_what_fits(
    num_positions: int, sparse: SparseAttention | None
) -> None:
    if sparse is not None and sparse.window_tokens < 4:
        sparse = replace(sparse, window_tokens=4)
    most = max(
        sum(one.num_blocks for one in list_segments(position, sparse, 4))
        for position in range(num_positions)
    )
    fitting = replace(TINY_DECODER, attention=AttentionConfig(2, 2, 4, max_blocks=most))
    check_context(fitting, num_positions, sparse)
    if most > 1:
        tight = replace(TINY_DECODER, attention=AttentionConfig(2, 2, 4, max_blocks=most - 1))
        with pytest.raises(ArgumentError, match=rf"^visible blocks = {most}: "):
            check_context(tight, num_positions, sparse)


def test_context_of_most_blocks_fits_and_one_more_is_refused() -> None:
    check_context(TINY_DECODER, 32, None)
    with pytest.raises(ArgumentError, match=r"^visible blocks = 9: must be at most max_blocks = 8"):
        check_context(TINY_DECODER, 33, None)
    # Six keys lie in three blocks at most, five sinks in two.
    small = replace(TINY_DECODER, attention=AttentionConfig(2, 2, 4, max_blocks=5))
    check_context(small, 500, SparseAttention(6, 5))
    with pytest.raises(ArgumentError, match=r"^visible blocks = 6: must be at most max_blocks = 5"):
        check_context(small, 500, SparseAttention(10, 5))
    with pytest.raises(ArgumentError, match=r"^window = 3: must be at least a word of 4 keys$"):
        check_context(TINY_DECODER, 8, SparseAttention(3, 0))
