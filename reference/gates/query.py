"""What a gate may ask about one token of one layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fastcar.reference.arrays import BoolArray, FloatArray, TokenIds
from fastcar.reference.mlp_evaluation import MlpEvaluation
from fastcar.reference.swiglu import Activations


@dataclass(frozen=True)
class GateQuery:
    """What a gate may ask about one token of one layer; costly answers are computed when asked.

    Attributes:
        layer_index: l.
        token_index: generated index j.
        tokens_per_frame: N.
        eligible: [B], rows that may replay.
        score: [B] TAS, None where no score is taken.
        cached_output: [B, D], MLP output used one frame earlier; NaN if floats are not cached. The
            last computed one under a correction, the constant if one stands for replays (D-53).
        mlp: the block of this token.
        token_ids: [B] int64, what is fed; None where nobody says (the integer decoder) or it is no
            id of the vocabulary (D-58).
        embedded: [B, D], the rows of the embedding that are fed; None in the integer decoder.
        replace: gives what chosen rows [B] would use, [chosen, D]; None = the cached output.
    """

    layer_index: int
    token_index: int
    tokens_per_frame: int
    eligible: BoolArray
    score: FloatArray | None
    cached_output: FloatArray
    mlp: MlpEvaluation
    token_ids: TokenIds | None = None
    embedded: FloatArray | None = None
    replace: Callable[[GateQuery, BoolArray], FloatArray] | None = None

    @property
    def location_index(self) -> int:
        """Place of the token within its frame."""
        return self.token_index % self.tokens_per_frame

    @property
    def frame_index(self) -> int:
        """Frame of the token."""
        return self.token_index // self.tokens_per_frame

    @property
    def residual(self) -> FloatArray:
        """Residual stream before the MLP, [B, D]."""
        return self.mlp.residual

    @property
    def mlp_input(self) -> FloatArray:
        """Normalised MLP input of all rows, [B, D]."""
        return self.mlp.compute_normed()

    @property
    def fresh_output(self) -> FloatArray:
        """MLP output of all rows, [B, D]: the work that replay is to save."""
        return self.mlp.compute_fresh()

    @property
    def replayed_output(self) -> FloatArray:
        """What every row would use if it replayed, [B, D]."""
        if self.replace is None:
            return self.cached_output
        return self.replace(self, np.ones(len(self.eligible), bool))

    def compute_activations(self, rows: BoolArray) -> Activations:
        """Activations of the chosen rows [B] only."""
        return self.mlp.compute_activations(rows)
