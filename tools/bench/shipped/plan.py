"""What is compared on the shipped model: engines, gates, rounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

EARLIER = "19b5edc"
"""Commit before a frame was one compiled call; its engine is what the others are compared with."""
STEPS = "float32, step by step"
EXACT = "float32"
BFLOAT16 = "bfloat16"
INT8, INT8_CACHE = "int8, exact cache", "int8, int8 cache"
OWN = {
    STEPS: "float32 weights and cache, a compiled call per operation",
    EXACT: "float32 weights and cache, a compiled call per frame as all below",
    BFLOAT16: "bfloat16 weights and cache",
    INT8: "int8 weights, float32 cache",
    INT8_CACHE: "int8 weights and cache",
}
"""Today's contenders, the numbers that they keep."""
STREAMED = (EXACT, BFLOAT16, INT8, INT8_CACHE)
"""Contenders whose share of the streaming limit is shown."""
PEER = "llama.cpp-Q8_0"
LOOKING_GATES = ("tas", "input")
PLANNED_GATE = "even"
RATIOS = (0.3, 0.5, 0.8)
"""Replayed shares of all tokens and layers that the gates are set to."""
TEMPERATURE = 0.7
CLOCKS = ("cpu", "clock")
"""Processor time of the contender's process, and time by the clock."""


def name_read(contender: str) -> str:
    """Name of the turn that reads as many bytes as a token of a contender does."""
    return f"read {contender}"


def name_replay(gate: str, ratio: float) -> str:
    """Name of a replaying turn.

    >>> name_replay("tas", 0.3)
    'tas 30%'
    """
    return f"{gate} {ratio:.0%}"


def name_rows(rows: int) -> str:
    """Name of the turn in which that many rows compute."""
    return f"rows {rows}"


@dataclass(frozen=True)
class ShippedPlan:
    """How much is measured.

    Attributes:
        contenders: of `OWN`; `STEPS` and `EXACT` are among them.
        frames: of every video.
        contender_rounds: batch -> rounds of engines and peers.
        replay_rounds: batch -> rounds of gates.
        row_counts: batch -> computing rows whose cost is measured.
        cost_frames: of the videos that measure it, at least 2.
        calibration_runs: most runs for one threshold.
        earlier: commit of the engine to compare with; empty = none.
    """

    contenders: tuple[str, ...]
    frames: int
    contender_rounds: Mapping[int, int]
    replay_rounds: Mapping[int, int]
    row_counts: Mapping[int, tuple[int, ...]]
    cost_frames: int
    calibration_runs: int
    earlier: str


FULL_SHIPPED_PLAN = ShippedPlan(
    contenders=tuple(OWN),
    frames=16,
    contender_rounds={1: 12, 16: 3},
    replay_rounds={1: 30, 16: 5},
    row_counts={16: (1, 2, 4, 8, 12, 16)},
    cost_frames=5,
    calibration_runs=12,
    earlier=EARLIER,
)
QUICK_SHIPPED_PLAN = ShippedPlan(
    contenders=(STEPS, EXACT, INT8_CACHE),
    frames=2,
    contender_rounds={1: 1, 2: 1},
    replay_rounds={1: 1, 2: 1},
    row_counts={2: (1, 2)},
    cost_frames=2,
    calibration_runs=2,
    earlier="",
)
