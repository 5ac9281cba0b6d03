"""Predictions: the cycle model on drawn decisions, against dense and published runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.cosim.cycles.planner import Planner
from fastcar.cosim.cycles.step_counts import count_bytes
from fastcar.cosim.cycles.workload import WORKLOADS
from fastcar.cosim.prediction import predict
from fastcar.cosim.prediction_request import PredictionRequest
from fastcar.cosim.prediction_tables import format_report
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.scheduler import Dispatch
from fastcar.reference.video.model import load_video_model
from fastcar.rtl.config import DEMO

PAPER = PredictionRequest("vila_u_7b_u280", cores=8, lanes=16, batch=18, latency=64, draws=100)
"""What a fit of rounds to the published times guesses: 18 elements on 8 cores."""


def test_cycles_are_means_of_the_cycle_model() -> None:
    request = PredictionRequest(draws=3, ratios=(0.5,), seed=4)
    report = predict(request)
    planner = Planner(DEMO, (WORKLOADS["demo"].blank_layer,))
    flags = np.random.default_rng(4).random((3, DEMO.num_slots)) >= 0.5
    [row] = report["rows"]
    assert row["ratio"] == 1 - flags.mean()
    for name, dispatch in (("drs", Dispatch.DYNAMIC), ("static", Dispatch.STATIC)):
        runs = [
            planner.predict(one, DEMO.num_cores, dispatch, DecisionSource.SCORE, 1)
            for one in flags.tolist()
        ]
        assert row[f"{name}_cycles"] == np.mean([run.cycles for run in runs])
        assert row["read_bytes"] == np.mean([count_bytes(DEMO, run)["read_bytes"] for run in runs])


@given(st.sampled_from(list(WORKLOADS)), st.sampled_from(DecisionSource))
def test_without_replay_only_the_scores_are_added_and_with_it_hardly_anything_is_left(
    preset: str, source: DecisionSource
) -> None:
    request = PredictionRequest(preset, 4, 16, 8, 2, source, (0.0, 1.0), draws=1)
    report = predict(request)
    none, every = report["rows"]
    dense = report["dense"]["cycles"]
    assert (none["ratio"], every["ratio"]) == (0, 1)
    assert dense < none["drs_cycles"] == none["static_cycles"] < 1.06 * dense
    assert every["drs_cycles"] == every["static_cycles"] < 0.06 * dense
    assert none["drs_time"] == pytest.approx(1, abs=0.05)
    assert every["drs_time"] == pytest.approx(1 - report["mlp_share"], abs=0.05)


def test_the_demo_is_the_shipped_model() -> None:
    model, workload = load_video_model(), WORKLOADS["demo"]
    assert workload.num_layers == model.config.num_hidden_layers
    assert workload.num_fed_tokens == model.geometry.frames * model.geometry.tokens_per_frame - 1


def test_bytes_of_a_dense_step_are_those_of_its_weights_and_vectors() -> None:
    workload, slots, lanes = WORKLOADS["vila_u_7b_u280"], 18, 16
    dense = predict(replace(PAPER, draws=1))["dense"]
    weights = 3 * workload.hidden_size * workload.intermediate_size
    vectors = 2 * (2 * workload.hidden_size + 2 * workload.intermediate_size + workload.hidden_size)
    assert dense["read_bytes"] == slots * (weights + vectors)
    assert dense["written_bytes"] == slots * 2 * 2 * workload.hidden_size
    assert workload.hidden_size % lanes == workload.intermediate_size % lanes == 0


@pytest.mark.slow
def test_the_cycle_model_confirms_the_rounds_guessed_from_the_published_times() -> None:
    report = predict(PAPER)
    assert report["mlp_share"] == pytest.approx(0.668, abs=5e-4)
    for row in report["rows"]:
        assert row["drs_time"] == pytest.approx(row["published_time"], abs=0.02)
        assert row["static_time"] > row["published_time"] + 0.05
    assert "0.807" in format_report(report)


def test_seconds_need_a_clock() -> None:
    assert predict(replace(PAPER, draws=1))["dense_mlp_seconds"] is None
    report = predict(replace(PAPER, draws=1, clock_mhz=200.0))
    seconds = report["dense"]["cycles"] * 32 * 2047 / 200e6
    assert report["dense_mlp_seconds"] == pytest.approx(seconds)
    assert f"{seconds:,.1f} s at 200 MHz" in format_report(report)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"preset": "llama"}, r"^preset = 'llama': must be one of demo, vila_u_7b_u280$"),
        ({"cores": None}, r"^cores = None: must be given; the preset vila_u_7b_u280 leaves it op"),
        ({"lanes": None}, r"^lanes = None: must be given"),
        ({"batch": None}, r"^batch = None: must be given"),
        ({"latency": None}, r"^latency = None: must be given"),
        ({"latency": 0}, r"^latency = 0: must be at least 1$"),
        ({"cores": 33}, r"^cores = 33: must be from 1 to 32$"),
        ({"lanes": 2048}, r"^lanes = 2048: must be a power of two, from 4 to 1024$"),
        ({"ratios": (0.5, 1.5)}, r"^ratio = 1.5: must be .*\[0, 1\]"),
        ({"mlp_share": -1.0}, r"^mlp_share = -1.0: must be .*\[0, 1\]"),
        ({"clock_mhz": 0.0}, r"^clock_mhz = 0.0: must be from 1e-06 to 1e\+06$"),
        ({"clock_mhz": 1e-320}, r"^clock_mhz = 1e-320: must be from"),
        ({"ratios": ()}, r"^ratio = \(\): must be at least one$"),
        ({"draws": 0}, r"^draws = 0: must be at least 1$"),
        ({"draws": 10**6}, r"^draws = 1000000: must be at most 100000$"),
        ({"seed": -1}, r"^seed = -1: must be at least 0$"),
    ],
)
def test_what_cannot_be_predicted_is_refused(changes: dict[str, object], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        predict(replace(PAPER, **changes))  # type: ignore[arg-type]
