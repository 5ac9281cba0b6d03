"""The depth transformer in a prediction: beside the accelerator or on it."""

from __future__ import annotations

import pytest

from fastcar.cosim.cycles.workload import WORKLOADS
from fastcar.cosim.depth_prediction import (
    count_body_multiplications,
    fit_published,
    predict_depth,
)
from fastcar.cosim.prediction import predict
from fastcar.cosim.prediction_request import PredictionRequest
from fastcar.cosim.prediction_tables import format_report

PAPER = WORKLOADS["vila_u_7b_u280"]
ROWS = [{"drs_cycles": 1000.0}, {"drs_cycles": 250.0}]


def test_time_that_nobody_replays_moves_every_quotient_towards_one() -> None:
    reports = predict_depth(PAPER, 0.668, ROWS, 1000)
    assert [one["depth_width"] for one in reports[::2]] == [1024, 2048, 4096]
    for one in reports:
        body = 0.668 * 0.25 + 1 - 0.668
        expected = (body + one["against_body"]) / (1 + one["against_body"])
        assert one["drs_times"] == pytest.approx([1, expected])
        assert one["mlp_share"] == pytest.approx(0.668 / (1 + one["against_body"]))


def test_work_is_given_against_the_products_of_the_body() -> None:
    one = predict_depth(PAPER, 0.668, ROWS, 1000)[0]
    work = one["depth_multiplications"] + one["projector_multiplications"]
    assert count_body_multiplications(PAPER) == 32 * (3 * 4096 * 11008 + 4 * 4096 * 4096)
    assert one["against_body"] == work / count_body_multiplications(PAPER)
    assert one["projector_multiplications"] == 1024 * 4096 + 4096 * 4096


def test_computing_anew_as_published_takes_more() -> None:
    reports = predict_depth(PAPER, 0.668, ROWS, 1000)
    for kept, anew in zip(reports[::2], reports[1::2], strict=True):
        assert not kept["is_recomputed"]
        assert anew["is_recomputed"]
        assert kept["depth_width"] == anew["depth_width"]
        assert anew["against_body"] > 1.5 * kept["against_body"]


def test_the_line_goes_through_the_published_rows_with_replay() -> None:
    line = fit_published(PAPER)
    assert line is not None
    start, share = line["line_dense_seconds"], line["line_mlp_share"]
    for replayed in (0.2, 0.5, 0.8):
        seconds = start * (1 - share * replayed)
        assert seconds == pytest.approx(PAPER.published_seconds[replayed], abs=2)
    assert start + line["unexplained_seconds"] == pytest.approx(689.7)
    assert line["unexplained_seconds"] == pytest.approx(77, abs=0.5)
    assert PAPER.mlp_weight_share / (1 + line["beside_body"]) == pytest.approx(share)


def test_without_a_depth_transformer_there_is_none_in_the_report() -> None:
    report = predict(PredictionRequest(draws=1))
    assert report["depth"] == []
    assert report["published_line"] is None
    assert "depth transformer" not in format_report(report)


def test_the_table_has_a_line_for_the_host_and_one_for_every_width() -> None:
    request = PredictionRequest("vila_u_7b_u280", 4, 16, 8, 2, ratios=(0.5,), draws=1)
    report = predict(request)
    text = format_report(report)
    [row] = report["rows"]
    [host] = [line.split() for line in text.splitlines() if line.startswith("on the host")]
    assert host[-2:] == ["66.8%", f"{row['drs_time']:.3f}"]
    for one in report["depth"]:
        words = [f"{one['mlp_share']:.1%}", f"{one['drs_times'][0]:.3f}"]
        assert words in [line.split()[-2:] for line in text.splitlines()]
