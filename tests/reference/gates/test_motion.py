"""Changes weighted by motion against their rule, stated again from what was fed."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fastcar.strategies import Run
from tests.examples import examples
from tests.reference.gates.watched import (
    any_runs,
    check,
    each_place,
    limits,
    make_gate,
    total,
    warmups,
    watch,
)


@examples(30)
@given(any_runs, st.floats(0.5, 4), limits, warmups, st.booleans())
def test_changes_count_by_the_motion_of_the_place(
    run: Run, level: float, max_chain: int | None, warmup_frames: int, has_codebook: bool
) -> None:
    codebook = np.random.default_rng(0).random((run.config.vocab_size, 4))
    given_book = codebook if has_codebook else None
    gate = make_gate("motion", run, level, given_book)
    seen = watch(run, gate, max_chain, warmup_frames)
    patches = codebook[seen.token_ids] if has_codebook else seen.embedded
    expected = np.full(seen.measures.shape, np.nan)
    frame = run.tokens_per_frame
    moved = [
        [total(patches[t, row] - patches[t - frame, row]) for row in range(run.rows)]
        if t >= frame
        else []
        for t in range(run.steps)
    ]
    for layer, row, tokens in each_place(run):
        accumulated = 0.0
        for token in tokens:
            start = token - token % frame
            if start >= 2 * frame:
                x = seen.inputs[start - frame : start, layer, row]
                earlier = seen.inputs[start - 2 * frame : start - frame, layer, row]
                d = total((x - earlier).ravel()) / (total(earlier.ravel()) + 1e-8)
                mean = sum(moved[t][row] for t in range(token - frame + 1, token + 1)) / frame
                weight = max(0.3, moved[token][row] / (mean + 1e-8))
                accumulated += weight * d
                expected[token, layer, row] = accumulated
            if not seen.replayed[token, layer, row]:
                accumulated = 0.0
    check(run, seen, expected, level)
