"""The latency table of arXiv:2505.14709v1, and what its rows see of the tokens before."""

from __future__ import annotations

from dataclasses import dataclass

NUM_TOKENS = 8 * 256
"""Of a video: 8 frames of 256 tokens."""
SINK_TOKENS = 4
"""Of its sparse attention (StreamingLLM); the number is ours, the paper says none."""


@dataclass(frozen=True)
class PaperRow:
    """One row.

    Attributes:
        name: for people.
        seconds: latency of a video on an Alveo U280, as published.
        ratio: replayed share.
        window: tokens of the local window; None = full attention.
    """

    name: str
    seconds: float
    ratio: float = 0.0
    window: int | None = None


PAPER_ROWS = (
    PaperRow("dense", 689.7),
    PaperRow("replay 20 %", 556.8, 0.2),
    PaperRow("replay 50 %", 475.3, 0.5),
    PaperRow("replay 80 %", 390.7, 0.8),
    PaperRow("sparse attention, 256", 670.5, 0.0, 256),
    PaperRow("sparse attention, 16", 662.7, 0.0, 16),
    PaperRow("replay 87 %, sparse 256", 354.5, 0.87, 256),
    PaperRow("replay 87 %, sparse 16", 324.3, 0.87, 16),
)


def count_visible(window: int | None, num_lanes: int) -> dict[tuple[int, ...], int]:
    """How many tokens of a video see so many blocks of L keys, segment by segment.

    >>> count_visible(None, 1024)
    {(1,): 1024, (2,): 1024}
    """
    from fastcar.cosim.program.whole.segments import list_segments
    from fastcar.reference.sparse_attention import SparseAttention

    sparse = None if window is None else SparseAttention(window, SINK_TOKENS)
    counts: dict[tuple[int, ...], int] = {}
    for position in range(NUM_TOKENS):
        blocks = tuple(one.num_blocks for one in list_segments(position, sparse, num_lanes))
        counts[blocks] = counts.get(blocks, 0) + 1
    return counts
