"""Sizes of the accelerator."""

from __future__ import annotations

from hypothesis import strategies as st

from fastcar.rtl.attention.config import MAX_LANES, MIN_KEY_SIZE, AttentionConfig
from fastcar.rtl.config import AcceleratorConfig


@st.composite
def accelerator_configs(
    draw: st.DrawFn,
    *,
    max_cores: int = 5,
    max_lanes: int = 16,
    max_slots: int = 8,
    max_size: int = 40,
    has_attention: bool = False,
) -> AcceleratorConfig:
    """Sizes of a small accelerator: vectors of one word and of many, padded and not.

    Args:
        draw: of Hypothesis.
        max_cores: most cores, at most 32.
        max_lanes: most lanes, a power of two from 4 on.
        max_slots: most slots, at most 32.
        max_size: most numbers of a vector; the queries may have more with attention.
        has_attention: whether the accelerator has an attention phase, of any kind of heads.

    >>> from hypothesis import find
    >>> find(accelerator_configs(), lambda config: config.hidden_words == 2).hidden_size > 4
    True
    >>> find(accelerator_configs(has_attention=True), lambda _: True).attention.head_dim
    8
    """
    lanes = [1 << bits for bits in range(2, max_lanes.bit_length())]
    sizes = st.integers(1, max_size)
    if has_attention:
        lanes = [number for number in lanes if number <= MAX_LANES]
    num_lanes = draw(st.sampled_from(lanes))
    attention = draw(attention_configs(num_lanes)) if has_attention else None
    return AcceleratorConfig(
        num_cores=draw(st.integers(1, max_cores)),
        num_lanes=num_lanes,
        num_slots=draw(st.integers(1, max_slots)),
        hidden_size=draw(sizes),
        intermediate_size=draw(sizes),
        query_size=draw(sizes) if attention is None else attention.query_size,
        queue_depth=draw(st.sampled_from([2, 4, 8, 16, 32])),
        attention=attention,
    )


@st.composite
def attention_configs(
    draw: st.DrawFn, num_lanes: int, *, max_key_heads: int = 2, max_group: int = 3
) -> AttentionConfig:
    """Sizes of a small attention phase: one or more query heads for each key head.

    Args:
        draw: of Hypothesis.
        num_lanes: of the accelerator, at most 32.
        max_key_heads: most key heads.
        max_group: most query heads of a key head.

    >>> from hypothesis import find
    >>> found = find(attention_configs(4), lambda config: config.group_size > 1)
    >>> found.num_heads > found.num_key_value_heads, found.head_dim % 4
    (True, 0)
    """
    key_heads = draw(st.integers(1, max_key_heads))
    smallest = -(-MIN_KEY_SIZE // (key_heads * num_lanes))
    head_words = draw(st.integers(smallest, smallest + 1))
    return AttentionConfig(
        num_heads=key_heads * draw(st.integers(1, max_group)),
        num_key_value_heads=key_heads,
        head_dim=head_words * num_lanes,
        max_blocks=draw(st.integers(1, 6)),
    )
