"""How likely a token was under the logits that it was chosen of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import FloatArray, TokenIds


def compute_nats(logits: FloatArray, chosen: TokenIds) -> NDArray[np.float64]:
    """-log softmax(logits)[chosen] of every row; logits [R, V], chosen [R], result [R]."""
    wide = logits.astype(np.float64)
    peak = wide.max(axis=-1)
    with np.errstate(over="ignore"):  # a distance beyond the range has no likelihood left
        log_total = peak + np.log(np.exp(wide - peak[:, None]).sum(axis=-1))
    nats: NDArray[np.float64] = log_total - wide[np.arange(len(wide)), chosen]
    return nats
