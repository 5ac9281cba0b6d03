"""Drawing of tokens; twin of `fastcar.reference.sampling`, in float64 like it."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcar.reference.kernels.compilation import device, kernel

Array = Any


@device
def draw_sorted(logits: Array, temperature: float, top_k: int, top_p: float, uniform: float) -> int:
    """Place of the drawn token among logits that fall; see `Sampling.compute_probabilities`."""
    count = min(top_k, len(logits))
    masses = np.empty(count, np.float64)
    for place in range(count):
        masses[place] = np.exp((np.float64(logits[place]) - np.float64(logits[0])) / temperature)
    limit = top_p * masses.sum()
    kept, total = 0, 0.0
    while kept < count and (total < limit or kept == 0):
        total += masses[kept]
        kept += 1
    drawn, below = 0, masses[0]
    while drawn < kept - 1 and below <= uniform * total:
        drawn += 1
        below += masses[drawn]
    return drawn


@kernel()
def draw_tokens(
    logits: Array, temperature: float, top_k: int, top_p: float, uniforms: Array, token_ids: Array
) -> None:
    """One token per row of logits [rows, K] float32 from uniforms [rows]; greedy at 0."""
    for row in range(len(logits)):
        if temperature == 0:
            token_ids[row] = np.argmax(logits[row])
        else:
            order = np.argsort(-logits[row], kind="mergesort")
            ranked = logits[row][order]
            place = draw_sorted(ranked, temperature, top_k, top_p, uniforms[row])
            token_ids[row] = order[place]
