"""Generation of videos: sampled, given, guided; and teacher-forced likelihood."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.errors import ArgumentError
from fastcar.reference.generate import DecodeOptions, Prompts, generate
from fastcar.reference.likelihood import ROWS_AT_ONCE, compute_nats
from fastcar.reference.records import DecodeResult
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.sampling import Sampling
from fastcar.reference.weights import make_random_weights
from fastcar.strategies import Run, make_config, make_run
from tests.examples import examples
from tests.reference.runs import decode
from tests.reference.strategies import GATES, GateSpec, gate_specs

CONFIG = make_config()
WEIGHTS = make_random_weights(CONFIG, np.random.default_rng(0), np.float64)
NUM_CODES, FRAMES, FRAME_TOKENS, PROMPT_TOKENS = 7, 3, 4, 2
TOTAL = FRAMES * FRAME_TOKENS
seeds = st.integers(0, 2**16)
guidances = st.sampled_from([None, 0.0, 1.0, 3.0])


def make_prompts(seed: int, videos: int) -> Prompts:
    ids = np.random.default_rng(seed).integers(0, CONFIG.vocab_size, (2, videos, PROMPT_TOKENS))
    return Prompts(ids[0], ids[1])


def run_generate(
    prompts: Prompts,
    spec: GateSpec | None = None,
    guidance: float | None = None,
    **changes: Any,
) -> DecodeResult:
    gate = None if spec is None else spec.make(CONFIG.num_hidden_layers)
    options = DecodeOptions(ReplayConfig(FRAME_TOKENS), gate, guidance=guidance)
    request: dict[str, Any] = {
        "num_frames": FRAMES,
        "num_codes": NUM_CODES,
        "sampling": Sampling(),
        "seed": 3,
    }
    return generate(CONFIG, WEIGHTS, prompts, options, **(request | changes))


def are_equal(first: DecodeResult, second: DecodeResult) -> bool:
    return (
        np.array_equal(first.token_ids, second.token_ids)
        and np.array_equal(first.nats, second.nats)
        and np.array_equal(first.top_1, second.top_1)
        and np.array_equal(first.record.replayed, second.record.replayed)
    )


@examples(30)
@given(seeds, st.integers(1, 3), gate_specs, guidances)
def test_same_seed_gives_the_same_video_of_visual_codes(
    seed: int, videos: int, spec: GateSpec, guidance: float | None
) -> None:
    prompts = make_prompts(seed, videos)
    result = run_generate(prompts, spec, guidance)
    assert result.token_ids.shape == result.nats.T.shape == result.top_1.T.shape == (videos, TOTAL)
    assert ((result.token_ids >= 0) & (result.token_ids < NUM_CODES)).all()
    assert are_equal(result, run_generate(prompts, spec, guidance))
    rows = videos if guidance is None else 2 * videos
    assert result.record.replayed.shape == (TOTAL - 1, CONFIG.num_hidden_layers, rows)


@examples(30)
@given(seeds, gate_specs.filter(lambda spec: spec.name != "random"), guidances)
def test_a_video_does_not_depend_on_the_videos_behind_it(
    seed: int, spec: GateSpec, guidance: float | None
) -> None:
    prompts = make_prompts(seed, 3)
    first = Prompts(prompts.conditional[:1], prompts.unconditional[:1])
    together, alone = run_generate(prompts, spec, guidance), run_generate(first, spec, guidance)
    assert np.array_equal(together.token_ids[:1], alone.token_ids)
    assert np.array_equal(together.nats[:, :1], alone.nats)


@examples(30)
@given(seeds, gate_specs, guidances, st.integers(0, TOTAL))
def test_feeding_what_was_drawn_repeats_the_run(
    seed: int, spec: GateSpec, guidance: float | None, num_given: int
) -> None:
    prompts = make_prompts(seed, 2)
    drawn = run_generate(prompts, spec, guidance, sampling=Sampling(0.0))
    given_ids = drawn.token_ids[:, :num_given]
    again = run_generate(prompts, spec, guidance, sampling=Sampling(0.0), given_ids=given_ids)
    assert are_equal(drawn, again)
    assert drawn.top_1.all()


@examples(30)
@given(seeds, st.sampled_from([None, *GATES]), guidances)
def test_likelihoods_are_those_of_a_decoder_fed_with_the_same_tokens(
    seed: int, spec: GateSpec | None, guidance: float | None
) -> None:
    prompts = make_prompts(seed, 2)
    tokens = np.random.default_rng(seed).integers(0, CONFIG.vocab_size, (2, TOTAL))
    result = run_generate(prompts, spec, guidance, given_ids=tokens)
    assert np.array_equal(result.token_ids, tokens)
    rows = prompts.get_rows(guidance is not None)
    forced = np.tile(tokens, (len(rows) // 2, 1))[:, : TOTAL - 1]
    run = Run(CONFIG, WEIGHTS, rows, np.ones(rows.shape, bool), forced, FRAME_TOKENS)
    decoded = decode(run, None if spec is None else spec.make(CONFIG.num_hidden_layers))
    logits = np.concatenate([decoded.prefill_logits[None, :, -1], decoded.logits])
    if guidance is not None:
        logits = logits[:, 2:] + guidance * (logits[:, :2] - logits[:, 2:])
    shares = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    for token, video in np.ndindex(TOTAL, 2):
        chosen = tokens[video, token]
        expected = -math.log(shares[token, video, chosen])
        assert result.nats[token, video] == pytest.approx(expected, rel=1e-10, abs=1e-12)
        best = logits[token, video, :NUM_CODES].argmax()
        assert result.top_1[token, video] == (best == chosen)


def test_other_seeds_give_other_videos() -> None:
    prompts = make_prompts(0, 1)
    first, second = run_generate(prompts), run_generate(prompts, seed=4)
    assert not np.array_equal(first.token_ids, second.token_ids)


def test_progress_counts_every_fed_token() -> None:
    calls: list[tuple[int, int]] = []
    run_generate(make_prompts(0, 1), progress=lambda *call: calls.append(call))
    assert calls == [(fed, TOTAL - 1) for fed in range(1, TOTAL)]


def test_nats_equal_the_naive_model_and_do_not_overflow() -> None:
    logits = np.array([[1e4, 0.0, -1e4], [0.0, math.log(2), 0.0]])
    nats = compute_nats(logits, np.array([2, 1]))
    assert nats == pytest.approx([2e4, math.log(2)], rel=1e-12)


def test_nats_of_many_rows_are_those_of_each() -> None:
    draws = np.random.default_rng(0)
    logits = draws.standard_normal((2 * ROWS_AT_ONCE + 1, 7)).astype(np.float32)
    chosen = draws.integers(7, size=len(logits))
    one_by_one = [
        compute_nats(logits[row : row + 1], chosen[row : row + 1])[0] for row in range(len(logits))
    ]
    assert compute_nats(logits, chosen).tolist() == one_by_one


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_frames": 0}, r"^frames = 0: must be at least 1$"),
        ({"num_frames": 16}, r"^frames = 16: must be at most 15, the model's position limit$"),
        ({"num_codes": 0}, r"^num_codes = 0: must be in \[1, vocab_size = 11\]$"),
        ({"num_codes": 12}, r"^num_codes = 12: must be in \[1, vocab_size = 11\]$"),
        ({"seed": -1}, r"^seed = -1: must be at least 0$"),
        (
            {"given_ids": np.zeros((2, 13), np.int64)},
            r"^given_ids shape = \(2, 13\): must be \[2 videos, at most 12 tokens\]$",
        ),
        (
            {"given_ids": np.zeros((1, 3), np.int64)},
            r"^given_ids shape = \(1, 3\): must be \[2 videos, at most 12 tokens\]$",
        ),
        (
            {"given_ids": np.full((2, 3), 11)},
            r"^given_ids = 11: must be in \[0, vocab_size = 11\)$",
        ),
        (  # also the last token, which no decoder ever sees
            {"given_ids": np.append(np.zeros((2, 11), np.int64), [[0], [-1]], axis=1)},
            r"^given_ids = -1: must be in \[0, vocab_size = 11\)$",
        ),
    ],
)
def test_refuses_requests(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        run_generate(make_prompts(0, 2), **changes)


@pytest.mark.parametrize("guidance", [-1.0, float("nan"), float("inf")])
def test_refuses_guidance(guidance: float) -> None:
    with pytest.raises(ArgumentError, match=r"^guidance = \S+: must be finite and at least 0$"):
        DecodeOptions(ReplayConfig(4), guidance=guidance)


def test_the_unconditional_prompt_is_read_under_guidance_only() -> None:
    run = make_run(0, rows=2)
    prompts = Prompts(run.prompt_ids, run.prompt_ids + 100)
    assert np.array_equal(prompts.get_rows(False), run.prompt_ids)
    assert np.array_equal(
        prompts.get_rows(True), np.concatenate([run.prompt_ids, run.prompt_ids + 100])
    )
