"""From logits to a token: greedy, temperature, top-k, top-p, seeded per video."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arguments import check_fields
from fastcar.reference.arrays import FloatArray
from fastcar.reference.attention import compute_softmax
from fastcar.reference.errors import ArgumentError


def check_filters(temperature: float, top_k: int | None, top_p: float) -> None:
    """Refuse what no draw can mean.

    Raises:
        ArgumentError: by name; a temperature below 0 or not finite, no token kept, a mass outside
            (0, 1].
    """
    if not 0 <= temperature < np.inf:
        raise ArgumentError("temperature", temperature, "finite and at least 0")
    if top_k is not None and top_k < 1:
        raise ArgumentError("top_k", top_k, "at least 1")
    if not 0 < top_p <= 1:
        raise ArgumentError("top_p", top_p, "in (0, 1]")


@dataclass(frozen=True)
class Sampling:
    """How a token is drawn; the filters apply in the order temperature, top-k, top-p.

    Attributes:
        temperature: logits are divided by it; 0 = greedy (the lowest id at a tie).
        top_k: keep the k most likely tokens, at least 1; None = all.
        top_p: keep the most likely tokens until their mass reaches p, in (0, 1].
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0

    def __post_init__(self) -> None:
        check_fields(self)
        check_filters(self.temperature, self.top_k, self.top_p)

    def draw(self, logits: FloatArray, stream: np.random.Generator) -> int:
        """Draw one token id.

        Args:
            logits: [V].
            stream: advanced by one draw, also if greedy, so that a stream stays in step.

        Raises:
            ArgumentError: logits that are not finite; no draw means anything then.
        """
        check_logits(logits)
        uniform = stream.random()
        if self.temperature == 0:
            return int(logits.argmax())
        order = np.argsort(-logits, kind="stable")
        probabilities = self.compute_probabilities(logits[order].astype(np.float64))
        cumulated = np.cumsum(probabilities)
        chosen = np.searchsorted(cumulated, uniform * cumulated[-1], side="right")
        return int(order[min(chosen, len(order) - 1)])

    def compute_probabilities(self, sorted_logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities after temperature and filters, of logits sorted from large to small, [V].

        >>> logits = np.log([0.5, 0.3, 0.2])
        >>> Sampling(top_p=0.6).compute_probabilities(logits).round(3).tolist()
        [0.625, 0.375, 0.0]
        """
        with np.errstate(over="ignore"):  # a distance beyond the range has no probability left
            scaled = (sorted_logits - sorted_logits[0]) / self.temperature
        if self.top_k is not None:
            scaled[self.top_k :] = -np.inf
        probabilities = compute_softmax(scaled, axis=0)
        mass_before = np.cumsum(probabilities) - probabilities
        kept = np.where(mass_before < self.top_p, probabilities, 0)
        normalised: NDArray[np.float64] = kept / kept.sum()
        return normalised


def check_logits(logits: FloatArray) -> None:
    """Raise ArgumentError for logits, of any shape, that are not finite."""
    finite = np.isfinite(logits)
    if not finite.all():
        raise ArgumentError("logits", float(logits[~finite][0]), "finite")


def make_streams(seed: int, num_videos: int) -> list[np.random.Generator]:
    """One stream per video, so that a video does not depend on its neighbours in the batch."""
    if seed < 0:
        raise ArgumentError("seed", seed, "at least 0")
    return [np.random.default_rng([seed, video_index]) for video_index in range(num_videos)]
