"""The decoder against vectors of Hugging Face transformers (tests/vectors/hugging_face)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fastcar.reference.engine_factory import make_engine
from fastcar.reference.files.checkpoint import load_checkpoint
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.trace import Trace, run_trace
from tools.golden_checkpoints import (
    BASE,
    KINDS,
    NUM_PROMPT_TOKENS,
    NUM_ROWS,
    NUM_TOKENS,
    make_token_ids,
    write_kind,
)

VECTORS = Path(__file__).parents[1] / "vectors" / "hugging_face"
CASES = ("multi_head", "grouped_query", "tied_head", "left_padding", "bfloat16", "sharded")
TOLERANCE = 1e-4
KIND_TOLERANCE = 1e-5
"""For logits of about 1, whose largest difference is 4.2e-6."""


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


def compute_kind_logits(directory: Path, prompt_tokens: int, engine: str) -> np.ndarray:
    """[rows, tokens, V] of a prefill and one given token per step after it."""
    config, weights = load_checkpoint(directory)
    ids = make_token_ids()
    trace = run_trace(
        config,
        weights,
        ids[:, :prompt_tokens],
        ids[:, prompt_tokens:],
        ReplayConfig(tokens_per_frame=4),
        engine=make_engine(engine),
    )
    return np.concatenate([trace.prefill_logits, trace.logits.swapaxes(0, 1)], axis=1)


@pytest.fixture(scope="module")
def kind_logits() -> dict[str, np.ndarray]:
    with np.load(VECTORS / "kinds.npz") as arrays:
        return dict(arrays)


def test_every_recorded_kind_is_compared(kind_logits: dict[str, np.ndarray]) -> None:
    assert kind_logits.keys() == KINDS.keys()
    shape = (NUM_ROWS, NUM_TOKENS, BASE["vocab_size"])
    for logits in kind_logits.values():
        assert logits.shape == shape
        assert logits.dtype == np.float32
        assert 0.9 < np.abs(logits).max() < 3


@pytest.mark.parametrize("engine", ["numpy", pytest.param("numba", marks=pytest.mark.slow)])
@pytest.mark.parametrize("prompt_tokens", [NUM_PROMPT_TOKENS, NUM_TOKENS - 1])
@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_checkpoint_gives_the_logits_of_transformers(
    tmp_path: Path,
    kind_logits: dict[str, np.ndarray],
    name: str,
    prompt_tokens: int,
    engine: str,
) -> None:
    found = compute_kind_logits(write_kind(name, tmp_path), prompt_tokens, engine)
    np.testing.assert_allclose(found, kind_logits[name], rtol=0, atol=KIND_TOLERANCE)


@pytest.mark.parametrize(
    "name", ["linear", "llama3", "yarn", "yarn_mscale", "yarn_attention_factor"]
)
def test_the_kinds_notice_a_missing_scaling(
    tmp_path: Path, kind_logits: dict[str, np.ndarray], name: str
) -> None:
    directory = write_kind(name, tmp_path)
    path = directory / "config.json"
    document = json.loads(path.read_text())
    document |= {"rope_parameters": None, "rope_scaling": None, "rope_theta": 100.0}
    path.write_text(json.dumps(document))
    found = compute_kind_logits(directory, NUM_PROMPT_TOKENS, "numpy")
    assert np.abs(found - kind_logits[name]).max() > 0.1
