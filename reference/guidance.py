"""Classifier-free guidance: two rows per video, [all conditional; all unconditional].

Source: VILA-U, the paper's model: logits = uncond + scale * (cond - uncond). Each row has its own
caches and decides alone whether it replays.
"""

from __future__ import annotations

import numpy as np

from fastcar.reference.arrays import FloatArray, TokenIds
from fastcar.reference.errors import ArgumentError


def check_scale(scale: float) -> None:
    """Refuse a guidance scale that is negative or not finite."""
    if not 0 <= scale < np.inf:
        raise ArgumentError("guidance", scale, "finite and at least 0")


def make_guided_rows(conditional: TokenIds, unconditional: TokenIds) -> TokenIds:
    """Rows of a guided batch; both [videos, P] int64, result [2 * videos, P]."""
    if conditional.shape != unconditional.shape:
        raise ArgumentError("unconditional shape", unconditional.shape, f"{conditional.shape}")
    return np.concatenate([conditional, unconditional])


def combine_logits(logits: FloatArray, scale: float) -> FloatArray:
    """[2 * videos, V] logits of a guided batch to [videos, V]; not finite where that overflows.

    >>> combine_logits(np.array([[2.0], [1.0]]), scale=3.0).tolist()
    [[4.0]]
    """
    conditional, unconditional = np.split(logits, 2)
    with np.errstate(over="ignore", invalid="ignore"):  # whoever draws of them looks (D-37)
        factor = logits.dtype.type(scale)
        guided: FloatArray = unconditional + factor * (conditional - unconditional)
    return guided
