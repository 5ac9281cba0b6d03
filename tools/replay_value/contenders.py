"""What is compared: gates, and what stands in for the outputs that they let replay."""

from __future__ import annotations

from dataclasses import dataclass

CACHED = "cached"
"""What was used one frame earlier: the paper's replay."""
MEAN = "mean"
"""The layer's mean output over the calibration clips, whatever was computed: a control."""
ZERO = "zero"
"""Nothing: the block is skipped."""
CORRECTED = "corrected"
"""The last computed output, moved with its input by a matrix of low rank (D-53)."""

WEIGHTED = "weighted"
"""Heads' scores weighted so that they follow the distance of outputs (D-54)."""


@dataclass(frozen=True)
class Contender:
    """One way to save MLPs.

    Attributes:
        name: a-z, digits and dashes.
        words: for the page.
        gate: of `fastcar.reference.gate_factory.GATE_NAMES`.
        replacement: CACHED, MEAN, ZERO or CORRECTED.
        rank: of the correction.
        heads: "mean" or "max" of the heads' scores, or WEIGHTED.
        is_adaptive: each clip and layer tracks the ratio by itself, nothing is calibrated.
        is_per_layer: every layer is calibrated to the ratio by itself.
        is_published: score and comparison of the published code (D-01, D-02).
        seed: of the random gate.
    """

    name: str
    words: str
    gate: str
    replacement: str = CACHED
    rank: int = 0
    heads: str = "mean"
    is_adaptive: bool = False
    is_per_layer: bool = False
    is_published: bool = False
    seed: int = 0


CONTENDERS = (
    Contender("tas", "TAS (the paper)", "tas"),
    Contender("tas-max", "TAS, maximum of heads", "tas", heads="max"),
    Contender("tas-published", "TAS as the published code has it", "tas", is_published=True),
    Contender(
        "tas-weighted",
        "TAS, weighted heads, a threshold per layer",
        "tas",
        heads=WEIGHTED,
        is_per_layer=True,
    ),
    Contender("input", "input distance", "input"),
    Contender(
        "input-per-layer", "input distance, a threshold per layer", "input", is_per_layer=True
    ),
    Contender("input-relative", "input distance, relative", "input-relative"),
    Contender("accumulated", "accumulated change (FlowCache)", "accumulated"),
    Contender("motion", "motion-weighted change (MotionCache)", "motion"),
    Contender("skip-cosine", "cosine of the layer before (FFN-SkipLLM), cached", "skip-cosine"),
    Contender("skip-cosine-zero", "the same, blocks skipped as published", "skip-cosine", ZERO),
    Contender("codes", "distance of codes", "codes"),
    Contender("oracle", "oracle", "oracle"),
    Contender("random", "random", "random"),
    Contender("random-1", "random, second seed", "random", seed=1),
    Contender("random-2", "random, third seed", "random", seed=2),
    Contender("periodic", "periodic", "periodic"),
    Contender("tas-mean", "TAS, mean output in place of the cache", "tas", MEAN),
    Contender("input-mean", "input distance, mean output in place of the cache", "input", MEAN),
    Contender("tas-corrected-32", "TAS, corrected, rank 32", "tas", CORRECTED, 32),
    Contender("input-corrected-8", "input distance, corrected, rank 8", "input", CORRECTED, 8),
    Contender("input-corrected-32", "input distance, corrected, rank 32", "input", CORRECTED, 32),
    Contender("tas-adaptive", "TAS, adaptive thresholds", "tas", is_adaptive=True),
    Contender("input-adaptive", "input distance, adaptive thresholds", "input", is_adaptive=True),
)
"""In the order of the page."""
