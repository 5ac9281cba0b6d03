"""The tokens of a generation: chosen, written down, fed; one by one, or by an engine ahead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from fastcar.reference.arrays import FloatArray, TokenIds
from fastcar.reference.finite_check import check_guided
from fastcar.reference.guidance import combine_logits
from fastcar.reference.likelihood import compute_nats
from fastcar.reference.records import DecodeResult
from fastcar.reference.sampling import Sampling

if TYPE_CHECKING:
    from fastcar.reference.decoder import Decoder
    from fastcar.reference.engine import Engine


@dataclass
class TokenLoop:
    """A generation under way.

    Attributes:
        decoder: has its prompt.
        result: what is written down.
        engine: draws.
        sampling: how.
        streams: one per video.
        given: [videos, G], tokens that are fed instead of drawn.
        num_codes: only ids below are drawn.
        guidance: scale; None = one row per video.
        logits: [B, V], of which the next token is chosen.
    """

    decoder: Decoder
    result: DecodeResult
    engine: Engine
    sampling: Sampling
    streams: Sequence[np.random.Generator]
    given: TokenIds
    num_codes: int
    guidance: float | None
    logits: FloatArray

    @property
    def num_tokens(self) -> int:
        """Tokens of a video; the last one is not fed."""
        return int(self.result.token_ids.shape[1])

    def advance(self, token_index: int) -> None:
        """Choose generated token j of every video, and feed it unless it is the last."""
        with self.decoder.laps.account("other"):
            chosen = self._choose(token_index)
        if token_index < self.num_tokens - 1:
            per_row = chosen if self.guidance is None else np.tile(chosen, 2)
            self.logits = self.decoder.step(per_row, self.result.record.observe)

    def write_down(self, start: int, guided: FloatArray) -> None:
        """Likelihoods of tokens from `start` on, of known ids; guided [tokens, videos, V]."""
        tokens, videos, vocab_size = guided.shape
        stop, result = start + tokens, self.result
        chosen = result.token_ids[:, start:stop].T
        nats = compute_nats(guided.reshape(-1, vocab_size), chosen.reshape(-1))
        result.nats[start:stop] = nats.reshape(tokens, videos)
        result.top_1[start:stop] = guided[..., : self.num_codes].argmax(axis=-1) == chosen

    def _choose(self, token_index: int) -> TokenIds:
        guided = self.logits
        if self.guidance is not None:
            guided = combine_logits(guided, self.guidance)
            check_guided(guided, token_index)
        if token_index < self.given.shape[1]:
            chosen = self.given[:, token_index]
        else:
            chosen = self.engine.draw(self.sampling, guided[:, : self.num_codes], self.streams)
        self.result.token_ids[:, token_index] = chosen
        self.write_down(token_index, guided[None])
        return chosen


class TokenRunner(Protocol):
    """Takes a generation on."""

    def run(self, token_index: int) -> int:
        """Choose and feed tokens from generated token j on; the index of the one behind them."""
        ...


@dataclass
class StepRunner:
    """One token per call, by the operations of the engine."""

    loop: TokenLoop

    def run(self, token_index: int) -> int:
        """`TokenLoop.advance`."""
        self.loop.advance(token_index)
        return token_index + 1
