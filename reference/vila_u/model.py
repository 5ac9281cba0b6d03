"""A VILA-U model in memory: the body, and around it what makes codes of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastcar.reference.arrays import BoolArray, FloatArray, TokenIds
from fastcar.reference.engine import Engine
from fastcar.reference.errors import ArgumentError
from fastcar.reference.matrix import DecoderWeights
from fastcar.reference.vila_u.code_embedding import Codebooks, Projector
from fastcar.reference.vila_u.config import VilaUConfig
from fastcar.reference.vila_u.depth_transformer import DepthTransformer


@dataclass(frozen=True)
class VilaUModel:
    """Weights by part.

    Attributes:
        directory: where it was loaded from.
        config: sizes.
        weights: of the body; its head means nothing.
        codebooks: codewords.
        projector: from latents to the body.
        depth: draws the codes of a place.
    """

    directory: Path
    config: VilaUConfig
    weights: DecoderWeights
    codebooks: Codebooks
    projector: Projector
    depth: DepthTransformer

    def embed(self, cumulated: FloatArray, engine: Engine) -> FloatArray:
        """What the body is fed of places with sums [..., D, C] of codewords, [..., H]."""
        return self.projector.compute(cumulated[..., -1, :], engine)

    def compute_latents(self, codes: TokenIds) -> FloatArray:
        """[frames, s, s, C], what the pixel decoder is given, of codes [frames, N, D]."""
        side = self.config.vision.latent_side
        latents = self.codebooks.cumulate(codes)[..., -1, :]
        return latents.reshape(-1, side, side, latents.shape[-1])

    def check_prompt(self, prompt_ids: TokenIds, prompt_mask: BoolArray | None) -> None:
        """Refuse rows that do not come in pairs or do not end with `<vi_start>`.

        Args:
            prompt_ids: [2 b, P], b conditional rows, then their unconditional ones.
            prompt_mask: [2 b, P], False for padding at the left; None = no padding.

        Raises:
            ArgumentError: names the first row.
        """
        if prompt_ids.ndim != 2 or len(prompt_ids) % 2 or not prompt_ids.size:
            limit = "[rows, tokens], an even number of rows: conditional, then unconditional ones"
            raise ArgumentError("prompt_ids shape", prompt_ids.shape, limit)
        start = self.config.start_id
        last = prompt_ids[:, -1]
        if prompt_mask is not None and prompt_mask.shape == prompt_ids.shape:
            unmasked = np.where(prompt_mask, np.arange(prompt_ids.shape[1]), -1).max(axis=1)
            last = np.where(unmasked < 0, -1, prompt_ids[np.arange(len(last)), unmasked])
        for row, token_id in enumerate(last):
            if token_id != start:
                limit = f"<vi_start> = {start} (vocab_size - 2)"
                raise ArgumentError(f"last prompt id of row {row}", int(token_id), limit)
