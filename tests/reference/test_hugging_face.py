"""The decoder against vectors of Hugging Face transformers (tests/vectors/hugging_face)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fastcar.reference.files.checkpoint import load_checkpoint
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.trace import Trace, run_trace

VECTORS = Path(__file__).parents[1] / "vectors" / "hugging_face"
CASES = ("multi_head", "grouped_query", "tied_head", "left_padding", "bfloat16", "sharded")
TOLERANCE = 1e-4


def load_run(case: str) -> dict[str, np.ndarray]:
    with np.load(VECTORS / case / "run.npz") as arrays:
        return dict(arrays)


def trace_run(case: str, run: dict[str, np.ndarray], fused: bool = False) -> Trace:
    config, weights = load_checkpoint(VECTORS / case)
    mask = None if run["prompt_mask"].all() else run["prompt_mask"]
    return run_trace(
        config,
        weights,
        run["prompt_ids"],
        run["forced_ids"],
        ReplayConfig(tokens_per_frame=4),
        prompt_mask=mask,
        fused=fused,
    )


def test_every_recorded_case_is_compared() -> None:
    recorded = {path.name for path in VECTORS.iterdir() if path.is_dir()}
    assert recorded == set(CASES)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_logits_equal_those_of_transformers(case: str, fused: bool) -> None:
    run = load_run(case)
    trace = trace_run(case, run, fused)
    unmasked = run["prompt_mask"]
    assert trace.logits.dtype == np.float32
    np.testing.assert_allclose(
        trace.prefill_logits[unmasked], run["prefill_logits"][unmasked], rtol=0, atol=TOLERANCE
    )
    np.testing.assert_allclose(trace.logits, run["logits"], rtol=0, atol=TOLERANCE)


def test_tokens_under_the_mask_do_not_matter() -> None:
    run = load_run("left_padding")
    before = trace_run("left_padding", run)
    run["prompt_ids"] = np.where(run["prompt_mask"], run["prompt_ids"], 0)
    after = trace_run("left_padding", run)
    np.testing.assert_array_equal(before.logits, after.logits)


@pytest.mark.parametrize("case", ["multi_head", "left_padding", "grouped_query"])
def test_the_vectors_notice_a_swapped_row(case: str) -> None:
    """The recorded logits depend on the row, so agreement with them is no accident."""
    run = load_run(case)
    distance = np.abs(run["logits"] - run["logits"][:, ::-1]).max(axis=(0, 2))
    assert (distance[[0, 2]] > 1).all()
