"""Which blocks of the KV cache a token sees, as runs that are one request each.

Source: docs/accelerator.md, section 8. Sinks and window are two segments, or one if they meet.
"""

from __future__ import annotations

from dataclasses import dataclass

from fastcar.reference.errors import ArgumentError
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.rtl.config import AcceleratorConfig


@dataclass(frozen=True)
class Segment:
    """Blocks of L keys one after the other, all visible but at both ends.

    Attributes:
        first_block: index of the first.
        num_blocks: at least 1.
        first_lane: first visible key of the first block.
        last_lane: last visible key of the last block.
    """

    first_block: int
    num_blocks: int
    first_lane: int
    last_lane: int

    @property
    def last_block(self) -> int:
        """Index of the last one."""
        return self.first_block + self.num_blocks - 1

    def __contains__(self, block: int) -> bool:
        return self.first_block <= block <= self.last_block


def list_segments(
    position: int, sparse: SparseAttention | None, num_lanes: int
) -> tuple[Segment, ...]:
    """What the token at a position sees, itself included.

    >>> [one.num_blocks for one in list_segments(30, SparseAttention(8, 2), num_lanes=4)]
    [1, 3]
    >>> list_segments(9, SparseAttention(8, 2), num_lanes=4)
    (Segment(first_block=0, num_blocks=3, first_lane=0, last_lane=1),)
    """
    if sparse is None:
        return (_make_segment(0, position, num_lanes),)
    start = max(position - sparse.window_tokens + 1, 0)
    if start <= sparse.sink_tokens:
        return (_make_segment(0, position, num_lanes),)
    window = _make_segment(start, position, num_lanes)
    if not sparse.sink_tokens:
        return (window,)
    return _make_segment(0, sparse.sink_tokens - 1, num_lanes), window


def check_context(
    config: AcceleratorConfig, num_positions: int, sparse: SparseAttention | None
) -> None:
    """Refuse a context that the score buffer does not hold, or a window below a word.

    Args:
        config: sizes, with those of an attention phase.
        num_positions: tokens of a row.
        sparse: sinks and window.

    Raises:
        ArgumentError: names the size.
    """
    assert config.attention is not None
    if sparse is not None and sparse.window_tokens < config.num_lanes:
        limit = f"at least a word of {config.num_lanes} keys"
        raise ArgumentError("window", sparse.window_tokens, limit)
    first, lanes = num_positions - 1, config.num_lanes
    if sparse is not None:  # behind sinks and window the blocks repeat with every word
        first = min(first, sparse.sink_tokens + sparse.window_tokens)
    largest = max(
        sum(one.num_blocks for one in list_segments(position, sparse, lanes))
        for position in range(first, min(num_positions, first + lanes))
    )
    if largest > config.attention.max_blocks:
        limit = f"at most max_blocks = {config.attention.max_blocks}"
        raise ArgumentError("visible blocks", largest, limit)


def _make_segment(first: int, last: int, num_lanes: int) -> Segment:
    first_block, first_lane = divmod(first, num_lanes)
    last_block, last_lane = divmod(last, num_lanes)
    return Segment(first_block, last_block - first_block + 1, first_lane, last_lane)
