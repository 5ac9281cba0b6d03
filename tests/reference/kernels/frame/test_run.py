"""One call per frame gives, bit for bit, what the kernels give that are called one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.replay import ReplayConfig, Semantics
from fastcar.reference.sampling import Sampling
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.reference.temporal_attention_score import HeadAggregation
from tests.examples import examples
from tests.reference.kernels.frame.generation import (
    PAIRS,
    SHAPES,
    FrameEngine,
    Generation,
    StepEngine,
    compare,
)
from tests.reference.strategies import GATES

pytestmark = pytest.mark.slow
"""Compiling the kernels takes a minute."""

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
generations = st.builds(
    Generation,
    shape=st.sampled_from(sorted(SHAPES)),
    pair=st.sampled_from(PAIRS),
    spec=st.none() | st.sampled_from(GATES),
    sampling=samplings,
    replay=replays,
    sparse=st.none() | st.builds(SparseAttention, st.integers(1, 40), st.integers(0, 20)),
    guidance=st.none() | st.sampled_from([0.0, 1.5]),
    num_given=st.integers(0, 20),
    videos=st.sampled_from([1, 2, 3, 5]),
    frames=st.integers(1, 14),
)


@examples(120)
@given(generations)
def test_a_frame_is_its_steps(generation: Generation) -> None:
    compare(generation.run(StepEngine()), generation.run(FrameEngine()))
