"""What a co-simulation of the whole decoder is asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fastcar.cosim.request import SLOW_BACKENDS, CosimRequest
from fastcar.cosim.whole.sizes import choose_lanes
from fastcar.reference.clip_model import ClipModel
from fastcar.reference.errors import ArgumentError
from fastcar.reference.sampling import Sampling

DEFAULT_DECODER_TOKENS = 8
"""Seconds on the shipped model; fewer in smaller frames, and where a row ends earlier."""


@dataclass(frozen=True)
class DecoderRequest(CosimRequest):
    """What to simulate, as `CosimRequest`, with these of its own or otherwise.

    Attributes:
        first_token: 0 = the prompt runs on the accelerator, too; None = 0 where `frames` is given,
            else `DEFAULT_PLACE` in frame 1. From any other token on, the state before it is the
            reference's.
        num_tokens: None = to the end of `frames`; where that is not given, 8, and 1 on the back
            end pyrtl.
        given_frames: true frames at the start; of all others the tokens are those that the
            accelerator picks.
        seed: of the stalls, and of the draws.
        temperature: of the draws; 0 = greedy.
        barrier: a layer begins when all cores are idle, and not while slots of the one before are
            under way (D-48).
        max_blocks: blocks of L keys that the score buffer holds; None = as many as the tokens ask
            for, or more, where block RAM has them anyway.
    """

    given_frames: int = 0
    temperature: float = 0.0
    barrier: bool = False
    max_blocks: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        Sampling(self.temperature)
        if self.max_blocks is not None and self.max_blocks < 1:
            raise ArgumentError("max_blocks", self.max_blocks, "at least 1")

    @property
    def least_given_frames(self) -> int:
        """The prompt alone begins a video."""
        return 0

    def resolve(self, model: ClipModel) -> DecoderRequest:
        """The same with everything said that the model decides where nobody else does."""
        lanes = choose_lanes(model.config.head_dim) if self.lanes is None else self.lanes
        request = replace(self, lanes=lanes)
        resolved = super(DecoderRequest, request).resolve(model)
        assert isinstance(resolved, DecoderRequest)
        return resolved

    def get_window(self, tokens_per_frame: int) -> range:
        """Generated indices of the simulated tokens.

        Raises:
            ArgumentError: the video has no such tokens.
        """
        chosen = self
        if self.first_token is None and self.frames is not None:
            chosen = replace(chosen, first_token=0)
        elif self.num_tokens is None and self.frames is None:
            is_slow = self.backend in SLOW_BACKENDS
            num_tokens = 1 if is_slow else min(DEFAULT_DECODER_TOKENS, tokens_per_frame)
            chosen = replace(chosen, num_tokens=num_tokens)
        return super(DecoderRequest, chosen).get_window(tokens_per_frame)
