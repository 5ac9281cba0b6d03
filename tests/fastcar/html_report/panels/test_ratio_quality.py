"""Curves of runs and of gates: a point for each, a line for those that belong together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fastcar.html_report.panels.ratio_quality import make_gates_panel, make_runs_panel
from fastcar.html_report.runs.analyze_run import AnalyzeRun
from fastcar.html_report.runs.generate_run import GenerateRun
from fastcar.html_report.sources import read_runs
from tests.fastcar.html_report.sample_runs import copy_findings, write_generate_run


def test_runs_of_one_gate_are_one_curve(tmp_path: Path) -> None:
    (run,) = read_runs([write_generate_run(tmp_path)])
    assert isinstance(run, GenerateRun)
    other, nothing = replace(run, gate="input", ratio=0.1), replace(run, ratio=None)
    (chart,) = make_runs_panel([run, replace(run, ratio=0.7), other, nothing], "all").charts
    rows = chart.spec["data"]["values"]
    assert [row["percent"] for row in rows] == [100 * (run.ratio or 0), 70, 10]
    assert len({row["curve"] for row in rows}) == 2
    quality = run.quality["replay_against_truth"]
    assert {row["decibels"] for row in rows} == {quality.psnr_decibels}


def test_gates_of_an_analysis_are_curves_with_errors(tmp_path: Path) -> None:
    (run,) = read_runs([copy_findings(tmp_path)])
    assert isinstance(run, AnalyzeRun)
    (chart,) = make_gates_panel(run, "r0").charts
    rows = chart.spec["data"]["values"]
    assert len(rows) == len(run.gates) > 10
    assert all(row["low"] <= row["nats"] <= row["high"] for row in rows)
    assert [row["percent"] for row in rows] == sorted(row["percent"] for row in rows)
    assert len(chart.spec["layer"]) == 3
