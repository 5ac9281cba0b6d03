"""Runs that replay did nothing for: what a report must say before its numbers are believed.

Notation: S steps, L layers, B rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastcar.reference.arrays import BoolArray, FloatArray


def describe_inert_gate(eligible: BoolArray, replayed: BoolArray) -> str | None:
    """One line if the gate decided nothing: no replay, or every eligible one; else None.

    Args:
        eligible: [S, L, B], or anything that has its shape after broadcasting.
        replayed: [S, L, B].
    """
    if not replayed.size:
        return "replay did nothing: no token was fed behind the prompt"
    may = np.broadcast_to(eligible, replayed.shape)
    ratio = f"replay ratio {replayed.mean():.1%}"
    if not may.any():
        return (
            f"replay did nothing ({ratio}): no token was eligible: none is in warm-up frames, in "
            "a layer without a threshold, or beyond max_chain"
        )
    if not replayed.any():
        return f"the gate did nothing ({ratio}): no eligible token replayed"
    if replayed[may].all():
        return f"the gate did nothing ({ratio}, all that may): every eligible token replayed"
    return None


def describe_unmeasured_thresholds(
    thresholds: Sequence[float | None], measures: FloatArray, eligible: BoolArray
) -> list[str]:
    """A line for each finite threshold that no measure of its layer lies around.

    Args:
        thresholds: one per layer; None = the layer never replays, infinite = meant to be inert.
        measures: [S, L, B], NaN where none was taken.
        eligible: [S, L, B], or anything that has its shape after broadcasting.

    >>> measured = np.array([[[0.2]], [[0.4]]])
    >>> describe_unmeasured_thresholds([3.0], measured, np.ones((2, 1, 1), bool))
    ['the threshold 3 of layer 0 lies outside of what was measured there, 0.2 to 0.4']
    """
    lines = []
    taken = np.isfinite(measures) & np.broadcast_to(eligible, measures.shape)
    for layer_index, threshold in enumerate(thresholds):
        found = measures[:, layer_index][taken[:, layer_index]]
        if threshold is None or not np.isfinite(threshold) or not found.size:
            continue
        least, most = float(found.min()), float(found.max())
        if not least <= threshold <= most:
            lines.append(
                f"the threshold {threshold:g} of layer {layer_index} lies outside of what was "
                f"measured there, {least:.4g} to {most:.4g}"
            )
    return lines


def list_warnings(
    eligible: BoolArray,
    replayed: BoolArray,
    measures: FloatArray,
    thresholds: Sequence[float | None] = (),
) -> list[str]:
    """All of the above; `thresholds` as far as somebody chose them by hand."""
    inert = describe_inert_gate(eligible, replayed)
    outside = describe_unmeasured_thresholds(thresholds, measures, eligible)
    return ([inert] if inert else []) + outside
