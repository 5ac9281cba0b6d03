"""Drawing of tokens; twin of `fastcar.reference.sampling`, in float64 like it."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcar.reference.kernels.compilation import bare_device, kernel

Array = Any


@bare_device
def draw_sorted(
    logits: Array, masses: Array, temperature: float, top_k: int, top_p: float, uniform: float
) -> int:
    """Place of the drawn token among logits that fall; see `Sampling.compute_probabilities`.

    Masses [K] float64 are written.
    """
    count, total = min(top_k, len(logits)), 0.0
    for place in range(count):
        mass = np.exp((np.float64(logits[place]) - np.float64(logits[0])) / temperature)
        masses[place] = mass
        total += mass
    limit = top_p * total
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
            masses = np.empty(len(ranked), np.float64)
            place = draw_sorted(ranked, masses, temperature, top_k, top_p, uniforms[row])
            token_ids[row] = order[place]
