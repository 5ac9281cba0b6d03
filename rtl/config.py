"""Sizes of the accelerator: the only parameters of the hardware, of its compiler and of its tests.

A word is L int16 numbers, a beat is L bytes: two beats make a word, one beat is a word of weights.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fastcar.reference.errors import ArgumentError
from fastcar.rtl.attention.config import AttentionConfig

MAX_CORES = 32
MAX_SLOTS = 32
MIN_LANES = 4
MAX_LANES = 1 << 10
MAX_QUEUE_DEPTH = 1 << 12
MAX_VECTOR_WORDS = (1 << 12) - 1
"""Largest number that the fields `rows` and `columns` of an instruction hold."""


@dataclass(frozen=True)
class AcceleratorConfig:
    """Parameters of one accelerator.

    Attributes:
        num_cores: C, 1 to 32.
        num_lanes: L, multipliers of one core; a power of two, 4 to 1,024.
        num_slots: B, batch slots, 1 to 32.
        hidden_size: D, width of the residual stream.
        intermediate_size: F, inner width of the MLP.
        query_size: Q = H d, width of all query heads.
        queue_depth: instructions that one core queues, a power of two, 2 to 4,096.
        attention: sizes of the attention phase; None = cores that compute the MLP phase alone, and
            have nothing of attention (D-47).
    """

    num_cores: int
    num_lanes: int
    num_slots: int
    hidden_size: int
    intermediate_size: int
    query_size: int
    queue_depth: int = 32
    attention: AttentionConfig | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if name == "attention":
                continue
            if isinstance(value, bool) or not hasattr(value, "__index__"):
                raise ArgumentError(name, value, "a whole number")
        _check_range("num_cores", self.num_cores, 1, MAX_CORES)
        _check_range("num_slots", self.num_slots, 1, MAX_SLOTS)
        _check_power_of_two("num_lanes", self.num_lanes, MIN_LANES, MAX_LANES)
        _check_power_of_two("queue_depth", self.queue_depth, 2, MAX_QUEUE_DEPTH)
        largest = MAX_VECTOR_WORDS * self.num_lanes
        for name in ("hidden_size", "intermediate_size", "query_size"):
            _check_range(name, getattr(self, name), 1, largest)
        if self.attention is not None:
            self.attention.check_lanes(self.num_lanes)
            if self.query_size != self.attention.query_size:
                limit = f"{self.attention.query_size}, that of all query heads"
                raise ArgumentError("query_size", self.query_size, limit)

    @property
    def sizes(self) -> dict[str, int]:
        """Every size by its name, those of attention behind the others."""
        own = {name: value for name, value in vars(self).items() if name != "attention"}
        return own | ({} if self.attention is None else vars(self.attention))

    @property
    def beat_bytes(self) -> int:
        """L: bytes that one transfer on a memory channel moves."""
        return self.num_lanes

    @property
    def beat_bits(self) -> int:
        """Width of the data of a memory channel."""
        return 8 * self.num_lanes

    @property
    def word_bits(self) -> int:
        """Width of a word of L int16 numbers."""
        return 16 * self.num_lanes

    @property
    def hidden_words(self) -> int:
        """Words of a padded vector of D numbers."""
        return self.count_words(self.hidden_size)

    @property
    def intermediate_words(self) -> int:
        """Words of a padded vector of F numbers."""
        return self.count_words(self.intermediate_size)

    @property
    def query_words(self) -> int:
        """Words of a padded vector of Q numbers."""
        return self.count_words(self.query_size)

    @property
    def key_words(self) -> int:
        """Words of the keys, or values, of all key heads; 0 without attention."""
        return 0 if self.attention is None else self.count_words(self.attention.key_size)

    def count_words(self, num_values: int) -> int:
        """Words that hold so many int16 numbers, the last one padded with zeros.

        >>> TINY.count_words(5)
        2
        """
        return -(-num_values // self.num_lanes)


def _check_range(name: str, value: int, smallest: int, largest: int) -> None:
    if not smallest <= value <= largest:
        raise ArgumentError(name, value, f"from {smallest} to {largest}")


def _check_power_of_two(name: str, value: int, smallest: int, largest: int) -> None:
    if not smallest <= value <= largest or value & (value - 1):
        raise ArgumentError(name, value, f"a power of two, from {smallest} to {largest}")


TINY = AcceleratorConfig(
    num_cores=2, num_lanes=4, num_slots=4, hidden_size=8, intermediate_size=12, query_size=8
)
"""For proofs and quick tests."""

DEMO = AcceleratorConfig(
    num_cores=4, num_lanes=16, num_slots=16, hidden_size=128, intermediate_size=352, query_size=128
)
"""The shipped model."""

TINY_DECODER = replace(TINY, attention=AttentionConfig(2, 2, 4, max_blocks=8))
"""The same with an attention phase."""

DEMO_DECODER = replace(DEMO, attention=AttentionConfig(4, 4, 32, max_blocks=128))
"""The shipped model with attention over 2,048 tokens."""

PRESETS = {
    "tiny": TINY,
    "demo": DEMO,
    "tiny-decoder": TINY_DECODER,
    "demo-decoder": DEMO_DECODER,
}
