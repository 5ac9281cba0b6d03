"""Sizes of the accelerator."""

from __future__ import annotations

from hypothesis import strategies as st

from fastcar.rtl.config import AcceleratorConfig


@st.composite
def accelerator_configs(
    draw: st.DrawFn,
    *,
    max_cores: int = 5,
    max_lanes: int = 16,
    max_slots: int = 8,
    max_size: int = 40,
) -> AcceleratorConfig:
    """Sizes of a small accelerator: vectors of one word and of many, padded and not.

    Args:
        draw: of Hypothesis.
        max_cores: most cores, at most 32.
        max_lanes: most lanes, a power of two from 4 on.
        max_slots: most slots, at most 32.
        max_size: most numbers of a vector.

    >>> from hypothesis import find
    >>> find(accelerator_configs(), lambda config: config.hidden_words == 2).hidden_size > 4
    True
    """
    lanes = [1 << bits for bits in range(2, max_lanes.bit_length())]
    sizes = st.integers(1, max_size)
    return AcceleratorConfig(
        num_cores=draw(st.integers(1, max_cores)),
        num_lanes=draw(st.sampled_from(lanes)),
        num_slots=draw(st.integers(1, max_slots)),
        hidden_size=draw(sizes),
        intermediate_size=draw(sizes),
        query_size=draw(sizes),
        queue_depth=draw(st.sampled_from([2, 4, 8, 16, 32])),
    )
