"""One call per frame gives, bit for bit, what the kernels give that are called one by one."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
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
from tests.reference.strategies import GATES, GateSpec

pytestmark = pytest.mark.slow
"""Compiling the kernels takes a minute."""

REPLACEMENTS = ("constant", "1 corrected", "7 corrected", "12 corrected")
"""What rows that replay may use; every width takes rank 12, and two are no whole vectors."""

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
    replaced_by=st.sampled_from(["cached", *REPLACEMENTS]),
)


@pytest.mark.parametrize("spec", [None, *GATES], ids=str)
def test_every_gate_in_a_full_and_in_a_narrow_context(spec: GateSpec | None) -> None:
    """Little is drawn here and little is compiled: planted bugs are caught by it."""
    full = Generation(spec=spec, num_given=2, frames=5)
    for semantics in Semantics:
        replay = ReplayConfig(4, semantics, max_chain=1)
        narrow = replace(full, replay=replay, sparse=SparseAttention(6, 2), guidance=1.5, videos=3)
        compare(narrow.run(StepEngine()), narrow.run(FrameEngine()))
    compare(full.run(StepEngine()), full.run(FrameEngine()))


@pytest.mark.parametrize(
    ("name", "replaced_by"),
    [*itertools.product(("tas", "input", "periodic"), REPLACEMENTS), ("oracle", "constant")],
)
def test_what_rows_that_replay_use(name: str, replaced_by: str) -> None:
    spec = [spec for spec in GATES if spec.name == name][-1]
    for videos, pair in ((3, PAIRS[0]), (2, PAIRS[2])):
        base = Generation(pair=pair, spec=spec, replaced_by=replaced_by, videos=videos, frames=5)
        found = base.run(FrameEngine())
        assert 0 < found.record.eligible_ratio < 1
        compare(base.run(StepEngine()), found)
        plain = replace(base, replaced_by="cached").run(FrameEngine())
        assert not np.array_equal(plain.nats, found.nats)


@examples(120)
@given(generations)
def test_a_frame_is_its_steps(generation: Generation) -> None:
    if generation.spec is not None and generation.spec.name == "oracle":
        generation = replace(generation, replaced_by="cached")
    compare(generation.run(StepEngine()), generation.run(FrameEngine()))
