"""What `make bench` compares: geometries, batches, contexts, contenders."""

from __future__ import annotations

from dataclasses import dataclass

from fastcar.reference.config import ModelConfig

REPLAY_RATIOS = (0.2, 0.5, 0.8, 0.87)
"""The last one is the ceiling of the paper's setting: 1,791 of 2,047 fed tokens."""
ENGINES = ("numpy-float32", "numba-float32", "numba-int8")
"""This project's decoders."""
REFERENCE_ENGINE = "numba-int8"
"""The one that peers are compared with; as the smaller ones it keeps 16 bits of keys and values."""
PEERS = {
    "transformers-float32": "transformers on PyTorch, float32",
    "transformers-bfloat16": "transformers on PyTorch, bfloat16",
    "llama.cpp-F16": "llama.cpp, F16",
    "llama.cpp-Q8_0": "llama.cpp, Q8_0",
}
"""What users would take instead."""
OWN = "own"
"""Process of all of this project's decoders."""
BYTES_PER_CACHED_NUMBER = {
    OWN: 4 + 2,
    "transformers-float32": 4,
    "transformers-bfloat16": 2,
    "llama.cpp-F16": 2,
    "llama.cpp-Q8_0": 2,
}
"""Of the keys and values, by process; ours has one cache in float32 and one in bfloat16."""
READ = "read"
"""Contender that only reads memory: the streaming limit."""
TOKENS_PER_FRAME = 16
MAX_TURN_TOKENS = 64
"""Most tokens that a contender feeds in one turn."""


def get_variant(engine: str, ratio: float) -> str:
    """Name of a contender; ratio 0 = dense.

    >>> get_variant("numba-int8", 0.8)
    'numba-int8 80%'
    """
    return f"{engine} {ratio:.0%}" if ratio else engine


@dataclass(frozen=True)
class Geometry:
    """A random Llama.

    Attributes:
        name: for tables.
        width: D.
        intermediate: width of the MLP.
        layers: L.
        heads: H, as many key heads.
    """

    name: str
    width: int
    intermediate: int
    layers: int
    heads: int
    vocab_size: int = 1024

    def make_config(self, max_tokens: int) -> ModelConfig:
        """Sizes of the model, for at most that many tokens."""
        return ModelConfig(
            vocab_size=self.vocab_size,
            hidden_size=self.width,
            intermediate_size=self.intermediate,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            num_key_value_heads=self.heads,
            head_dim=self.width // self.heads,
            rms_norm_eps=1e-5,
            rope_theta=10000.0,
            max_position_embeddings=max_tokens,
        )


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        geometries: random models.
        batches: B.
        contexts: tokens in the cache.
        turn_seconds: how long one contender decodes before the next one.
        cell_seconds: about how long one geometry, batch and context may take.
        rounds: fewest and most rounds in which every contender takes a turn.
        row_counts: computing rows whose cost is measured.
        row_rounds: rounds of that.
    """

    geometries: tuple[Geometry, ...]
    batches: tuple[int, ...]
    contexts: tuple[int, ...]
    turn_seconds: float
    cell_seconds: float
    rounds: tuple[int, int]
    row_counts: tuple[int, ...]
    row_rounds: int

    @property
    def max_tokens(self) -> int:
        """Positions that the models need."""
        return max(self.contexts) + MAX_TURN_TOKENS + 1

    def get_capacity(self, context: int) -> int:
        """Tokens that the cache of a decoder must hold."""
        return context + MAX_TURN_TOKENS + 1


FULL_PLAN = Plan(
    geometries=(
        Geometry("1024 x 8 layers", 1024, 2752, 8, 16),
        Geometry("2048 x 8 layers", 2048, 5504, 8, 16),
        Geometry("7B, one layer", 4096, 11008, 1, 32),
    ),
    batches=(1, 4, 16),
    contexts=(256, 2048),
    turn_seconds=0.15,
    cell_seconds=25.0,
    rounds=(3, 12),
    row_counts=(1, 2, 3, 4, 6, 8, 12, 16),
    row_rounds=5,
)
QUICK_PLAN = Plan(
    geometries=(Geometry("64 x 2 layers", 64, 96, 2, 2, 32),),
    batches=(1, 2),
    contexts=(32,),
    turn_seconds=0.0,
    cell_seconds=0.0,
    rounds=(2, 2),
    row_counts=(1, 2),
    row_rounds=1,
)
