from __future__ import annotations

import numpy as np
import pytest

from fastcar import statistics
from fastcar.proofs.activation_certificate import ActivationCertificate
from fastcar.proofs.certificate import make_certificate
from fastcar.reference.config import ModelConfig
from fastcar.reference.laps import PARTS
from fastcar.reference.records import ReplayRecord
from fastcar.reference.weights import make_random_weights

CONFIG = ModelConfig(8, 6, 10, 2, 2, 2, 4, 1e-5, 1e4, 64)


def make_record(replayed: list[list[int]], rows: int = 1) -> ReplayRecord:
    """A record of two layers from the decisions [S][L] of every row alike."""
    record = ReplayRecord(CONFIG, len(replayed), rows, np.dtype(np.float32))
    record.replayed[:] = np.array(replayed, bool)[:, :, None]
    record.eligible[2:] = True
    record.measures[2:] = np.arange(record.measures[2:].size).reshape(record.measures[2:].shape)
    return record


SOME = make_record([[0, 0], [0, 0], [1, 0], [1, 1], [0, 0]], rows=2)


def test_ratios_by_layer_and_frame_count_fed_tokens() -> None:
    assert statistics.compute_layer_ratios(SOME).tolist() == [0.4, 0.2]
    # the last frame of two tokens has only one fed token
    assert statistics.compute_frame_ratios(SOME, 2).tolist() == [0.0, 0.75, 0.0]


def test_percentiles_are_of_eligible_measures() -> None:
    overall, first, second = statistics.compute_measure_percentiles(SOME)
    assert overall is not None
    assert first is not None
    assert second is not None
    assert (overall["0"], overall["50"], overall["100"]) == (0.0, 5.5, 11.0)
    assert (first["0"], first["100"], second["0"], second["100"]) == (0.0, 9.0, 2.0, 11.0)


def test_a_layer_without_measures_has_no_percentiles() -> None:
    record = make_record([[0, 0]] * 4)
    record.measures[:, 1] = np.nan
    overall, first, second = statistics.compute_measure_percentiles(record)
    assert second is None
    assert overall == first is not None


def test_staleness_is_the_distribution_of_chains() -> None:
    record = make_record([[0, 0]] * 4)
    record.chains[:, :, 0] = [[0, 0], [1, 0], [2, 1], [3, 0]]
    staleness = statistics.compute_staleness(record)
    assert staleness.shares.tolist() == [0.5, 0.25, 0.125, 0.125]
    assert (staleness.mean, staleness.mean_replayed, staleness.longest) == (0.875, 1.75, 3)
    assert statistics.compute_staleness(make_record([[0, 0]])).mean_replayed is None


def test_nothing_is_said_of_nothing() -> None:
    """A video of one token feeds none; NumPy would warn of every mean, and warnings are errors."""
    empty = ReplayRecord(CONFIG, 0, 1, np.dtype(np.float32))
    assert statistics.compute_ratio(empty) is statistics.compute_eligible_ratio(empty) is None
    assert statistics.list_numbers(statistics.compute_layer_ratios(empty)) == [None, None]
    for tokens_per_frame in (1, 4):
        found = statistics.compute_frame_ratios(empty, tokens_per_frame)
        assert statistics.list_numbers(found) == [None]
    assert statistics.compute_measure_percentiles(empty) == [None] * 3
    staleness = statistics.compute_staleness(empty)
    assert (staleness.mean, staleness.mean_replayed, staleness.longest) == (None, None, 0)
    assert not len(staleness.shares)
    assert statistics.compute_work(empty, CONFIG, "tas").saved_share is None


def test_ratios_of_something_are_numbers_also_where_they_are_zero() -> None:
    record = make_record([[0, 0]] * 4)
    assert statistics.compute_ratio(record) == 0
    assert statistics.compute_eligible_ratio(record) == 0
    # nobody feeds the last token of five frames of one
    found = statistics.compute_frame_ratios(record, 1)
    assert statistics.list_numbers(found) == [0, 0, 0, 0, None]


@pytest.mark.parametrize(("seconds", "ratio"), [(0.0, 0.5), (1.0, None)])
def test_a_time_that_says_nothing_gives_no_speed_up(seconds: float, ratio: float | None) -> None:
    parts = dict.fromkeys(PARTS, seconds)
    timing = statistics.compute_timing((parts,), (parts,), ratio)
    assert timing.amdahl is None
    expected = (1, 0) if seconds else (None, None)
    assert (timing.speed_up, timing.spread) == expected


@pytest.mark.parametrize(
    ("gate", "gate_work"), [("tas", 3 * 2 * 2 * 4), ("input", 12 * 6), ("oracle", 6 * 180)]
)
def test_work_counts_multiplications(gate: str, gate_work: int) -> None:
    record = make_record([[0, 0], [0, 0], [1, 0], [1, 1], [0, 0]], rows=2)
    record.num_extra_scores = 3
    work = statistics.compute_work(record, CONFIG, gate)
    # three matrices of 6 x 10; 5 steps, 2 layers, 2 rows; 6 replays
    assert (work.dense, work.saved, work.gate) == (20 * 180, 6 * 180, gate_work)
    assert work.saved_share == (6 * 180 - gate_work) / (20 * 180)


@pytest.mark.parametrize(
    ("certificate", "gate_work"),
    [("distance", 20 * 6 + 14 * 48 * 10), ("activation", 20 * (2 + 2) * 10 + 6 * 2 * 60)],
)
def test_work_of_a_certificate_counts_what_replayed_tokens_compute(
    certificate: str, gate_work: int
) -> None:
    record = make_record([[0, 0], [0, 0], [1, 0], [1, 1], [0, 0]], rows=2)
    weights = make_random_weights(CONFIG, np.random.default_rng(0))
    made = make_certificate(certificate, weights)
    if isinstance(made, ActivationCertificate):
        made = ActivationCertificate(weights, rank=2)
    assert statistics.compute_work(record, CONFIG, "input", made).gate == gate_work


def test_timing_takes_the_fastest_run_of_each_kind() -> None:
    def parts(mlp: float) -> dict[str, float]:
        return {**dict.fromkeys(PARTS, 1.0), "mlp": mlp}

    timing = statistics.compute_timing((parts(7), parts(3)), (parts(1), parts(9)), ratio=0.5)
    assert (timing.dense["mlp"], timing.replay["mlp"]) == (3, 1)
    assert (timing.dense_runs, timing.replay_runs) == ((10, 6), (4, 12))
    assert timing.speed_up == 1.5
    assert timing.spread == 2.0
    assert timing.amdahl == pytest.approx(1 / 0.75)
