"""From logits to a code as VILA-U draws it: temperature, top-k, top-p.

The same filters in the same order as in `fastcar.reference.sampling`, but for two rules of top-k:
codes as likely as the k-th all stay, and k may not exceed the number of codes (D-63).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arguments import check_fields
from fastcar.reference.arrays import FloatArray
from fastcar.reference.attention import compute_softmax
from fastcar.reference.errors import ArgumentError
from fastcar.reference.sampling import check_filters, check_logits


@dataclass(frozen=True)
class CodeSampling:
    """How a code is drawn; the defaults are fixed in the published code.

    Attributes:
        temperature: logits are divided by it; 0 = greedy (the lowest code at a tie).
        top_k: keep the k most likely codes and those as likely as the last of them; None = all.
        top_p: keep the most likely codes until their mass reaches p, in (0, 1].
    """

    temperature: float = 1.0
    top_k: int | None = 900
    top_p: float = 0.96

    def __post_init__(self) -> None:
        check_fields(self)
        check_filters(self.temperature, self.top_k, self.top_p)

    def draw(self, logits: FloatArray, stream: np.random.Generator) -> int:
        """Draw one code.

        Args:
            logits: [n], guided.
            stream: advanced by one draw, also if greedy, so that a stream stays in step.

        Raises:
            ArgumentError: logits that are not finite, or fewer than `top_k`.
        """
        check_logits(logits)
        uniform = stream.random()
        if self.temperature == 0:
            return int(logits.argmax())
        cumulated = np.cumsum(self.compute_probabilities(logits))
        chosen = np.searchsorted(cumulated, uniform * cumulated[-1], side="right")
        return int(min(chosen, len(logits) - 1))

    def compute_probabilities(self, logits: FloatArray) -> NDArray[np.float64]:
        """Probabilities [n] of the codes, of logits [n]; the temperature is above 0.

        Raises:
            ArgumentError: fewer codes than `top_k`.

        >>> CodeSampling(top_k=2, top_p=1.0).compute_probabilities(np.zeros(4)).tolist()
        [0.25, 0.25, 0.25, 0.25]
        """
        with np.errstate(over="ignore"):  # a distance beyond the range has no probability left
            scaled = (logits.astype(np.float64) - logits.max()) / self.temperature
        order = np.argsort(-scaled, kind="stable")
        if self.top_k is not None:
            if self.top_k > len(scaled):
                raise ArgumentError("top_k", self.top_k, f"at most {len(scaled)}, all codes")
            scaled[scaled < scaled[order[self.top_k - 1]]] = -np.inf
        probabilities = compute_softmax(scaled, axis=0)
        mass_before = np.cumsum(probabilities[order]) - probabilities[order]
        probabilities[order[mass_before >= self.top_p]] = 0
        normalised: NDArray[np.float64] = probabilities / probabilities.sum()
        return normalised
