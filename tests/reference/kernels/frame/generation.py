"""Short generations of random weights, by the kernel of whole frames and by steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fastcar.reference.arrays import TokenIds
from fastcar.reference.config import ModelConfig
from fastcar.reference.decoder import Decoder
from fastcar.reference.engine import Engine
from fastcar.reference.gates.gate import Gate
from fastcar.reference.generate import DecodeOptions, Prompts, generate
from fastcar.reference.kernels.engine import NumbaEngine
from fastcar.reference.kernels.frame.plan_maker import can_plan
from fastcar.reference.kernels.frame.runner import FrameRunner
from fastcar.reference.kv_cache import CacheStorage
from fastcar.reference.matrix import DecoderWeights, compress_weights
from fastcar.reference.records import DecodeResult
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.sampling import Sampling
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.reference.token_loop import TokenLoop
from fastcar.reference.weights import ModelWeights, make_random_weights
from tests.reference.corrections import make_constant, make_correction
from tests.reference.strategies import GateSpec


class StepEngine(NumbaEngine):
    """The kernels one by one: the middle step between NumPy and the kernel of whole frames."""

    def make_runner(self, loop: TokenLoop) -> None:
        """Steps only."""


class FrameEngine(NumbaEngine):
    """The kernel of whole frames, by any number of threads, or an error.

    Args:
        threads: as in `FrameRunner`.
    """

    def __init__(self, threads: int = 1) -> None:
        super().__init__()
        self._threads = threads

    def make_runner(self, loop: TokenLoop) -> FrameRunner:
        """Never steps."""
        assert can_plan(loop.decoder)
        return FrameRunner(loop, self._threads)


class DecoderKeeper:
    """Makes one decoder, and gives it again and again."""

    def __init__(self) -> None:
        self._kept: list[Decoder] = []

    @property
    def decoder(self) -> Decoder:
        """The one that was made."""
        return self._kept[0]

    def make(self, *arguments: Any, **options: Any) -> Decoder:
        """For `generate`."""
        if not self._kept:
            self._kept.append(Decoder(*arguments, **options))
        return self._kept[0]


@dataclass(frozen=True)
class Shape:
    """Sizes whose vectors are whole, or not, or wide enough for heads that are read one by one."""

    width: int
    hidden: int
    heads: int
    key_heads: int
    head_dim: int
    vocab: int

    def make_config(self, layers: int = 2) -> ModelConfig:
        """A model of these sizes."""
        sizes = self.vocab, self.width, self.hidden, layers, self.heads, self.key_heads
        return ModelConfig(*sizes, self.head_dim, 1e-5, 100.0, 200)


SHAPES = {
    "tiny": Shape(12, 20, 4, 2, 4, 11),
    "whole vectors": Shape(64, 96, 4, 4, 32, 80),
    "parts of vectors": Shape(40, 104, 6, 3, 20, 70),
    "wide heads": Shape(64, 72, 2, 1, 64, 66),
    "shared keys": Shape(48, 64, 8, 2, 16, 64),
}
PAIRS = (
    ("float32", CacheStorage.EXACT),
    ("bfloat16", CacheStorage.BFLOAT16),
    ("int8", CacheStorage.INT8),
    ("float32", CacheStorage.BFLOAT16),
)
"""Kinds of weights with caches: each pair is compiled anew, so not all nine; no part of a kernel
looks at both."""

DRAWN = Sampling(1.0, None, 1.0)
FOUR_TOKENS = ReplayConfig(4)


@dataclass(frozen=True)
class Generation:
    """What is decoded; as in `DecodeOptions` and `generate`.

    Attributes:
        shape: of `SHAPES`.
        pair: of `PAIRS`.
        spec: gate.
        num_given: first tokens of the videos that are fed.
        replaced_by: what rows that replay use: "cached", "constant", or "RANK corrected".
    """

    shape: str = "parts of vectors"
    pair: tuple[str, CacheStorage] = PAIRS[0]
    spec: GateSpec | None = None
    sampling: Sampling = DRAWN
    replay: ReplayConfig = FOUR_TOKENS
    sparse: SparseAttention | None = None
    guidance: float | None = None
    num_given: int = 0
    videos: int = 2
    frames: int = 3
    replaced_by: str = "cached"

    @property
    def config(self) -> ModelConfig:
        """Two layers of the shape."""
        return SHAPES[self.shape].make_config()

    @property
    def num_tokens(self) -> int:
        """Of a video."""
        return self.frames * self.replay.tokens_per_frame

    def make_float_weights(self) -> ModelWeights:
        """Before they are compressed; every call gives new arrays."""
        return make_random_weights(self.config, np.random.default_rng(3), np.float32)

    def compress(self, weights: ModelWeights) -> Any:
        """Weights of this kind."""
        kind = self.pair[0]
        return weights if kind == "float32" else compress_weights(weights, kind)

    def make_prompts(self) -> Prompts:
        """Five tokens each."""
        rng = np.random.default_rng(5)
        return Prompts(*rng.integers(self.config.vocab_size, size=(2, self.videos, 5)))

    def make_given(self) -> TokenIds:
        """[videos, G]."""
        shape = self.videos, min(self.num_given, self.num_tokens)
        return np.random.default_rng(6).integers(self.config.vocab_size, size=shape)

    def make_gate(self) -> Gate | None:
        """A fresh gate."""
        return None if self.spec is None else self.spec.make(self.config.num_hidden_layers)

    def make_replay(self) -> ReplayConfig:
        """With what rows that replay use."""
        if self.replaced_by == "constant":
            return replace(self.replay, constant=make_constant(self.config))
        if self.replaced_by == "cached":
            return self.replay
        rank = int(self.replaced_by.split()[0])
        return replace(self.replay, correction=make_correction(self.config, rank))

    def run(
        self,
        engine: Engine,
        gate: Gate | None = None,
        weights: DecoderWeights | None = None,
        given_ids: TokenIds | None = None,
        make_decoder: Callable[..., Decoder] = Decoder,
    ) -> DecodeResult:
        """Generate; what is not given is that of the methods above."""
        options = DecodeOptions(
            self.make_replay(),
            self.make_gate() if gate is None else gate,
            self.sparse,
            guidance=self.guidance,
            engine=engine,
            cache_storage=self.pair[1],
        )
        return generate(
            self.config,
            self.compress(self.make_float_weights()) if weights is None else weights,
            self.make_prompts(),
            options,
            num_frames=self.frames,
            num_codes=self.config.vocab_size - 1,
            sampling=self.sampling,
            seed=1,
            given_ids=self.make_given() if given_ids is None else given_ids,
            make_decoder=make_decoder,
        )


def compare(first: DecodeResult, second: DecodeResult) -> None:
    """Everything but times."""
    for name in ("token_ids", "nats", "top_1"):
        assert np.array_equal(getattr(first, name), getattr(second, name)), name
    records = vars(first.record), vars(second.record)
    assert records[0].keys() == records[1].keys()
    for name, value in records[0].items():
        assert np.array_equal(value, records[1][name], equal_nan=True), name
