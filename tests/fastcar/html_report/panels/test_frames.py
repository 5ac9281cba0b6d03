"""Curves of one run: those that it has numbers for, with the numbers of its report."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from fastcar.html_report.panels.frames import make_frames_panel
from fastcar.html_report.runs.generate_run import GenerateRun
from fastcar.html_report.sources import read_runs
from tests.fastcar.html_report.sample_runs import write_generate_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> GenerateRun:
    (found,) = read_runs([write_generate_run(tmp_path_factory.mktemp("run"))])
    assert isinstance(found, GenerateRun)
    return found


def list_keys(run: GenerateRun) -> list[str]:
    return [chart.key for chart in make_frames_panel(run, "r0").charts]


def test_charts_hold_the_numbers_of_the_report(run: GenerateRun) -> None:
    charts = {chart.key: chart for chart in make_frames_panel(run, "r0").charts}
    assert list(charts) == ["r0-ratio", "r0-psnr", "r0-age", "r0-time"]
    ratios = [row["percent"] for row in charts["r0-ratio"].spec["data"]["values"]]
    assert ratios == [100 * (ratio or 0) for ratio in run.by_frame]
    quality = [row["decibels"] for row in charts["r0-psnr"].spec["data"]["values"]]
    wanted = [value for one in run.quality.values() for value in one.psnr_by_frame]
    assert quality == wanted
    assert len(run.quality) == 3
    seconds = charts["r0-time"].spec["data"]["values"]
    parts = {(row["run"], row["part"]): row["seconds"] for row in seconds}
    assert parts["replay", "mlp"] == run.seconds["replay"]["mlp"]


def test_a_calibrated_run_has_a_curve_of_finite_thresholds(run: GenerateRun) -> None:
    curve = [(math.inf, 0.0), (0.5, 0.25), (None, 0.5), (-math.inf, 1.0)]
    (chart,) = [
        chart
        for chart in make_frames_panel(replace(run, curve=curve), "r0").charts
        if chart.key == "r0-curve"
    ]
    assert chart.spec["data"]["values"] == [{"threshold": 0.5, "percent": 25}]
    assert "r0-curve" not in list_keys(replace(run, curve=[(math.inf, 0.0)]))


def test_a_run_that_decided_nothing_has_no_empty_charts(run: GenerateRun) -> None:
    nothing = replace(run, by_frame=[None], age_shares=[], quality={})
    assert list_keys(nothing) == ["r0-time"]
