"""What a decode step leaves behind in each layer, for itself and for those who watch.

Notation as in `fastcar.reference.decoder`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fastcar.reference.arrays import FloatArray
from fastcar.reference.replay import ReplayDecision


@dataclass(frozen=True)
class LayerObservation:
    """What one layer did with one generated token, for each row.

    Attributes:
        layer_index: l.
        token_index: generated index j.
        score_heads: [B, H] TAS of every head; None where no score is taken.
        score: [B] aggregated; None likewise.
        decision: eligibility, decision, gate's measure, chain and MLP output used.
        layer_out: [B, D], residual stream after the layer.
        score_is_extra: the aligned key had left the window, so the score cost a product.
        query: [B, H, d], the query that scores are taken of, whether or not one was.
    """

    layer_index: int
    token_index: int
    score_heads: FloatArray | None
    score: FloatArray | None
    decision: ReplayDecision
    layer_out: FloatArray
    score_is_extra: bool
    query: FloatArray


Observer = Callable[[LayerObservation], None]


@dataclass(frozen=True)
class Attended:
    """What attention of one layer leaves of one token.

    Attributes:
        residual: [B, D], residual stream after attention.
        query: [B, H, d], of which scores are taken.
        tapped: [B, H], its logits against the aligned key; None unless attention had them anyway.
    """

    residual: FloatArray
    query: FloatArray
    tapped: FloatArray | None


@dataclass(frozen=True)
class Score:
    """The Temporal Attention Score of one layer and token.

    Attributes:
        heads: [B, H]; None where no score is taken.
        aggregated: [B]; None likewise.
        is_extra: it cost a product.
    """

    heads: FloatArray | None
    aggregated: FloatArray | None
    is_extra: bool
