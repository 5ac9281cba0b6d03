"""Drawn codes against the recorded greedy runs, and against a trace."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fastcar.reference.errors import ArgumentError
from fastcar.reference.replay import ReplayConfig, Semantics
from fastcar.reference.vila_u.generate import VilaUResult, generate_codes
from fastcar.reference.vila_u.sampling import CodeSampling
from fastcar.reference.vila_u.trace import run_vila_u_trace
from tests.vila_u_files import (
    MODELS,
    get_thresholds,
    load_codes,
    load_model,
    load_prompt,
    load_vectors,
    make_options,
)

GREEDY = CodeSampling(temperature=0, top_k=None)
LOOSE = CodeSampling(top_k=20)
FRAMES = {"A1": 4, "A2": 3, "A3": 3}


def generate(model: str, thresholds: Any = (None,), **changes: Any) -> VilaUResult:
    ids, mask = load_prompt(model)
    arguments: dict[str, Any] = {"num_frames": FRAMES[model], "sampling": GREEDY} | changes
    options = arguments.pop("options", make_options(model, thresholds))
    return generate_codes(load_model(model), ids, mask, options, **arguments)


@pytest.mark.parametrize("model", MODELS)
def test_greedy_videos_are_the_recorded_ones(model: str) -> None:
    np.testing.assert_array_equal(generate(model).codes, load_codes(model, "greedy_batch"))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("run", ["replay_mid50_greedy", "replay_first_layer_off70_greedy"])
def test_greedy_videos_under_replay_are_the_recorded_ones(model: str, run: str) -> None:
    recorded = load_vectors(model, run)
    found = generate(model, get_thresholds(recorded))
    np.testing.assert_array_equal(found.codes, recorded["codes"])
    np.testing.assert_array_equal(found.record.replayed, recorded["mask"])


def test_a_trace_of_drawn_codes_sees_what_the_generation_saw() -> None:
    found = generate("A2", (0.1, 0.3), sampling=LOOSE, seed=5)
    ids, mask = load_prompt("A2")
    options = make_options("A2", (0.1, 0.3))
    trace = run_vila_u_trace(load_model("A2"), ids, found.codes, options, mask)
    np.testing.assert_array_equal(trace.replayed, found.record.replayed)
    likeliest = trace.guided_logits.argmax(axis=-1) == found.codes
    np.testing.assert_array_equal(found.top_1, likeliest.transpose(1, 0, 2))
    given = generate("A2", (0.1, 0.3), given_codes=found.codes)
    np.testing.assert_array_equal(given.nats, found.nats)


def test_a_video_depends_on_its_seed_and_not_on_its_neighbour() -> None:
    ids, mask = load_prompt("A2")
    first, again, other = (generate("A2", sampling=LOOSE, seed=seed).codes for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    alone = generate_codes(
        load_model("A2"),
        ids[::2],
        mask[::2],
        make_options("A2"),
        num_frames=3,
        sampling=LOOSE,
        seed=3,
    )
    np.testing.assert_array_equal(alone.codes[0], first[0])


def test_given_positions_are_kept_and_the_rest_is_drawn() -> None:
    whole = generate("A2")
    found = generate("A2", given_codes=whole.codes[:, :10])
    np.testing.assert_array_equal(found.codes, whole.codes)


def test_all_but_the_last_position_are_reported() -> None:
    seen: list[tuple[int, int]] = []
    generate("A2", num_frames=1, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 8) for done in range(1, 9)]


@pytest.mark.parametrize(
    ("changes", "limit"),
    [
        ({"num_frames": 0}, r"^frames = 0: must be at least 1$"),
        ({"sampling": None}, r"^top_k = 900: must be at most n_embed = 33$"),
        ({"num_frames": 48}, r"^positions of a video = 432: must be at most 423"),
        ({"given_codes": np.zeros((1, 2, 4), np.int64)}, r"^given_codes shape = \(1, 2, 4\)"),
        ({"given_codes": np.full((2, 2, 4), 33)}, r"^given_codes = 33: must be in \[0, n_embed"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], limit: str) -> None:
    with pytest.raises(ArgumentError, match=limit):
        generate("A2", **changes)


def test_frames_of_another_size_are_refused() -> None:
    options = replace(make_options("A2"), replay=ReplayConfig(8, Semantics.PAPER))
    with pytest.raises(ArgumentError, match=r"^tokens_per_frame = 8: must be 9, the places of a"):
        generate("A2", options=options)
