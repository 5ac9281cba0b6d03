"""What the fed tokens look like: their codebook patches, or their embeddings without pixels."""

from __future__ import annotations

import numpy as np

from fastcar.reference.arrays import FloatArray
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates.gate import ThresholdGate
from fastcar.reference.gates.query import GateQuery
from fastcar.reference.thresholds import Thresholds


class PatchGate(ThresholdGate):
    """A gate that looks at the tokens that are fed, which every layer knows.

    Args:
        thresholds: where to compare.
        strict: as in `ThresholdGate`.
        codebook: [K, F], patch of every code; None = rows of the embedding are compared.
    """

    higher_is_safer = False

    def __init__(
        self, thresholds: Thresholds, strict: bool = False, codebook: FloatArray | None = None
    ) -> None:
        super().__init__(thresholds, strict)
        if codebook is not None and codebook.ndim != 2:
            raise ArgumentError("codebook shape", codebook.shape, "[codes, pixels of a patch]")
        self.codebook = codebook

    def get_width(self, config: ModelConfig) -> int:
        """F: pixels of a patch, or D."""
        return config.hidden_size if self.codebook is None else int(self.codebook.shape[1])

    def get_patches(self, query: GateQuery) -> FloatArray:
        """[B, F] of the fed tokens; NaN where an id is no code, so that the row computes."""
        assert query.embedded is not None, "the decoder says what it feeds"
        if self.codebook is None:
            return query.embedded
        assert query.token_ids is not None, "the decoder says what it feeds"
        is_code = query.token_ids < len(self.codebook)
        patches = self.codebook[np.where(is_code, query.token_ids, 0)].astype(np.float64)
        patches[~is_code] = np.nan
        return patches
