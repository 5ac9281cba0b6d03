"""From the codes of a place to what the body is fed: codewords, their sum, the projector.

Source: github.com/mit-han-lab/vila-u at 096623c, `rqvaesiglip/quantizations.py`,
`rqtransformer/modeling_rqtransformer.py` and `multimodal_projector/base_projector.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.reference.arrays import FloatArray, TokenIds
from fastcar.reference.engine import Engine
from fastcar.reference.errors import ArgumentError
from fastcar.reference.vila_u.affine import Affine, compute_gelu


@dataclass(frozen=True)
class Codebooks:
    """Codewords of every depth, without the row that pads.

    Attributes:
        tables: [n, C] of each depth; the same array where the codebook is shared.
    """

    tables: tuple[FloatArray, ...]

    @property
    def num_codes(self) -> int:
        """n."""
        return len(self.tables[0])

    def look_up(self, codes: TokenIds, depth: int) -> FloatArray:
        """Codewords [..., C] of codes [...] at one depth."""
        words: FloatArray = self.tables[depth][codes]
        return words

    def cumulate(self, codes: TokenIds) -> FloatArray:
        """e_0, e_0 + e_1, ...: [..., D, C] of codes [..., D]; the last one is the latent."""
        words = [self.look_up(codes[..., depth], depth) for depth in range(len(self.tables))]
        cumulated: FloatArray = np.cumsum(np.stack(words, axis=-2), axis=-2)
        return cumulated

    def check_codes(self, name: str, codes: TokenIds) -> None:
        """Refuse codes outside of [0, n), or of another depth.

        Raises:
            ArgumentError: says so of the argument `name`.
        """
        if codes.ndim != 3 or codes.shape[-1] != len(self.tables) or not codes.size:
            limit = f"[videos, positions, depth = {len(self.tables)}], none of them 0"
            raise ArgumentError(f"{name} shape", codes.shape, limit)
        for worst in (int(codes.min()), int(codes.max())):
            if not 0 <= worst < self.num_codes:
                raise ArgumentError(name, worst, f"in [0, n_embed = {self.num_codes})")


@dataclass(frozen=True)
class Projector:
    """From a latent to the width of the body.

    Attributes:
        maps: applied in turn, an exact GELU between each two; none = identity.
    """

    maps: tuple[Affine, ...]

    def compute(self, latents: FloatArray, engine: Engine) -> FloatArray:
        """[..., C] to [..., H]."""
        x = latents
        for index, affine in enumerate(self.maps):
            x = affine.compute(compute_gelu(x) if index else x, engine)
        return x
