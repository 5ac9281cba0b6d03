"""Tokens drawn as hardware draws them: argmax of int16 logits plus int16 Gumbel noise (D-46)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import FloatArray
from fastcar.reference.engine import NumpyEngine
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.fixed_point import check_scale, quantize
from fastcar.reference.integer.whole.head import make_gumbel_noise, pick_tokens
from fastcar.reference.sampling import Sampling, check_logits


class PickEngine(NumpyEngine):
    """The float specification, but for the draw, which takes logits as steps of one scale.

    Give it to `fastcar.reference.generate.DecodeOptions`: with a `WholeDecoder` of the same scale
    the loop is closed on integers; with a float decoder its logits are rounded to those steps.

    Args:
        scale: value of one step of a logit.
    """

    name = "pick"

    def __init__(self, scale: float) -> None:
        check_scale("scale of logits", scale)
        self.scale = scale

    def draw(
        self, sampling: Sampling, logits: FloatArray, streams: Sequence[np.random.Generator]
    ) -> NDArray[np.int64]:
        """One token id per row of logits [R, K]; a stream advances by K numbers, also if greedy.

        Raises:
            ArgumentError: top-k or top-p, which an argmax does not have.
        """
        if sampling.top_k is not None:
            raise ArgumentError("top_k", sampling.top_k, "None for a draw by argmax")
        if sampling.top_p != 1:
            raise ArgumentError("top_p", sampling.top_p, "1 for a draw by argmax")
        check_logits(logits)
        uniforms = np.stack([stream.random(logits.shape[1]) for stream in streams])
        noise = make_gumbel_noise(uniforms, sampling.temperature, self.scale)
        return pick_tokens(quantize(logits, self.scale), noise)
