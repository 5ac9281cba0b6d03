"""Corrections fitted to pairs: the best of their rank, of the pairs that a dense run has."""

from __future__ import annotations

import re

import numpy as np
import pytest

from fastcar.reference.arrays import FloatArray
from fastcar.reference.correction_calibration import (
    LEAST_DISTANCE,
    MAX_FRAMES_APART,
    RIDGE,
    ChangeCollector,
    ChangeMoments,
    fit_correction,
)
from fastcar.reference.errors import ArgumentError
from fastcar.reference.rms_norm import compute_rms_norm
from fastcar.reference.swiglu import compute_swiglu
from fastcar.strategies import make_run
from tests.reference.runs import decode

WIDTH = 6


def make_pairs(rank: int, noise: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Starts, moves and answers of one layer, answers of a rank but for noise."""
    rng = np.random.default_rng(2)
    move = rng.standard_normal((500, WIDTH)) * [4, 3, 1, 0.5, 0.3, 0.2]
    matrix = rng.standard_normal((WIDTH, rank)) @ rng.standard_normal((rank, WIDTH))
    answer = move @ matrix + noise * rng.standard_normal(move.shape)
    return rng.standard_normal(move.shape), move, answer


def add_all(*pairs: FloatArray) -> ChangeMoments:
    moments = ChangeMoments(1, WIDTH)
    moments.add(0, *pairs)
    return moments


def compute_error(down: FloatArray, up: FloatArray, pairs: tuple[FloatArray, ...]) -> float:
    """Weighted squared error that a fit makes as small as it can."""
    start, move, answer = pairs
    least = LEAST_DISTANCE * np.linalg.norm(start, axis=1)
    weight = 1 / np.maximum(np.linalg.norm(move, axis=1), least)
    gaps = (answer - move @ down.T @ up.T) * weight[:, None]
    return float((gaps**2).sum())


def test_an_answer_of_low_rank_is_found() -> None:
    pairs = make_pairs(rank=2, noise=0)
    found = fit_correction(add_all(*pairs), 2)
    assert found.rank == 2
    nothing = compute_error(0 * found.down[0], found.up[0], pairs)
    assert compute_error(found.down[0], found.up[0], pairs) < 1e-4 * nothing


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_no_cut_of_the_full_matrix_is_better(rank: int) -> None:
    pairs = make_pairs(rank=6, noise=0.5)
    moments = add_all(*pairs)
    found = fit_correction(moments, rank)
    full = np.linalg.solve(moments.inputs[0], moments.cross[0])
    left, values, right = np.linalg.svd(full)
    cut = (left[:, :rank] * values[:rank]).T, right[:rank].T
    assert compute_error(found.down[0], found.up[0], pairs) < 0.97 * compute_error(*cut, pairs)


def test_the_full_rank_is_the_least_squares_of_weighted_pairs() -> None:
    pairs = make_pairs(rank=6, noise=0.5)
    found = fit_correction(add_all(*pairs), WIDTH)
    start, move, answer = pairs
    least = LEAST_DISTANCE * np.linalg.norm(start, axis=1)
    weight = 1 / np.maximum(np.linalg.norm(move, axis=1), least)[:, None]
    ridge = np.sqrt(RIDGE * np.square(move * weight).sum() / WIDTH) * np.eye(WIDTH)
    moves = np.concatenate([move * weight, ridge])
    answers = np.concatenate([answer * weight, np.zeros((WIDTH, WIDTH))])
    wanted = np.linalg.lstsq(moves, answers, rcond=None)[0]
    assert np.allclose((found.up[0] @ found.down[0]).T, wanted, rtol=1e-4, atol=1e-4)


def test_pairs_are_those_of_every_place_up_to_three_frames_apart() -> None:
    run = make_run(0, steps=11, tokens_per_frame=2)
    collector = ChangeCollector(run.config)
    decoded = decode(run, collector)
    assert not decoded.replayed.any()
    wanted = ChangeMoments(run.config.num_hidden_layers, run.config.hidden_size)
    for layer_index, layer in enumerate(run.weights.layers):
        seen = [one for one in decoded.observations if one.layer_index == layer_index]
        outputs = [one.decision.output for one in seen]
        streams = [one.layer_out - output for one, output in zip(seen, outputs, strict=True)]
        normed = [compute_rms_norm(x, layer.mlp_norm, run.config.rms_norm_eps) for x in streams]
        assert np.allclose(compute_swiglu(normed[3], layer), outputs[3], rtol=1e-3, atol=1e-5)
        for token in range(len(seen)):
            for before in range(token - 2, max(-1, token - 2 * MAX_FRAMES_APART - 1), -2):
                pair = normed[token] - normed[before], outputs[token] - outputs[before]
                wanted.add(layer_index, normed[before], *pair)
    assert collector.moments.num_pairs == wanted.num_pairs > 0
    for name in ("inputs", "cross"):
        found, expected = getattr(collector.moments, name), getattr(wanted, name)
        assert np.allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_two_runs_add_up_and_nothing_is_remembered_between_them() -> None:
    run = make_run(0)
    once, twice = ChangeCollector(run.config), ChangeCollector(run.config)
    decode(run, once)
    for _ in range(2):
        decode(run, twice)
    assert np.array_equal(2 * once.moments.cross, twice.moments.cross) or np.allclose(
        2 * once.moments.cross, twice.moments.cross, rtol=1e-12
    )
    fits = [fit_correction(one.moments, 3) for one in (once, once)]
    assert np.array_equal(fits[0].down, fits[1].down)


def test_without_pairs_nothing_is_corrected() -> None:
    found = fit_correction(ChangeMoments(2, WIDTH), 3)
    assert not found.down.any()
    assert not found.up.any()


@pytest.mark.parametrize("rank", [0, WIDTH + 1])
def test_a_rank_outside_of_its_limits_is_refused(rank: int) -> None:
    text = f"correct = {rank}: must be a rank from 1 to {WIDTH}, the width"
    with pytest.raises(ArgumentError, match=f"^{re.escape(text)}$"):
        fit_correction(ChangeMoments(2, WIDTH), rank)
