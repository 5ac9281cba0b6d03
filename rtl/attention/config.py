"""Sizes of the attention phase: what an accelerator has that decodes alone."""

from __future__ import annotations

from dataclasses import dataclass

from fastcar.reference.errors import ArgumentError

MAX_VISIBLE_TOKENS = 8192
"""With so many keys sum and context of the reference's softmax hold (docs/accelerator.md, 7)."""
MAX_GROUP = 64
"""Query heads of one key head, numbered by the fields `target` and `source` of an instruction."""
MAX_LANES = 32
"""Lanes that the options of SCORES and STORE_VALUE can name."""
MIN_KEY_SIZE = 8
"""A sum of CONTEXT is back in its memory before the next block adds to it."""
MAX_SCORE_WORDS = 1 << 12
"""Words that the field `columns` of SCORES and CONTEXT can name."""
MAX_REQUEST_BEATS = (1 << 16) - 1


@dataclass(frozen=True)
class AttentionConfig:
    """Parameters of the attention phase of every core.

    Attributes:
        num_heads: H, query heads.
        num_key_value_heads: H_kv, divides H.
        head_dim: d, a multiple of the lanes.
        max_blocks: blocks of L keys that one token sees at most, as far as the score buffer goes.
    """

    num_heads: int
    num_key_value_heads: int
    head_dim: int
    max_blocks: int

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, bool) or not hasattr(value, "__index__"):
                raise ArgumentError(name, value, "a whole number")
            if value < 1:
                raise ArgumentError(name, value, "at least 1")
        if self.num_heads % self.num_key_value_heads:
            limit = f"a divisor of num_heads = {self.num_heads}"
            raise ArgumentError("num_key_value_heads", self.num_key_value_heads, limit)
        if self.group_size > MAX_GROUP:
            limit = f"at most {MAX_GROUP} for each key head"
            raise ArgumentError("query heads", self.group_size, limit)
        if self.key_size < MIN_KEY_SIZE:
            limit = f"at least {MIN_KEY_SIZE}, with all key heads together"
            raise ArgumentError("key size", self.key_size, limit)

    @property
    def group_size(self) -> int:
        """H / H_kv, query heads of one key head."""
        return self.num_heads // self.num_key_value_heads

    @property
    def query_size(self) -> int:
        """Q = H d."""
        return self.num_heads * self.head_dim

    @property
    def key_size(self) -> int:
        """K = H_kv d: beats of a block of keys, or of values."""
        return self.num_key_value_heads * self.head_dim

    @property
    def score_words(self) -> int:
        """Words of the score buffer: one for each key head and block."""
        return self.num_key_value_heads * self.max_blocks

    def check_lanes(self, num_lanes: int) -> None:
        """Refuse lanes with which a head does not fill words, or more keys than the fields hold.

        Raises:
            ArgumentError: names the limit.
        """
        if num_lanes > MAX_LANES:
            raise ArgumentError("num_lanes", num_lanes, f"at most {MAX_LANES} with attention")
        if self.head_dim % num_lanes:
            limit = f"a multiple of num_lanes = {num_lanes}"
            raise ArgumentError("head_dim", self.head_dim, limit)
        largest = min(
            MAX_VISIBLE_TOKENS // num_lanes,
            MAX_SCORE_WORDS // self.num_key_value_heads,
            MAX_REQUEST_BEATS // self.key_size,
            MAX_SCORE_WORDS - 1,
        )
        if self.max_blocks > largest:
            limit = f"at most {largest} for {self.num_key_value_heads} key heads of {self.head_dim}"
            raise ArgumentError("max_blocks", self.max_blocks, limit)
