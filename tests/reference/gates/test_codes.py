"""Distances of codes, and how equal ones are told apart."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates.codes import TIE, CodesGate
from fastcar.reference.thresholds import FixedThresholds
from fastcar.strategies import Run, make_run
from tests.examples import examples
from tests.reference.gates.watched import any_runs, each_place, limits, make_gate, warmups, watch


@examples(30)
@given(any_runs, st.floats(0, 8), limits, warmups, st.booleans())
def test_codes_are_compared_with_those_of_the_last_computation(
    run: Run, level: float, max_chain: int | None, warmup_frames: int, has_codebook: bool
) -> None:
    codebook = np.random.default_rng(0).random((run.config.vocab_size, 4)) * 4
    gate = make_gate("codes", run, level, codebook if has_codebook else None)
    seen = watch(run, gate, max_chain, warmup_frames)
    for layer, row, tokens in each_place(run):
        last = None
        for token in tokens:
            book = codebook if has_codebook else np.asarray(run.weights.embedding, float)
            patch = book[run.forced_ids[row, token]]
            measure = seen.measures[token, layer, row]
            if last is None:
                assert np.isnan(measure)
            else:
                distance = math.dist(patch, last)
                rounding = 1e-6 * distance
                assert distance - rounding <= measure
                assert measure < distance + TIE * (1 + distance) + rounding
            if not seen.replayed[token, layer, row]:
                last = patch
    expected = (seen.measures <= level) & seen.eligible
    assert np.array_equal(seen.replayed, expected)


def test_equal_codes_are_parted_by_place_frame_and_layer() -> None:
    run = make_run(0, tokens_per_frame=3, frames=5, rows=2)
    run.forced_ids[:] = 1
    seen = watch(run, make_gate("codes", run, -1.0))
    measures = seen.measures[3:]
    assert np.array_equal(measures[..., 0], measures[..., 1])
    assert len(np.unique(measures[..., 0])) == measures[..., 0].size
    assert ((measures >= 0) & (measures < TIE)).all()


@pytest.mark.parametrize("name", ["codes", "motion"])
def test_ids_beyond_the_codebook_compute(name: str) -> None:
    run = make_run(0, tokens_per_frame=2, frames=6, rows=2)
    run.forced_ids[:] = np.arange(12)[: run.steps] % 2
    run.forced_ids[0, 6] = 7
    seen = watch(run, make_gate(name, run, np.inf, np.eye(4)))
    assert np.array_equal(seen.replayed[6, :, 1], [True] * 2)
    assert not seen.replayed[6, :, 0].any()


def test_refuses_a_codebook_that_is_no_table() -> None:
    message = r"^codebook shape = \(4,\): must be \[codes, pixels of a patch\]$"
    with pytest.raises(ArgumentError, match=message):
        CodesGate(FixedThresholds([0.0]), codebook=np.zeros(4))
