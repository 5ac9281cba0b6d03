"""How likely a token was under the logits that it was chosen of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import FloatArray, TokenIds

ROWS_AT_ONCE = 64
"""Rows whose logits are widened together: a frame of a batch would take several times its own."""


def compute_nats(logits: FloatArray, chosen: TokenIds) -> NDArray[np.float64]:
    """-log softmax(logits)[chosen] of every row; logits [R, V], chosen [R], result [R]."""
    nats = np.empty(len(logits))
    for start in range(0, len(logits), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        wide = logits[rows].astype(np.float64)
        picked = np.take_along_axis(wide, chosen[rows, None], axis=-1)[:, 0]
        peak = wide.max(axis=-1)
        with np.errstate(over="ignore"):  # a distance beyond the range has no likelihood left
            wide -= peak[:, None]
            np.exp(wide, out=wide)
            nats[rows] = peak + np.log(wide.sum(axis=-1)) - picked
    return nats
