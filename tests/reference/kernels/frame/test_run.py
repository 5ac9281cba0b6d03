"""One call per frame gives, bit for bit, what the kernels give that are called one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.config import ModelConfig
from fastcar.reference.engine import Engine
from fastcar.reference.generate import DecodeOptions, Prompts, generate
from fastcar.reference.kernels.engine import NumbaEngine
from fastcar.reference.kv_cache import CacheStorage
from fastcar.reference.matrix import compress_weights
from fastcar.reference.records import DecodeResult
from fastcar.reference.replay import ReplayConfig, Semantics
from fastcar.reference.sampling import Sampling
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.reference.temporal_attention_score import HeadAggregation
from fastcar.reference.token_loop import TokenLoop
from fastcar.reference.weights import make_random_weights
from tests.examples import examples
from tests.reference.kernels.matrices import KINDS
from tests.reference.strategies import GATES, GateSpec

pytestmark = pytest.mark.slow
"""Compiling the kernels takes a minute."""


class StepEngine(NumbaEngine):
    """The kernels one by one: the middle step between NumPy and the kernel of whole frames."""

    def make_runner(self, loop: TokenLoop) -> None:
        """Steps only."""


@dataclass(frozen=True)
class Shape:
    """Sizes whose vectors are whole, or not, or wide enough for heads that are read one by one."""

    width: int
    hidden: int
    heads: int
    key_heads: int
    head_dim: int
    vocab: int

    def make_config(self, layers: int) -> ModelConfig:
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
replays = st.builds(
    ReplayConfig,
    st.integers(1, 6),
    st.sampled_from(Semantics),
    st.integers(1, 2),
    st.none() | st.integers(0, 3),
    st.sampled_from(HeadAggregation),
)
samplings = st.builds(
    Sampling,
    st.sampled_from([0.0, 0.5, 1.0, 3.0]),
    st.none() | st.integers(1, 30),
    st.sampled_from([0.3, 0.9, 1.0]),
)


def compare(first: DecodeResult, second: DecodeResult) -> None:
    """Everything but times."""
    for name in ("token_ids", "nats", "top_1"):
        assert np.array_equal(getattr(first, name), getattr(second, name)), name
    records = vars(first.record), vars(second.record)
    assert records[0].keys() == records[1].keys()
    for name, value in records[0].items():
        assert np.array_equal(value, records[1][name], equal_nan=True), name


def decode(
    engine: Engine,
    shape: Shape,
    kind: str,
    spec: GateSpec | None,
    sampling: Sampling,
    num_given: int = 0,
    videos: int = 2,
    frames: int = 3,
    **options: Any,
) -> DecodeResult:
    """A short generation of random weights."""
    config = shape.make_config(2)
    weights: Any = make_random_weights(config, np.random.default_rng(3), np.float32)
    if kind != "float32":
        weights = compress_weights(weights, kind)
    rng = np.random.default_rng(5)
    prompts = Prompts(*rng.integers(config.vocab_size, size=(2, videos, 5)))
    gate = None if spec is None else spec.make(config.num_hidden_layers)
    asked = DecodeOptions(gate=gate, engine=engine, **options)
    total = frames * asked.replay.tokens_per_frame
    given_ids = rng.integers(config.vocab_size, size=(videos, min(num_given, total)))
    return generate(
        config,
        weights,
        prompts,
        asked,
        num_frames=frames,
        num_codes=config.vocab_size - 1,
        sampling=sampling,
        seed=1,
        given_ids=given_ids,
    )


@examples(120)
@given(st.data())
def test_a_frame_is_its_steps(data: st.DataObject) -> None:
    arguments: dict[str, Any] = {
        "shape": data.draw(st.sampled_from(sorted(SHAPES)).map(SHAPES.__getitem__)),
        "kind": data.draw(st.sampled_from(KINDS)),
        "spec": data.draw(st.none() | st.sampled_from(GATES)),
        "sampling": data.draw(samplings),
        "num_given": data.draw(st.integers(0, 20)),
        "videos": data.draw(st.sampled_from([1, 2, 3, 5])),
        "frames": data.draw(st.integers(1, 14)),
        "replay": data.draw(replays),
        "sparse": data.draw(
            st.none() | st.builds(SparseAttention, st.integers(1, 40), st.integers(0, 20))
        ),
        "guidance": data.draw(st.none() | st.sampled_from([0.0, 1.5])),
        "cache_storage": data.draw(st.sampled_from(CacheStorage)),
    }
    compare(decode(StepEngine(), **arguments), decode(NumbaEngine(), **arguments))
