"""Who computes the MLP phase of the integer decoder: the integer reference, or hardware.

An engine decides, computes or replays, and keeps the replay cache. The decoder gives it whole
numbers and continues with the whole numbers it gets back, so the same decoder runs closed loop on
the reference and on simulated hardware.

Notation: B slots (rows of the batch), D model width, Q = H d width of all query heads.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from fastcar.reference.arrays import BoolArray, Int16Array, Int64Array, UInt32Array


class DecisionSource(Enum):
    """What the hardware compares with the threshold."""

    SCORE = "score"
    """Replay iff sum of query times aligned key >= threshold; the cache holds the outputs."""
    DISTANCE = "distance"
    """Replay iff sum of (n - cached n)^2 <= threshold; the cache holds outputs and inputs n."""


@dataclass(frozen=True)
class MlpRequest:
    """One layer of one token, for every slot.

    Attributes:
        token_index: generated index j.
        location_index: place of the token in its frame: the row of the replay cache.
        residual: [B, D] int16, residual stream after attention, scale s_x of the layer.
        source: what decides; also says whether the cache keeps the inputs n.
        threshold: integer, signed 48 bits; read where `is_decided`.
        is_decided: [B], slots that the source decides; the others do as `is_computing` says.
        is_computing: [B], decision of the slots that the source does not decide.
        query: [B, Q] int16, under SCORE where any slot is decided, otherwise None.
        aligned_key: [B, Q] int16, one key head per query head (repeated if shared); likewise.
    """

    token_index: int
    location_index: int
    residual: Int16Array
    source: DecisionSource
    threshold: int
    is_decided: BoolArray
    is_computing: BoolArray
    query: Int16Array | None = None
    aligned_key: Int16Array | None = None


@dataclass(frozen=True)
class MlpResult:
    """What the MLP phase of one layer did.

    Attributes:
        residual: [B, D] int16, after the MLP, scale s_x.
        output: [B, D] int16, y that was added: what the replay cache now holds.
        replayed: [B].
        scores: [B] int64, score or distance; 0 where the source did not decide.
        digests: [B] uint32 of the words stored by each slot (`fastcar.reference.integer.digest`).
    """

    residual: Int16Array
    output: Int16Array
    replayed: BoolArray
    scores: Int64Array
    digests: UInt32Array


class MlpEngine(Protocol):
    """Runs the MLP phase and holds the replay cache."""

    def reset(self, num_slots: int, tokens_per_frame: int) -> None:
        """Start a generation: forget the cache, make room for B slots and N places."""
        ...

    def run_layer(self, layer_index: int, request: MlpRequest) -> MlpResult:
        """Run one layer of one token."""
        ...
