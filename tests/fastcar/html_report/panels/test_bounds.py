"""Bounds: ratios where there are some, verdicts always."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fastcar.html_report.panels.bounds import SMALLEST_RATIO, make_bounds_panel
from fastcar.html_report.runs.prove_run import ProveRun
from fastcar.html_report.sources import read_runs
from tests.fastcar.html_report.sample_runs import write_prove_run


@pytest.fixture
def run(tmp_path: Path) -> ProveRun:
    (found,) = read_runs([write_prove_run(tmp_path)])
    assert isinstance(found, ProveRun)
    return found


def test_a_ratio_of_nothing_is_drawn_at_the_end_of_the_scale(run: ProveRun) -> None:
    statement = replace(run.statements[0], median_ratio=0.0)
    (chart,) = make_bounds_panel(replace(run, statements=(statement,)), "r0").charts
    ratios = {row["of"]: row["ratio"] for row in chart.spec["data"]["values"]}
    assert ratios == {"worst": 0.9, "median": SMALLEST_RATIO}
    assert chart.table.rows[0][3:7] == ("holds", "5", "0.9", "0")


@pytest.mark.parametrize(("instances", "verdict"), [(5, "DOES NOT HOLD"), (0, "no instance")])
def test_what_does_not_hold_is_said(run: ProveRun, instances: int, verdict: str) -> None:
    statement = replace(
        run.statements[0],
        holds=False,
        num_instances=instances,
        worst_ratio=None,
        median_ratio=None,
        vacuous_share=None,
    )
    panel = make_bounds_panel(replace(run, holds=False, statements=(statement,)), "r0")
    assert not panel.charts
    assert verdict in panel.html
