"""What a linear correction does to errors and bounds, measured on a small model."""

from __future__ import annotations

import numpy as np
import pytest

from fastcar.proofs.decoded_run import decode, load_rows
from fastcar.proofs.experiments.corrected_replay import (
    DERIVATIVE,
    FULL,
    GUARANTEES,
    LOW_RANK,
    PLAIN,
    PLAIN_DISTANCE,
    CorrectionResult,
    measure_corrections,
)
from tests.fastcar.tiny_video_model import save_tiny_video_model


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[CorrectionResult]:
    """Twenty pairs of every layer of a tiny model."""
    pair = decode(load_rows(save_tiny_video_model(tmp_path_factory.mktemp("model"))))
    return measure_corrections(pair, 20, np.random.default_rng(0))


def test_every_layer_and_correction_is_measured(results: list[CorrectionResult]) -> None:
    names = [PLAIN, PLAIN_DISTANCE, LOW_RANK, FULL, DERIVATIVE]
    layers = sorted({line.layer for line in results})
    assert [(line.layer, line.correction) for line in results] == [
        (layer, name) for layer in layers for name in names
    ]


def test_bounds_are_above_errors_and_shares_grow(results: list[CorrectionResult]) -> None:
    for line in results:
        assert 0 < line.error <= line.distance_bound
        assert line.input_bound is None or line.input_bound >= line.error
        assert len(line.certified) == len(GUARANTEES)
        assert list(line.certified) == sorted(line.certified)


def test_plain_replay_is_bounded_more_sharply_than_by_the_certificate(
    results: list[CorrectionResult],
) -> None:
    bounds = {(line.layer, line.correction): line.distance_bound for line in results}
    errors = {(line.layer, line.correction): line.error for line in results}
    for layer in {line.layer for line in results}:
        assert bounds[layer, PLAIN] < bounds[layer, PLAIN_DISTANCE]
        assert bounds[layer, DERIVATIVE] < bounds[layer, PLAIN]
        assert errors[layer, PLAIN] == errors[layer, PLAIN_DISTANCE]
