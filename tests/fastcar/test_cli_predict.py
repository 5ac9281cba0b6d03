"""`fastcar predict` through the real command line."""

from __future__ import annotations

import json

import pytest

from fastcar.reference.vila_u.work import (
    DepthSizes,
    count_depth_multiplications,
    count_projector_multiplications,
)
from tests.fastcar.commands import check_refused, run_command
from tests.fastcar.schema import list_undocumented
from tests.vila_u_files import get_folder

Capture = pytest.CaptureFixture[str]
PAPER = ("--preset", "vila_u_7b_u280", "--cores", "8", "--lanes", "16", "--batch", "18")


def test_tables_and_json_say_the_same(capsys: Capture) -> None:
    options = (*PAPER, "--latency", "64", "--ratio", "0.5", "--draws", "5", "--clock-mhz", "200")
    report = json.loads(run_command(capsys, "predict", *options, "--json").out)
    outcome = run_command(capsys, "predict", *options)
    assert outcome.status == 0
    [row] = report["rows"]
    for number in (row["drs_cycles"], row["static_cycles"], report["dense"]["cycles"]):
        assert f"{number:,.0f}" in outcome.out
    assert "0.689" in outcome.out
    assert "not known to us" in outcome.out


def test_every_field_is_documented(capsys: Capture) -> None:
    for preset in ((), (*PAPER, "--latency", "64")):
        report = json.loads(run_command(capsys, "predict", *preset, "--draws", "1", "--json").out)
        assert list_undocumented(report, "cosim_schema.md") == []


def test_a_vila_u_checkpoint_brings_the_sizes_of_its_depth_transformer(capsys: Capture) -> None:
    options = ("--checkpoint", str(get_folder("A1", "")), "--draws", "1", "--ratio", "0.5")
    report = json.loads(run_command(capsys, "predict", *options, "--json").out)
    once, anew = report["depth"]
    sizes = DepthSizes(64, 32, 48, depth=4, width=48, num_layers=2, projector_layers=2)
    assert once["depth_multiplications"] == count_depth_multiplications(sizes)
    assert anew["projector_multiplications"] == count_projector_multiplications(sizes)
    assert once["depth_width"] == anew["depth_width"] == 48
    assert report["published_line"] is None
    assert "W = 48, as published" in run_command(capsys, "predict", *options).out


def test_the_default_is_the_shipped_model(capsys: Capture) -> None:
    report = json.loads(run_command(capsys, "predict", "--draws", "2", "--json").out)
    assert report["accelerator"]["num_cores"] == 4
    assert [row["target_ratio"] for row in report["rows"]] == [0.2, 0.5, 0.8]
    assert report["published_dense_seconds"] is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (PAPER, ("latency", "None", "given")),
        (("--preset", "vila_u_7b_u280"), ("cores", "None", "given", "vila_u_7b_u280")),
        (("--preset", "large"), ("--preset", "'large'", "demo")),
        (("--lanes", "6"), ("lanes", "6", "power of two")),
        (("--ratio", "2"), ("ratio", "2", "[0, 1]")),
        (("--ratio", "half"), ("--ratio", "'half'")),
        (("--source", "oracle"), ("--source", "'oracle'", "distance")),
    ],
)
def test_wrong_argument_is_refused(
    capsys: Capture, options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    check_refused(run_command(capsys, "predict", *options), words)
