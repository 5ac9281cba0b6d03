"""Sweeps: curves where rows can be read, else the reason."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from fastcar.html_report.panels.sweep import make_sweep_panel
from fastcar.html_report.runs import sweep_run
from fastcar.html_report.runs.sweep_run import ROWS_NAME, SweepRun
from fastcar.html_report.sources import read_runs
from fastcar.reference.errors import CheckpointError
from tests.fastcar.html_report.sample_runs import PROVENANCE, write_json

MANIFEST: dict[str, Any] = {
    "schema_version": 1,
    "provenance": PROVENANCE,
    "scope": "decoder",
    "spec_sha256": "cd" * 32,
    "code_sha256": "ef" * 32,
    "num_points": 7,
}
ROWS = [
    {"gate": gate, "replay_ratio": ratio, "psnr_decibels": 40 - 20 * ratio, "refusal": None}
    for gate in ("tas", "input")
    for ratio in (0.5, 0.2, 0.8)
]
REFUSED = {"gate": "tas", "replay_ratio": None, "psnr_decibels": None, "refusal": "too much"}


def write_sweep(folder: Path, rows: list[dict[str, Any]] | None, **changes: Any) -> Path:
    """A sweep's folder; without rows if there are none."""
    write_json(folder / "sweep.json", {**MANIFEST, **changes})
    if rows is not None:
        pyarrow = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        parquet.write_table(pyarrow.Table.from_pylist(rows), folder / ROWS_NAME)
    return folder


def read(folder: Path) -> SweepRun:
    (run,) = read_runs([folder])
    assert isinstance(run, SweepRun)
    return run


def test_settings_that_differ_are_curves(tmp_path: Path) -> None:
    run = read(write_sweep(tmp_path / "mine", [*ROWS, REFUSED]))
    assert run.origin.label == "sweep: mine"
    panel = make_sweep_panel(run, "r0-sweep")
    (chart,) = panel.charts
    rows = chart.spec["data"]["values"]
    assert {row["curve"] for row in rows} == {"gate tas", "gate input"}
    assert [row["percent"] for row in rows] == [20, 20, 50, 50, 80, 80]
    assert "6 of 7 points are drawn" in panel.html


def test_a_long_sweep_is_thinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_run, "MAX_SHOWN", 4)
    run = read(write_sweep(tmp_path, ROWS))
    assert len(run.rows) == 4
    assert (run.rows[0], run.rows[-1]) == (ROWS[0], ROWS[-1])


@pytest.mark.parametrize(
    ("rows", "changes", "words"),
    [
        (None, {}, "is not done"),
        (ROWS, {"scope": "taste"}, "no curve for sweeps of scope taste"),
        ([REFUSED], {}, "No point has"),
        (ROWS, {"scope": "cycles"}, "No point has"),
    ],
)
def test_a_sweep_without_curves_says_why(
    tmp_path: Path, rows: list[dict[str, Any]] | None, changes: dict[str, Any], words: str
) -> None:
    if rows is None and importlib.util.find_spec("pyarrow") is None:
        words = "pyarrow is not installed"
    panel = make_sweep_panel(read(write_sweep(tmp_path, rows, **changes)), "r0-sweep")
    assert words in panel.html
    assert not panel.charts


def test_without_pyarrow_the_page_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep_run, "find_spec", lambda _: None)
    run = read(write_sweep(tmp_path, None))
    assert "pip install pyarrow" in make_sweep_panel(run, "r0-sweep").html


def test_damaged_rows_are_refused(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path, ROWS)
    (folder / ROWS_NAME).write_bytes(b"PAR1 no rows PAR1")
    with pytest.raises(CheckpointError, match=ROWS_NAME) as refused:
        read(folder)
    assert "\n" not in str(refused.value)
