"""Sizes of a Llama-style decoder, under the names of a Hugging Face `config.json`."""

from __future__ import annotations

from dataclasses import dataclass

from fastcar.reference.errors import ArgumentError
from fastcar.reference.rope_scaling import DynamicScaling, RopeScaling, YarnScaling


@dataclass(frozen=True)
class ModelConfig:
    """Sizes and constants of a Llama-style decoder.

    Attributes:
        vocab_size: V, number of token ids.
        hidden_size: D, width of the residual stream.
        intermediate_size: width of the MLP between its projections.
        num_hidden_layers: L.
        num_attention_heads: H, query heads.
        num_key_value_heads: H_kv, key and value heads; divides H (grouped-query attention).
        head_dim: d, width of one head; even, because rotary embedding turns pairs.
        rms_norm_eps: added to the mean square, > 0.
        rope_theta: base of the rotary frequencies, > 0.
        max_position_embeddings: limit on prompt plus generated tokens.
        tie_word_embeddings: the head is the embedding matrix.
        rope_scaling: of the rotary frequencies; None = as trained.
    """

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    rms_norm_eps: float
    rope_theta: float
    max_position_embeddings: int
    tie_word_embeddings: bool = False
    rope_scaling: RopeScaling | None = None

    def __post_init__(self) -> None:
        sizes = (
            "vocab_size",
            "hidden_size",
            "intermediate_size",
            "num_hidden_layers",
            "num_attention_heads",
            "num_key_value_heads",
            "head_dim",
            "max_position_embeddings",
        )
        for name in sizes:
            if getattr(self, name) < 1:
                raise ArgumentError(name, getattr(self, name), "at least 1")
        if self.num_attention_heads % self.num_key_value_heads:
            raise ArgumentError(
                "num_key_value_heads",
                self.num_key_value_heads,
                f"a divisor of num_attention_heads = {self.num_attention_heads}",
            )
        if self.head_dim % 2:
            raise ArgumentError("head_dim", self.head_dim, "even")
        for name in ("rms_norm_eps", "rope_theta"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ArgumentError(name, getattr(self, name), "finite and above 0")
        if isinstance(self.rope_scaling, YarnScaling) and not self.rope_theta > 1:
            raise ArgumentError("rope_theta", self.rope_theta, "above 1 with rope_type 'yarn'")

    @property
    def position_limit(self) -> str:
        """The limit on prompt plus generated tokens, for an error."""
        limit = f"max_position_embeddings = {self.max_position_embeddings}"
        if isinstance(self.rope_scaling, DynamicScaling):
            limit += ", beyond which dynamic rotary scaling is not computed"
        return limit

    @property
    def queries_per_key(self) -> int:
        """Query heads that share one key head."""
        return self.num_attention_heads // self.num_key_value_heads
