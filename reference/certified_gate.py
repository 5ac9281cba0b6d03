"""The certified gate: replay iff the error that it would make is guaranteed to be small enough.

Source: ours; the paper bounds the error of a replay with constants that nobody has evaluated. A
certificate bounds |cached output - fresh output| without computing the fresh output, from what it
remembers of the last computed token in that place (D-07), so chains are included. It is a guarantee
for a layer and a token, not for the video (D-18). The gate knows nothing of the mathematics:
certificates are in `proofs`.
"""

from __future__ import annotations

from typing import ClassVar, Protocol

import numpy as np

from fastcar.reference.arrays import BoolArray
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates.gate import ThresholdGate
from fastcar.reference.gates.input import InputGate
from fastcar.reference.gates.query import GateQuery
from fastcar.reference.thresholds import FixedThresholds, Measures


class Certificate(Protocol):
    """A guaranteed bound on the error of a replay."""

    @property
    def num_layers(self) -> int:
        """Layers that the certificate was made for."""
        ...

    def reset(self, rows: int, tokens_per_frame: int) -> None:
        """Forget all tokens."""
        ...

    def bound(self, query: GateQuery) -> Measures:
        """Upper bound on |cached output - fresh output| of every row, [B] float64.

        Euclidean norm of the difference of the floating-point outputs, rounding included; NaN
        where no token was computed yet.
        """
        ...

    def count_multiplications(self, replayed: BoolArray) -> int:
        """Multiplications spent on the certificate in a run.

        Args:
            replayed: [S, L, B]; what a replayed token computes nevertheless counts.
        """
        ...

    def remember(self, query: GateQuery, computing: BoolArray) -> None:
        """Keep what bounds the next tokens in this place need of the rows that compute, [B]."""
        ...


class CertifiedGate(ThresholdGate):
    """Replay iff the certified error of the MLP output is at most epsilon.

    Args:
        certificate: bounds the error.
        max_errors: epsilon of every layer, at least 0; None = the layer never replays.
    """

    name = InputGate.name
    higher_is_safer: ClassVar[bool] = False
    needs_plain_replay = True

    def __init__(self, certificate: Certificate, max_errors: tuple[float | None, ...]) -> None:
        for epsilon in max_errors:
            if epsilon is not None and not epsilon >= 0:
                raise ArgumentError("max_error", epsilon, "at least 0")
        super().__init__(FixedThresholds(max_errors))
        self.certificate = certificate

    def reset(
        self, config: ModelConfig, rows: int, tokens_per_frame: int, dtype: np.dtype[np.floating]
    ) -> None:
        """Start a generation; refuses a certificate of another number of layers."""
        super().reset(config, rows, tokens_per_frame, dtype)
        if self.certificate.num_layers != config.num_hidden_layers:
            limit = f"{config.num_hidden_layers}, those of the model"
            raise ArgumentError("certificate layers", self.certificate.num_layers, limit)
        self.certificate.reset(rows, tokens_per_frame)

    def measure(self, query: GateQuery) -> Measures:
        """The certified error of a replay."""
        return self.certificate.bound(query)

    def update(self, query: GateQuery, measures: Measures, replayed: BoolArray) -> None:
        """Let the certificate remember the rows that compute."""
        super().update(query, measures, replayed)
        if not replayed.all():
            self.certificate.remember(query, ~replayed)
