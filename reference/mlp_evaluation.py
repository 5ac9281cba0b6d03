"""The MLP of one layer for one token: each part is computed when it is first asked for, and once.

A gate may need the normalised input, the activations or even the output of all rows before it
decides; what it asked for is not computed again for the rows that compute. Whoever asks for
nothing pays for nothing: a replayed row enters no product.
"""

from __future__ import annotations

from fastcar.reference.arrays import BoolArray, FloatArray
from fastcar.reference.engine import Engine
from fastcar.reference.matrix import DecoderLayer
from fastcar.reference.swiglu import Activations


class MlpEvaluation:
    """What is known so far of the MLP of one layer for one token.

    Args:
        residual: [B, D], input of the MLP's norm.
        layer: weights.
        rms_norm_eps: of the norm.
        engine: computes.
    """

    def __init__(
        self, residual: FloatArray, layer: DecoderLayer, rms_norm_eps: float, engine: Engine
    ) -> None:
        self.residual = residual
        self._layer = layer
        self._rms_norm_eps = rms_norm_eps
        self._engine = engine
        self._normed: FloatArray | None = None
        self._activated: tuple[BoolArray, Activations] | None = None
        self._fresh: FloatArray | None = None

    def compute_normed(self) -> FloatArray:
        """Normalised input of all rows, [B, D]."""
        if self._normed is None:
            self._normed = self._normalize(self.residual)
        return self._normed

    def compute_activations(self, rows: BoolArray) -> Activations:
        """Activations of the chosen rows [B] only, kept for `compute_outputs`."""
        if self._activated is None or (rows & ~self._activated[0]).any():
            normed = self.compute_normed()[rows]
            self._activated = rows, self._engine.activate(normed, self._layer)
        known_rows, activations = self._activated
        return activations.select(rows[known_rows])

    def compute_fresh(self) -> FloatArray:
        """Output of all rows, [B, D]: the work that replay is to save."""
        if self._fresh is None:
            self._fresh = self._engine.swiglu(self.compute_normed(), self._layer)
        return self._fresh

    def compute_outputs(self, rows: BoolArray) -> FloatArray:
        """Outputs of the chosen rows [B] only, [chosen, D], from what is known already."""
        if self._fresh is not None:
            return self._fresh[rows]
        if self._activated is not None:
            hidden = self.compute_activations(rows).hidden
            return self._engine.linear(hidden, self._layer.down_proj)
        if self._normed is not None:
            return self._engine.swiglu(self._normed[rows], self._layer)
        return self._engine.swiglu(self._normalize(self.residual[rows]), self._layer)

    def _normalize(self, residual: FloatArray) -> FloatArray:
        return self._engine.rms_norm(residual, self._layer.mlp_norm, self._rms_norm_eps)
